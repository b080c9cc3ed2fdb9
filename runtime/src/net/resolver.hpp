#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>

#include "core/native_pool.hpp"

#include <list>
#include <string>
#include <system_error>
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
/// A look-up is with a pool thread while it runs; then it is posted to the hub, which tells who asked. Who
/// gives up walks away, and the hub drops the answer when it comes. So it is touched by one thread at a time,
/// without a lock; and it lives in a list here, for at the end of the runtime the hub is gone before the last
/// answers come.
class Resolver {
public:
    using LookUp = Resolved (*)(const std::string& host);

    Resolver();
    ~Resolver();
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    /// Blocks.
    [[nodiscard]] Resolved resolve(const std::string& host, Deadline);
    /// What a test puts in the system's place. Called on pool threads.
    void set_look_up(LookUp function) noexcept { look_up_ = function; }

private:
    class Job;

    Scheduler& scheduler_;
    LookUp look_up_ = &look_up;
    std::list<Job> jobs_;
    NativePool pool_;  // after jobs_: it waits for those that run
};

}  // namespace grove::detail
