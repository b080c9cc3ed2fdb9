#pragma once

#include <stdexcept>
#include <string>
#include <system_error>

namespace grove {

/// What grove itself reports. The system's own failures keep their errno (std::errc).
enum class Errc {
    eof = 1,         ///< the stream ended before the bytes asked for
    closed,          ///< the object was closed before or while we waited on it
    concurrent_use,  ///< another greenlet already waits on this side of this socket
    no_such_host,    ///< the name has no address
    bad_message,     ///< the peer broke its protocol
    killed,          ///< get() on a greenlet that was killed
};

[[nodiscard]] const std::error_category& grove_category() noexcept;
[[nodiscard]] std::error_code make_error_code(Errc) noexcept;

/// Thrown in main when every greenlet waits and nothing outside can wake one (gevent's LoopExit).
/// what() lists every greenlet: name, spawn site, what it waits on, since when. Where main cannot be
/// interrupted (under a Shield, or in line for the lock after a Condition's notification) the report goes to
/// the standard error, and the process aborts.
class WouldBlockForever : public std::runtime_error {
public:
    explicit WouldBlockForever(const std::string& report);
};

/// Base of the signals that unwind a greenlet: GreenletExit and Timeout::Expired.
/// Not a std::exception, so that `catch (const std::exception&)` in a retry loop cannot
/// swallow them. Code that writes `catch (...)` must rethrow.
class Unwind {
protected:
    Unwind() = default;
    ~Unwind() = default;
};

/// Leaves the waits of a greenlet that was killed.
class GreenletExit final : public Unwind {
public:
    GreenletExit() = default;
};

}  // namespace grove

template <>
struct std::is_error_code_enum<grove::Errc> : std::true_type {};
