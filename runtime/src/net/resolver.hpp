#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>
#include <grove/net/dns.hpp>

#include "core/native_pool.hpp"
#include "net/dns_cache.hpp"

#include <memory>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

namespace grove::detail {

class Scheduler;

/// What a look-up found: addresses, or why there are none.
struct Resolved {
    std::vector<net::IpAddress> addresses;
    std::error_code ec;
};

/// Asks the system (getaddrinfo), which may take many seconds.
[[nodiscard]] Resolved look_up(const std::string& host);

/// The part of a runtime that looks names up.
///
/// A look-up is with a pool thread while it runs; then it is posted to the hub, which remembers the answer
/// and tells all who asked. Who gives up walks away. So it is touched by one thread at a time, without a
/// lock; and it lives here, for at the end of the runtime the hub is gone before the last answers come.
class Resolver {
public:
    using LookUp = Resolved (*)(const std::string& host);

    Resolver();
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// Blocks.
    [[nodiscard]] Resolved resolve(const std::string& host, Deadline);
    /// Forgets what it remembers.
    void set_options(const net::DnsOptions&) noexcept;
    /// What a test puts in the system's place. Called on pool threads.
    void set_look_up(LookUp function) noexcept { look_up_ = function; }

private:
    class Job;
    [[nodiscard]] std::shared_ptr<Job> join_or_start(const std::string& host);
    void arrived(Job&) noexcept;
    void remember(const Job&) noexcept;

    Scheduler& scheduler_;
    LookUp look_up_ = &look_up;
    net::DnsOptions options_;
    DnsCache cache_;
    std::unordered_map<std::string, std::shared_ptr<Job>> in_flight_;
    NativePool pool_;  // after in_flight_: it waits for those that run
};

}  // namespace grove::detail
