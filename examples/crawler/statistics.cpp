#include "statistics.hpp"

#include "url.hpp"

#include <algorithm>
#include <cmath>

namespace crawler {

namespace {

double in_milliseconds(grove::Clock::duration time) {
    return std::chrono::duration<double, std::milli>{time}.count();
}

}  // namespace

// --- Latencies ---------------------------------------------------------------------------------------

void Latencies::add(grove::Clock::duration time) {
    const double value = in_milliseconds(time);
    const double place = std::max(0.0, std::log2(value / least_time) * per_doubling);
    ++bins_[std::min(static_cast<std::size_t>(place), bins_.size() - 1)];
    ++count_;
    total_ += value;
}

double Latencies::middle_of(std::size_t bin) {
    return least_time * std::exp2((static_cast<double>(bin) + 0.5) / per_doubling);
}

double Latencies::percentile(double part) const {
    const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
    std::uint64_t passed = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
        passed += bins_[bin];
        if (passed > wanted || (passed == count_ && passed > 0)) return middle_of(bin);
    }
    return 0;
}

std::uint64_t Latencies::between(double least, double most) const {
    std::uint64_t sum = 0;
    for (std::size_t bin = 0; bin < bins_.size(); ++bin) {
        if (middle_of(bin) >= least && middle_of(bin) < most) sum += bins_[bin];
    }
    return sum;
}

// --- Timeline ----------------------------------------------------------------------------------------

void Timeline::add(grove::Clock::duration since_start, std::uint64_t n) {
    const double seconds = std::chrono::duration<double>{since_start}.count();
    while (seconds / interval_ >= static_cast<double>(most_points)) {
        for (std::size_t i = 0; i < counts_.size(); i += 2) {
            counts_[i / 2] = counts_[i] + (i + 1 < counts_.size() ? counts_[i + 1] : 0);
        }
        counts_.resize((counts_.size() + 1) / 2);
        interval_ *= 2;
    }
    const auto place = static_cast<std::size_t>(std::max(0.0, seconds / interval_));
    if (counts_.size() <= place) counts_.resize(place + 1);
    counts_[place] += n;
}

// --- Statistics --------------------------------------------------------------------------------------

void Statistics::add(const Visit& visit) {
    if (visit.answered()) {
        ++statuses[visit.status];
        latencies.add(visit.took);
    }
    std::string host{host_of(visit.page.url)};
    if (hosts.size() >= most_hosts && !hosts.contains(host)) host = "other hosts";
    Host& its = hosts[host];
    its.requests += visit.outcome != Outcome::excluded || visit.answered();
    its.failures += visit.outcome == Outcome::failed;
    its.milliseconds += in_milliseconds(visit.took);

    switch (visit.outcome) {
        case Outcome::fetched:
            ++pages;
            bytes += visit.bytes;
            timeline.add(visit.at - began + visit.took);
            break;
        case Outcome::redirected:
            ++redirects;
            break;
        case Outcome::dead:
            ++dead;
            if (dead_links.size() < most_dead_links) {
                dead_links.push_back({visit.status, visit.page.url, visit.page.referrer});
            }
            break;
        case Outcome::failed:
            ++failed;
            ++errors[visit.reason];
            break;
        case Outcome::excluded:
            ++excluded;
            ++exclusions[visit.reason];
            break;
    }
}

double Statistics::seconds() const {
    return std::chrono::duration<double>{grove::Clock::now() - start}.count();
}

}  // namespace crawler
