#include "net/connect_race.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace grove::detail {

using namespace std::chrono_literals;

namespace {

// RFC 8305 recommends it: longer than most round trips, shorter than patience.
constexpr auto attempt_delay = 250ms;

}  // namespace

ConnectRace::ConnectRace(const std::vector<net::IpAddress>& addresses, std::uint16_t port, Deadline by)
    : addresses_{interleaved(addresses)}, port_{port}, by_{by} {}

std::vector<net::IpAddress> ConnectRace::interleaved(const std::vector<net::IpAddress>& addresses) {
    std::vector<net::IpAddress> first_family, other, result;
    for (const auto& address : addresses) {
        (address.is_v6() == addresses.front().is_v6() ? first_family : other).push_back(address);
    }
    for (std::size_t i = 0; result.size() < addresses.size(); ++i) {
        if (i < first_family.size()) result.push_back(first_family[i]);
        if (i < other.size()) result.push_back(other[i]);
    }
    return result;
}

net::Socket ConnectRace::run(std::error_code& ec) {
    start_next();
    while (failed_ < addresses_.size()) {
        const Deadline patience = all_started() ? by_ : std::min(by_, Deadline{attempt_delay});
        auto outcome = outcomes_.get(patience);
        if (!outcome && by_.passed()) {
            ec = std::make_error_code(std::errc::timed_out);
            return {};
        }
        if (!outcome) {
            start_next();
        } else if (outcome->socket) {
            ec.clear();
            return std::move(outcome->socket);
        } else {
            ec = outcome->ec;
            ++failed_;
            if (!all_started()) start_next();
        }
    }
    return {};
}

void ConnectRace::start_next() {
    attempts_.spawn([this, to = net::Endpoint{addresses_[started_], port_}] {
        Outcome outcome;
        outcome.socket = net::Socket::connect(to, outcome.ec, by_);
        outcomes_.put(std::move(outcome));
    });
    ++started_;
}

}  // namespace grove::detail
