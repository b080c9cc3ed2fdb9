#include "redis_frontier.hpp"

#include <grove/core/runtime.hpp>

#include "digest.hpp"
#include "text.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <unistd.h>

using namespace std::chrono_literals;

namespace crawler {

namespace {

constexpr auto look_interval = 100ms;
// Of one script, so that it takes milliseconds: Redis serves nobody meanwhile.
constexpr std::size_t most_targets = 5'000;
constexpr const char* group = "crawlers";

// KEYS: the stream, the set of URLs met, the counters, the marks, the commits. ARGV: the consumer, the number
// of this commit among its, or 0: it is none; the most URLs to be known; how many marks, then of each the
// output and the position; then for each page that is done its id, or "", how many targets, and those.
//
// A commit that is repeated because its reply was lost is done once. One whose pages are not all the
// consumer's any more changes nothing and gives -1.
constexpr const char* commit_script = R"lua(
    local number = tonumber(ARGV[2])
    if number > 0 and tonumber(redis.call('HGET', KEYS[5], ARGV[1]) or 0) >= number then return 0 end
    local first = 5 + 2 * ARGV[4]
    local at = first
    while at <= #ARGV do
        if ARGV[at] ~= '' then
            local pending = redis.call('XPENDING', KEYS[1], 'crawlers', ARGV[at], ARGV[at], 1)
            if not pending[1] or pending[1][2] ~= ARGV[1] then return -1 end
        end
        at = at + 2 + ARGV[at + 1]
    end

    for i = 5, first - 1, 2 do redis.call('HSET', KEYS[4], ARGV[i], ARGV[i + 1]) end
    local room = ARGV[3] - redis.call('SCARD', KEYS[2])
    local added = 0
    local done = 0
    at = first
    while at <= #ARGV do
        if ARGV[at] ~= '' then
            redis.call('XACK', KEYS[1], 'crawlers', ARGV[at])
            redis.call('XDEL', KEYS[1], ARGV[at])
            done = done + 1
        end
        local last = at + 1 + ARGV[at + 1]
        for i = at + 2, last do
            local u, d, r, f = string.match(ARGV[i], '^(.-)\n(.-)\n(.-)\n(.*)$')
            if added >= room then
                redis.call('HINCRBY', KEYS[3], 'dropped', 1 - redis.call('SISMEMBER', KEYS[2], u))
            elseif redis.call('SADD', KEYS[2], u) == 1 then
                redis.call('XADD', KEYS[1], '*', 'u', u, 'd', d, 'r', r, 'f', f)
                added = added + 1
            end
        end
        at = last + 1
    end
    redis.call('HINCRBY', KEYS[3], 'open', added - done)
    if number > 0 then redis.call('HSET', KEYS[5], ARGV[1], number) end
    return added
)lua";

// KEYS: the stream. ARGV: the consumer, then ids. Gives those that are still the consumer's, leases renewed.
constexpr const char* renew_script = R"lua(
    local kept = {}
    for i = 2, #ARGV do
        local pending = redis.call('XPENDING', KEYS[1], 'crawlers', ARGV[i], ARGV[i], 1)
        if pending[1] and pending[1][2] == ARGV[1] then
            redis.call('XCLAIM', KEYS[1], 'crawlers', ARGV[1], 0, ARGV[i], 'JUSTID')
            kept[#kept + 1] = ARGV[i]
        end
    end
    return kept
)lua";

// The same, but they become new entries that anybody may take.
constexpr const char* release_script = R"lua(
    for i = 2, #ARGV do
        local pending = redis.call('XPENDING', KEYS[1], 'crawlers', ARGV[i], ARGV[i], 1)
        if pending[1] and pending[1][2] == ARGV[1] then
            local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])
            redis.call('XADD', KEYS[1], '*', unpack(entry[1][2]))
            redis.call('XACK', KEYS[1], 'crawlers', ARGV[i])
            redis.call('XDEL', KEYS[1], ARGV[i])
        end
    end
    return 0
)lua";

