#include <grove/core/timeout.hpp>

#include "core/gil_state.hpp"
#include "core/greenlet_internal.hpp"
#include "core/scheduler.hpp"

#include <stdexcept>

namespace grove {

namespace detail {

/// The scopes of a greenlet, innermost first.
struct TimeoutAccess {
    static void fire(Timer& timer) noexcept { expire(static_cast<Timeout::Alarm&>(timer).scope); }

    static void arm(Timeout& scope, Deadline by) noexcept {
        Scheduler& scheduler = *scope.greenlet_.scheduler;
        scope.alarm_.at = by.at();
        if (by.is_never()) return;
        if (by.at() <= scheduler.now()) return expire(scope);
        scheduler.timers().add(scope.alarm_, by.at());
    }

    static void disarm(Timeout& scope) noexcept {
        scope.greenlet_.scheduler->timers().cancel(scope.alarm_);
        scope.expired_ = false;
        GreenletState& g = scope.greenlet_;
        if (!earliest_expired(g)) g.signals &= static_cast<std::uint8_t>(~GreenletState::expired_signal);
    }

    /// Its Expired is on its way: another greenlet asks, and the one whose scope it is goes on next.
    static bool on_its_way(const Timeout& scope) noexcept {
        const GreenletState& g = scope.greenlet_;
        return scope.expired_ && &g != running_greenlet && g.queued != GreenletState::Queued::no;
    }

    static void expire(Timeout& scope) noexcept {
        scope.expired_ = true;
        scope.greenlet_.signals |= GreenletState::expired_signal;
        interrupt(scope.greenlet_);
    }

    static Timeout* earliest_expired(const GreenletState& g) noexcept {
        Timeout* earliest = nullptr;
        for (Timeout* scope = g.timeouts; scope; scope = scope->outer_) {
            if (scope->expired_ && (!earliest || scope->alarm_.at <= earliest->alarm_.at)) earliest = scope;
        }
        return earliest;
    }

    static void unlink(Timeout& scope) noexcept {
        Timeout** link = &scope.greenlet_.timeouts;
        while (*link != &scope) link = &(*link)->outer_;
        *link = scope.outer_;
    }

    [[noreturn]] static void throw_expired(const GreenletState& g) {
        throw Timeout::Expired{earliest_expired(g)->id_};
    }
};

void throw_expired(GreenletState& g) {
    TimeoutAccess::throw_expired(g);
}

namespace {

GreenletState& running_or_throw() {
    if (!running_greenlet) throw std::logic_error{"Timeout: only for greenlets; this is a plain thread"};
    return *running_greenlet;
}

}  // namespace
}  // namespace detail

Timeout::Alarm::Alarm(Timeout& timeout) noexcept : Timer{&detail::TimeoutAccess::fire}, scope{timeout} {}

Timeout::Timeout(Deadline by)
    : alarm_{*this},
      greenlet_{detail::running_or_throw()},
      outer_{greenlet_.timeouts},
      id_{greenlet_.scheduler->next_timeout_id()} {
    greenlet_.timeouts = this;
    detail::TimeoutAccess::arm(*this, by);
}

Timeout::~Timeout() {
    detail::TimeoutAccess::unlink(*this);
    detail::TimeoutAccess::disarm(*this);
}

void Timeout::reset(Deadline by) noexcept {
    if (detail::TimeoutAccess::on_its_way(*this)) return;
    detail::TimeoutAccess::disarm(*this);
    detail::TimeoutAccess::arm(*this, by);
}

Shield::Shield() noexcept : greenlet_{detail::running_greenlet} {
    if (greenlet_) ++greenlet_->shields;
}

Shield::~Shield() {
    if (!greenlet_) return;
    --greenlet_->shields;
    if (greenlet_->signals != 0) greenlet_->scheduler->raise_breaker(detail::breaker_bit::signalled);
}

}  // namespace grove
