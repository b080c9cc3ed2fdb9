#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/base/timer.hpp>
#include <grove/core/detail/greenlet_state.hpp>

#include <concepts>
#include <cstdint>
#include <functional>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace grove {

namespace detail {
struct TimeoutAccess;
}

/// Bounds everything this greenlet does while the scope lives: after the deadline, its waits
/// throw Expired. Scopes nest; the earliest fires, and it is *its* Expired that travels,
/// so an inner scope never mistakes an outer one's for its own.
/// Most code wants with_timeout() below, which also catches.
class Timeout {
public:
    class Expired final : public Unwind {
    public:
        Expired() = default;

    private:
        friend class Timeout;
        friend struct detail::TimeoutAccess;
        explicit Expired(std::uint64_t owner) noexcept : owner_{owner} {}
        std::uint64_t owner_ = 0;
    };

    /// Throws std::logic_error outside of a greenlet.
    explicit Timeout(Deadline);
    ~Timeout();
    Timeout(const Timeout&) = delete;
    Timeout& operator=(const Timeout&) = delete;

    /// E.g. after each byte, for an idle limit. By another greenlet it may come too late: an Expired that is
    /// on its way arrives.
    void reset(Deadline) noexcept;
    [[nodiscard]] bool owns(const Expired& expired) const noexcept { return expired.owner_ == id_; }

private:
    friend struct detail::TimeoutAccess;
    struct Alarm : detail::Timer {  // the timer finds its scope
        explicit Alarm(Timeout& timeout) noexcept;
        Timeout& scope;
    };

    Alarm alarm_;
    detail::GreenletState& greenlet_;
    Timeout* outer_;  // greenlet_.timeouts, innermost first
    std::uint64_t id_;
    bool expired_ = false;
};

/// Calls f under a Timeout. When that one expires, throws std::system_error(timed_out) here,
/// outside the scope, where it is an ordinary error again. Blocks if f does.
template <std::invocable F>
std::invoke_result_t<F> with_timeout(Deadline, F&& f);

/// The same, but expiry is an answer: nullopt, or false where f returns nothing.
template <std::invocable F>
auto try_with_timeout(Deadline, F&& f) -> std::
    conditional_t<std::is_void_v<std::invoke_result_t<F>>, bool, std::optional<std::invoke_result_t<F>>>;

/// Holds back kill and time-outs while it lives, for clean-up that has to block. Whatever came
/// meanwhile is thrown by the next wait after it. Every destructor of grove's that
/// blocks has one inside. Does nothing outside of a greenlet.
class Shield {
public:
    Shield() noexcept;
    ~Shield();
    Shield(const Shield&) = delete;
    Shield& operator=(const Shield&) = delete;

private:
    detail::GreenletState* greenlet_;
};

// ---------------------------------------------------------------------------------------------

template <std::invocable F>
std::invoke_result_t<F> with_timeout(Deadline by, F&& f) {
    {
        Timeout timeout{by};
        try {
            return std::invoke(std::forward<F>(f));
        } catch (const Timeout::Expired& expired) {
            if (!timeout.owns(expired)) throw;
        }
    }
    throw std::system_error{std::make_error_code(std::errc::timed_out), "with_timeout"};
}

template <std::invocable F>
auto try_with_timeout(Deadline by, F&& f) -> std::
    conditional_t<std::is_void_v<std::invoke_result_t<F>>, bool, std::optional<std::invoke_result_t<F>>> {
    Timeout timeout{by};
    try {
        if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
            std::invoke(std::forward<F>(f));
            return true;
        } else {
            return std::optional<std::invoke_result_t<F>>{std::invoke(std::forward<F>(f))};
        }
    } catch (const Timeout::Expired& expired) {
        if (!timeout.owns(expired)) throw;
    }
    return {};
}

}  // namespace grove