std::string host_name() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "host";
}

/// One word for each: a command has a million at most.
void append_page(Redis::Command& command, const std::string& id, std::span<const Target> targets) {
    command.push_back(id);
    command.push_back(std::to_string(targets.size()));
    for (const Target& target : targets) {
        std::string text = target.url;
        text.append("\n").append(std::to_string(target.depth));
        text.append("\n").append(std::to_string(target.redirects));
        command.push_back(text.append("\n").append(target.referrer));
    }
}

std::size_t count_in(const RedisReply& reply) {
    return number_in<std::size_t>(reply.text).value_or(0);
}

}  // namespace

RedisFrontier::RedisFrontier(const Options& options)
    : options_{options}, redis_{options.url}, consumer_{host_name() + "-" + random_uuid()} {
    try {
        (void)redis_.run({"XGROUP", "CREATE", key("pages"), group, "0", "MKSTREAM"});
    } catch (const std::system_error&) {
        throw;
    } catch (const std::runtime_error& error) {
        if (std::string_view{error.what()}.find("BUSYGROUP") == std::string_view::npos)
            throw;  // others were here before
    }
    heart_.spawn({.name = "leases"}, [this] { keep_leases(); });
}

/// The part in braces keeps all keys of a crawl on one node of a cluster.
std::string RedisFrontier::key(std::string_view part) const {
    return "{" + options_.name + "}:" + std::string{part};
}

/// Pages are to be appended.
Redis::Command RedisFrontier::commit_command(std::uint64_t number, std::span<const Mark> marks) const {
    Redis::Command command{"EVAL", commit_script, "5"};
    for (const char* part : {"pages", "met", "counters", "marks", "commits"}) command.push_back(key(part));
    command.push_back(consumer_);
    command.push_back(std::to_string(number));
    command.push_back(std::to_string(options_.max_urls));
    command.push_back(std::to_string(marks.size()));
    for (const Mark& mark : marks) {
        command.push_back(host_name() + ":" + mark.output);
        command.push_back(std::to_string(mark.position));
    }
    return command;
}

void RedisFrontier::add(std::span<const Target> targets) {
    while (!targets.empty()) {
        const std::size_t n = std::min(targets.size(), most_targets);
        Redis::Command command = commit_command(0, {});
        append_page(command, {}, targets.first(n));
        (void)redis_.run(command);
        targets = targets.subspan(n);
    }
}

// --- taking ------------------------------------------------------------------------------------------

std::vector<Page> RedisFrontier::take(std::size_t n) {
    const std::array<Redis::Command, 2> commands{Redis::Command{"XREADGROUP",
                                                                "GROUP",
                                                                group,
                                                                consumer_,
                                                                "COUNT",
                                                                std::to_string(n),
                                                                "STREAMS",
                                                                key("pages"),
                                                                ">"},
                                                 Redis::Command{"HMGET", key("counters"), "open", "dropped"}};
    const auto replies = redis_.run(commands);
    open_ = count_in(replies[1].items.at(0));
    dropped_ = count_in(replies[1].items.at(1));
    // A list of one stream, which is its name and its entries; nil: nothing new.
    if (!replies[0].items.empty()) return adopt(replies[0].items.at(0).items.at(1));
    return take_from_the_dead(n);
}

std::vector<Page> RedisFrontier::take_from_the_dead(std::size_t n) {
    const auto now = grove::Clock::now();
    if (now < next_search_) return {};
    next_search_ = now + options_.lease / 4;
    const std::string beginning = "0-0";
    std::vector<Page> pages;
    std::string from = beginning;
    do {  // Redis looks at ten times n entries at once; the first ones may all be of the living
        const auto reply = redis_.run({"XAUTOCLAIM",
                                       key("pages"),
                                       group,
                                       consumer_,
                                       std::to_string(options_.lease.count()),
                                       from,
                                       "COUNT",
                                       std::to_string(n)});
        from = reply.items.at(0).text;
        pages = adopt(reply.items.at(1));
    } while (pages.empty() && from != beginning);
    return pages;
}

