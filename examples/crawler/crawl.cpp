#include "crawl.hpp"

#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

using namespace std::chrono_literals;

namespace crawler {

namespace {

constexpr auto grace = 5s;  // for requests under way when the crawl is stopped
constexpr auto longest_backoff = 5min;
// Visits hold bodies: with these and the connections, this many times max_body is the most they take.
constexpr std::size_t most_results = 32;
constexpr std::size_t largest_batch = 64;

Visitor::Wants wants_of(const std::vector<Output*>& outputs) {
    Visitor::Wants wants;
    for (const Output* output : outputs) {
        wants.bodies |= output->wants_bodies();
        wants.links |= output->wants_links();
    }
    return wants;
}

/// Twice as long each time, and not all at once.
std::chrono::milliseconds backoff_of(std::chrono::milliseconds first, unsigned attempt) {
    static std::minstd_rand random{std::random_device{}()};
    const auto longest = std::max<std::chrono::milliseconds>(first, longest_backoff);
    const auto full = std::min<std::chrono::milliseconds>(first * (1LL << std::min(attempt, 20U)), longest);
    return full * std::uniform_int_distribution{75, 125}(random) / 100;
}

}  // namespace

Crawl::Crawl(const CrawlOptions& options, Frontier& frontier, std::vector<Output*> outputs)
    : options_{options},
      scope_{options.seeds, options.scope},
      frontier_{frontier},
      outputs_{std::move(outputs)},
      visitor_{options.visit, options.fetch, scope_, frontier, wants_of(outputs_)},
      hosts_{options.politeness},
      results_{most_results} {}

Crawl::End Crawl::run() {
    prepare();
    grove::Group alarm;
    if (options_.max_time != std::chrono::milliseconds::max()) {
        alarm.spawn([this] {
            grove::sleep(options_.max_time);
            end(End::limit);
        });
    }
    grove::TaskGroup parts;
    parts.spawn({.name = "commit"}, [this] { commit(); });
    parts.spawn({.name = "feed"}, [this] { feed(); });
    parts.spawn({.name = "workers"}, [this] { run_workers(); });
    parts.join();
    if (end_ == End::limit && frontier_.finished()) end_ = End::complete;  // by the last page
    frontier_.release();
    if (statistics_.pages == 0 && !failure_.empty()) throw std::runtime_error{failure_};
    if (end_ == End::complete) {
        for (Output* output : outputs_) output->finish();
    }
    return end_;
}

void Crawl::prepare() {
    for (Output* output : outputs_) {
        const std::string name = output->name();
        output->resume(name.empty() ? std::nullopt : frontier_.mark_of(name));
    }
    // From now on the outputs are known as this crawl's.
    frontier_.commit({}, marks());
    std::vector<Target> seeds;
    for (const auto& url : options_.seeds) seeds.push_back({.url = url});
    frontier_.add(seeds);
}

void Crawl::end(End how) noexcept {
    if (ending_.is_set()) return;
    end_ = how;
    ending_.set();
    changed_.set();
    hosts_.stop();
}

// --- pages in ----------------------------------------------------------------------------------------

void Crawl::feed() {
    const std::size_t window = frontier_.window();
    while (!ending_.is_set()) {
        changed_.clear();
        // Not one by one: a look into the frontier has its price.
        const bool hungry = hosts_.waiting() <= window / 2 && taken_ < window;
        if (hungry) {
            auto pages = frontier_.take(window - taken_);
            taken_ += pages.size();
            for (Page& page : pages) hosts_.put(std::move(page));
            if (pages.empty() && taken_ == 0 && frontier_.finished()) return end(End::complete);
        }
        (void)changed_.wait(frontier_.next_look());
    }
}

// --- the work ----------------------------------------------------------------------------------------

void Crawl::run_workers() {
    grove::TaskGroup workers;
    for (std::size_t i = 0; i < options_.connections; ++i) workers.spawn([this] { work(); });
    grove::Group impatience;
    impatience.spawn([&] {
        ending_.wait();
        grove::sleep(grace);
        workers.kill();
    });
    workers.join();
    results_.shutdown();
}

void Crawl::work() {
    while (auto turn = hosts_.next()) handle(std::move(*turn));
}

void Crawl::handle(Hosts::Turn turn) {
    const auto may_ask = [&](std::chrono::milliseconds delay) { return hosts_.may_ask(turn, delay); };
    auto result = visitor_.visit(turn.page, may_ask);
    if (result.too_soon) return hosts_.put_back(std::move(turn));
    if (result.temporary && put_off(turn, result)) return;
    if (result.visit.outcome == Outcome::fetched && accepted_++ >= options_.max_pages) {
        return end(End::limit);  // too late: the page waits for another run
    }
    { const Hosts::Turn over{std::move(turn)}; }  // the host's next page need not wait for the outputs
    results_.put(std::move(result.visit));
}

/// Later again, if it was not tried often enough. If the crawl ends meanwhile, the page waits in the
/// frontier.
bool Crawl::put_off(Hosts::Turn& turn, const Visitor::Result& result) {
    const auto backoff = backoff_of(options_.backoff, turn.attempt);
    const auto pause = std::max(result.pause, backoff);
    if (result.pause > 0ms || result.visit.status == 429) hosts_.pause(turn.page.url, pause);
    if (turn.attempt >= options_.retries) return false;
    ++statistics_.retries;
    hosts_.retry(std::move(turn), pause);
    return true;
}

// --- results out -------------------------------------------------------------------------------------

void Crawl::commit() {
    std::vector<Visit> batch;
    for (Visit& first : results_) {
        batch.push_back(std::move(first));
        while (batch.size() < largest_batch && !results_.empty()) {
            if (auto next = results_.get_nowait()) batch.push_back(std::move(*next));
        }
        const std::size_t size = batch.size();
        commit(batch);
        taken_ -= size;
        batch.clear();
        changed_.set();
    }
}

/// The outputs first: what is done must be there. If pages were lost meanwhile, what was written is cut off.
void Crawl::commit(std::vector<Visit>& visits) {
    std::vector<std::uint64_t> before;
    for (const Output* output : outputs_) before.push_back(output->position());
    for (bool done = false; !done;) {
        confirm(visits);
        write(visits);
        try {
            frontier_.commit(visits, marks());
            done = true;
        } catch (const PagesLost&) {
            for (std::size_t i = 0; i < outputs_.size(); ++i) outputs_[i]->resume(before[i]);
        }
    }
    for (const Visit& visit : visits) {
        statistics_.add(visit);
        if (scope_.is_start(visit.page.url)) note_start(visit);
    }
    if (statistics_.pages >= options_.max_pages || statistics_.bytes >= options_.max_bytes) end(End::limit);
}

void Crawl::confirm(std::vector<Visit>& visits) {
    const std::size_t size = visits.size();
    frontier_.confirm(visits);
    if (visits.size() < size) visitor_.forget_links();
}

void Crawl::write(std::span<const Visit> visits) {
    grove::TaskGroup writing;
    for (Output* output : outputs_) writing.spawn([=] { output->write(visits); });
    writing.join();
}

std::vector<Mark> Crawl::marks() const {
    std::vector<Mark> marks;
    for (const Output* output : outputs_) {
        if (auto name = output->name(); !name.empty()) marks.push_back({std::move(name), output->position()});
    }
    return marks;
}

/// A start page that leads nowhere is a mistake of who started the crawl.
void Crawl::note_start(const Visit& visit) {
    if (visit.outcome == Outcome::fetched || !visit.found.empty()) return;
    const bool leads_out = visit.outcome == Outcome::redirected;
    failure_ = "GET " + visit.page.url + ": ";
    failure_ += leads_out ? "redirects to " + visit.reason + ", which is not in the scope" : visit.reason;
}

}  // namespace crawler
