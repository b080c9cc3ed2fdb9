#include "hosts.hpp"

#include "url.hpp"

#include <algorithm>

namespace crawler {

namespace {

constexpr std::size_t most_idle_hosts = 10'000;  // remembered for their delay

/// As deadlines see it: grove::now(), the time of the turn, may be a moment behind, and then a wait for what
/// is due would not wait, and this look not see it.
grove::Clock::time_point clock_now() {
    constexpr grove::Clock::duration moment{1};
    return grove::Deadline{moment}.at() - moment;
}

}  // namespace

void Hosts::put(Page page) {
    if (stopped_) return;
    Entry& entry = host_of_page(page.url);
    entry.second.fresh.push_back({std::move(page)});
    ++waiting_;
    requeue(entry);
}

std::optional<Hosts::Turn> Hosts::next() {
    while (!stopped_) {
        const Time now = clock_now();
        if (queue_.empty()) {
            takers_.wait();
        } else if (const auto [time, entry] = *queue_.begin(); time > now) {
            (void)takers_.wait(grove::Deadline{time});
        } else {
            return begin(*entry, now);
        }
    }
    return std::nullopt;
}

void Hosts::stop() noexcept {
    stopped_ = true;
    takers_.notify_all();
}

void Hosts::retry(Turn&& turn, std::chrono::milliseconds after) {
    Turn ending{std::move(turn)};
    if (stopped_) return;
    Entry& entry = host_of_page(ending.page.url);
    entry.second.later.emplace(clock_now() + after, Waiting{ending.page, ending.attempt + 1});
    ++waiting_;
    requeue(entry);
}

void Hosts::pause(std::string_view url, std::chrono::milliseconds time) {
    Entry& entry = host_of_page(url);
    entry.second.next = std::max(entry.second.next, clock_now() + time);
    requeue(entry);
}

bool Hosts::may_ask(const Turn& turn, std::chrono::milliseconds delay) {
    Host& host = turn.entry_->second;
    const Time now = clock_now();
    host.delay = std::max(host.delay, delay);
    const bool may = !host.asked || *host.asked + host.delay <= now;
    if (may) host.asked = now;
    const Time next = *host.asked + host.delay;
    if (next > std::max(host.next, now)) {
        host.next = next;
        requeue(*turn.entry_);
    }
    return may;
}

void Hosts::put_back(Turn&& turn) {
    Turn ending{std::move(turn)};
    if (stopped_) return;
    Entry& entry = *ending.entry_;
    entry.second.fresh.push_front({ending.page, ending.attempt});
    ++waiting_;
    requeue(entry);
}

// --- who is next -------------------------------------------------------------------------------------

Hosts::Entry& Hosts::host_of_page(std::string_view url) {
    forget_idle();
    const std::string_view name = crawler::host_of(url);
    const auto [entry, is_new] = hosts_.try_emplace(std::string{name});
    if (is_new) {
        const bool own = is_loopback(name);
        entry->second.places = own ? politeness_.per_loopback_host : politeness_.per_host;
        entry->second.delay = own ? politeness_.loopback_delay : politeness_.delay;
    }
    return *entry;
}

/// Puts the host where it belongs in the queue now.
void Hosts::requeue(Entry& entry) {
    Host& host = entry.second;
    if (host.queued) queue_.erase({*host.queued, &entry});
    host.queued.reset();
    if (host.active >= host.places || (host.fresh.empty() && host.later.empty())) return;
    Time time = host.next;
    if (host.fresh.empty()) time = std::max(time, host.later.begin()->first);
    queue_.emplace(time, &entry);
    host.queued = time;
    takers_.notify_one();
}

Hosts::Turn Hosts::begin(Entry& entry, Time now) {
    Host& host = entry.second;
    const bool again = !host.later.empty() && host.later.begin()->first <= now;
    Waiting taken = again ? std::move(host.later.begin()->second) : std::move(host.fresh.front());
    if (again) {
        host.later.erase(host.later.begin());
    } else {
        host.fresh.pop_front();
    }
    --waiting_;
    ++active_;
    ++host.active;
    host.next = now + host.delay;
    requeue(entry);
    if (!queue_.empty()) takers_.notify_one();  // who waits may have begun when there was nobody to wait for
    return {*this, entry, std::move(taken)};
}

void Hosts::end(Entry& entry) noexcept {
    --active_;
    --entry.second.active;
    if (!stopped_) requeue(entry);
}

void Hosts::forget_idle() {
    if (hosts_.size() < most_idle_hosts) return;
    const Time now = clock_now();
    std::erase_if(hosts_, [&](const Entry& entry) {
        const Host& host = entry.second;
        return host.active == 0 && !host.queued && host.next <= now;
    });
}

}  // namespace crawler