/// The pages of these entries of the stream.
std::vector<Page> RedisFrontier::adopt(const RedisReply& entries) {
    std::vector<Page> pages;
    for (const RedisReply& entry : entries.items) {
        if (entry.nil || entry.items.size() != 2) continue;  // deleted
        Page page;
        page.id = entry.items[0].text;
        const auto& fields = entry.items[1].items;
        for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
            const std::string& value = fields[i + 1].text;
            if (fields[i].text == "u") page.url = value;
            if (fields[i].text == "d") page.depth = number_in<unsigned>(value).value_or(0);
            if (fields[i].text == "r") page.redirects = number_in<unsigned>(value).value_or(0);
            if (fields[i].text == "f") page.referrer = value;
        }
        if (held_.insert(page.id).second) pages.push_back(std::move(page));  // else it is at work here
    }
    return pages;
}

grove::Deadline RedisFrontier::next_look() const {
    return {grove::Clock::now() + look_interval};
}

// --- leases ------------------------------------------------------------------------------------------

std::set<std::string> RedisFrontier::renew(const std::set<std::string>& ids) {
    if (ids.empty()) return {};
    Redis::Command command{"EVAL", renew_script, "1", key("pages"), consumer_};
    command.insert(command.end(), ids.begin(), ids.end());
    std::set<std::string> kept;
    for (auto& id : redis_.run(command).items) kept.insert(std::move(id.text));
    return kept;
}

void RedisFrontier::keep_leases() {
    for (;;) {
        grove::sleep(options_.lease / 4);
        try {
            (void)renew(held_);
        } catch (const std::runtime_error&) {
            // Who takes or commits pages meets the same and says so; if it passes, the next beat comes in
            // time.
        }
    }
}

void RedisFrontier::confirm(std::vector<Visit>& visits) {
    std::set<std::string> ids;
    for (const Visit& visit : visits) ids.insert(visit.page.id);
    const auto kept = renew(ids);
    std::erase_if(visits, [&](const Visit& visit) {
        const bool lost = !kept.contains(visit.page.id);
        if (lost) held_.erase(visit.page.id);
        return lost;
    });
}

void RedisFrontier::release() {
    if (held_.empty()) return;
    Redis::Command command{"EVAL", release_script, "1", key("pages"), consumer_};
    command.insert(command.end(), held_.begin(), held_.end());
    (void)redis_.run(command);
    held_.clear();
}

// --- done --------------------------------------------------------------------------------------------

void RedisFrontier::commit(std::span<const Visit> visits, std::span<const Mark> marks) {
    std::size_t targets = 0;
    for (const Visit& visit : visits) targets += visit.found.size();
    const bool too_many = targets > most_targets;
    // Then they are known a little before the pages that lead there are done, which does no harm.
    if (too_many) {
        for (const Visit& visit : visits) add(visit.found);
    }
    Redis::Command command = commit_command(++commits_, marks);
    for (const Visit& visit : visits) {
        append_page(command, visit.page.id, too_many ? std::span<const Target>{} : visit.found);
    }
    if (redis_.run(command).integer < 0) throw PagesLost{};
    for (const Visit& visit : visits) held_.erase(visit.page.id);
}

bool RedisFrontier::finished() {
    open_ = count_in(redis_.run({"HGET", key("counters"), "open"}));
    return open_ == 0;
}

bool RedisFrontier::claim_content(const std::string& digest, const std::string& url) {
    const std::array<Redis::Command, 2> commands{Redis::Command{"HSETNX", key("contents"), digest, url},
                                                 Redis::Command{"HGET", key("contents"), digest}};
    return redis_.run(commands).at(1).text == url;
}

std::optional<std::uint64_t> RedisFrontier::mark_of(const std::string& output) {
    const auto reply = redis_.run({"HGET", key("marks"), host_name() + ":" + output});
    return number_in<std::uint64_t>(reply.text);
}

}  // namespace crawler
