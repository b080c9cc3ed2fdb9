#include "redis.hpp"

#include <grove/base/error.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>

#include "text.hpp"

#include <boost/url/parse.hpp>
#include <hiredis/hiredis.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <stdexcept>
#include <system_error>

using namespace std::chrono_literals;

namespace crawler {

namespace {

constexpr auto patience = 30s;  // with a server that is away
constexpr auto reply_time = 30s;

struct FreeReply {
    void operator()(void* reply) const noexcept { freeReplyObject(reply); }
};

/// refusal: the first error in it, also within a transaction.
RedisReply converted(const redisReply& reply, std::string& refusal) {
    RedisReply result{.nil = reply.type == REDIS_REPLY_NIL, .integer = reply.integer};
    if (reply.str) result.text.assign(reply.str, static_cast<std::size_t>(reply.len));
    for (std::size_t i = 0; i < reply.elements; ++i) {
        result.items.push_back(converted(*reply.element[i], refusal));
    }
    if (reply.type == REDIS_REPLY_ERROR && refusal.empty()) refusal = result.text;
    return result;
}

/// It has just started, runs somebody's long script, or is about to change.
bool is_temporary(const std::string& refusal) {
    constexpr std::array<std::string_view, 4> kinds{"LOADING ", "BUSY ", "TRYAGAIN ", "MASTERDOWN "};
    return std::ranges::any_of(kinds, [&](std::string_view kind) { return refusal.starts_with(kind); });
}

void append_command(std::string& text, const Redis::Command& command) {
    std::vector<const char*> words;
    std::vector<std::size_t> sizes;
    for (const auto& word : command) {
        words.push_back(word.data());
        sizes.push_back(word.size());
    }
    char* formatted = nullptr;
    const int size =
        redisFormatCommandArgv(&formatted, static_cast<int>(words.size()), words.data(), sizes.data());
    if (size < 0) throw std::bad_alloc{};
    const std::unique_ptr<char, void (*)(char*)> owner{formatted, &redisFreeCommand};
    text.append(formatted, static_cast<std::size_t>(size));
}

}  // namespace

void Redis::FreeReader::operator()(redisReader* reader) const noexcept {
    redisReaderFree(reader);
}

Redis::Redis(std::string_view url) {
    const auto parsed = boost::urls::parse_uri(url);
    const std::string database = parsed ? std::string{parsed->path()} : "";
    const bool is_number =
        database.size() < 2 || database.find_first_not_of("0123456789", 1) == database.npos;
    const std::string port = parsed ? std::string{parsed->port()} : "";
    const auto port_number = number_in<std::uint16_t>(port);
    if (!parsed || parsed->scheme() != "redis" || parsed->host().empty() || !is_number ||
        (!port.empty() && port_number.value_or(0) == 0)) {
        throw std::invalid_argument{"'" + std::string{url} + "' is not a URL like redis://host:6379/0"};
    }
    host_ = parsed->host_address();
    port_ = port_number.value_or(port_);
    const std::string password{parsed->password()};
    const std::string user{parsed->user()};
    if (!password.empty() && user.empty()) greeting_.push_back({"AUTH", password});
    if (!password.empty() && !user.empty()) greeting_.push_back({"AUTH", user, password});
    if (database.size() > 1) greeting_.push_back({"SELECT", database.substr(1)});
}

Redis::~Redis() = default;

std::vector<RedisReply> Redis::run(std::span<const Command> commands) {
    const std::scoped_lock held{lock_};
    const grove::Deadline give_up{grove::Clock::now() + patience};
    for (auto wait = 50ms;; wait = std::min<std::chrono::milliseconds>(2 * wait, 2s)) {
        try {
            if (!socket_) connect(give_up);
            return exchange(commands);
        } catch (const std::system_error& error) {
            socket_ = {};
            if (give_up.passed()) {
                throw std::system_error{error.code(), "Redis at " + host_ + ":" + std::to_string(port_)};
            }
        }
        grove::sleep(wait);
    }
}

void Redis::connect(grove::Deadline by) {
    socket_ = grove::net::Socket::connect(host_, port_, by);
    reader_.reset(redisReaderCreate());
    if (!greeting_.empty()) (void)exchange(greeting_);
}

/// The socket is aside meanwhile: if this ends early, by a kill or an error, the connection is of no more
/// use.
std::vector<RedisReply> Redis::exchange(std::span<const Command> commands) {
    grove::net::Socket socket = std::move(socket_);
    std::string text;
    for (const Command& command : commands) append_command(text, command);
    const grove::Deadline by{grove::Clock::now() + reply_time};
    grove::write(socket, text, by);

    std::vector<RedisReply> replies;
    std::string refusal;
    std::array<std::byte, 4096> buffer;
    while (replies.size() < commands.size()) {
        void* raw = nullptr;
        if (redisReaderGetReply(reader_.get(), &raw) != REDIS_OK) {
            throw std::system_error{make_error_code(grove::Errc::bad_message), reader_->errstr};
        }
        if (!raw) {
            const std::size_t n = socket.read_some(buffer, by);
            if (n == 0) throw std::system_error{make_error_code(grove::Errc::eof), "Redis"};
            redisReaderFeed(reader_.get(), reinterpret_cast<const char*>(buffer.data()), n);
            continue;
        }
        const std::unique_ptr<redisReply, FreeReply> reply{static_cast<redisReply*>(raw)};
        replies.push_back(converted(*reply, refusal));
    }
    if (is_temporary(refusal)) {  // as if it were away
        throw std::system_error{std::make_error_code(std::errc::resource_unavailable_try_again), refusal};
    }
    socket_ = std::move(socket);
    if (!refusal.empty()) throw std::runtime_error{"Redis refuses: " + refusal};
    return replies;
}

}  // namespace crawler
