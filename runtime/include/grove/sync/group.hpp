#pragma once

#include <grove/base/source_site.hpp>
#include <grove/base/time.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/group_maps.hpp>
#include <grove/sync/detail/roster.hpp>
#include <grove/sync/detail/spawn_verbs.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>

namespace grove {

/// Greenlets looked after together, as in gevent: one that fails does not disturb the others.
/// The destructor kills and joins whoever is left.
class Group : public detail::GroupVerbs<Group> {
public:
    Group() noexcept = default;
    ~Group() { roster_.end_all(); }  ///< Blocks (shielded).
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    // spawn(f, args...) and spawn(options, f, args...), as grove::spawn(): in detail/spawn_verbs.hpp
    // map(inputs, f), imap(inputs, f), imap_unordered(inputs, f): in detail/group_maps.hpp

    void add(const GreenletRef&);               ///< nothing, if it has ended or is a member
    void discard(const GreenletRef&) noexcept;  ///< it is on its own then

    void join() { (void)join(Deadline{}); }  ///< until it is empty, be it for a moment. Blocks.
    [[nodiscard]] bool join(Deadline by) { return roster_.join(by, "Group::join"); }  ///< Blocks.
    void kill() noexcept { roster_.kill(); }  ///< asks all, also those added while they die; join() to wait
    [[nodiscard]] std::size_t size() const noexcept { return roster_.size(); }

private:
    friend class detail::SpawnVerbs<Group>;
    friend class detail::GroupVerbs<Group>;
    template <class, class, class>
    friend class detail::ImapFeeder;

    [[nodiscard]] detail::Roster::Seat take_seat() { return detail::Roster::Seat{roster_}; }
    // For imap(): an input without end must not become greenlets without end.
    [[nodiscard]] static std::size_t places() noexcept { return 1000; }
    [[nodiscard]] static bool lends_place() noexcept { return false; }

    detail::Roster roster_;
};

/// A Group with a limit: spawn(), add() and the maps wait for a place, first come first served.
/// A member may use map() of its own pool: what finds no place runs in the caller's.
class Pool : public detail::GroupVerbs<Pool> {
public:
    /// Requires: size > 0
    explicit Pool(std::size_t size);
    ~Pool() { roster_.end_all(); }  ///< Blocks (shielded).
    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    // spawn(f, args...) and spawn(options, f, args...), as grove::spawn(): in detail/spawn_verbs.hpp
    // map(inputs, f), imap(inputs, f), imap_unordered(inputs, f): in detail/group_maps.hpp

    /// nullopt if no place came free by then: nothing was started. Blocks.
    template <class F>
    requires Spawnable<F>
    [[nodiscard]] std::optional<Greenlet<SpawnResult<F>>> try_spawn(Deadline,
                                                                    F&& f,
                                                                    SourceSite site = SourceSite::current());
    void add(const GreenletRef&);               ///< nothing, if it has ended or is a member. Blocks.
    void discard(const GreenletRef&) noexcept;  ///< it is on its own then

    void join() { (void)join(Deadline{}); }  ///< until it is empty, be it for a moment. Blocks.
    [[nodiscard]] bool join(Deadline by) { return roster_.join(by, "Pool::join"); }  ///< Blocks.
    void kill() noexcept { roster_.kill(); }  ///< asks all, also those added while they die; join() to wait
    [[nodiscard]] std::size_t size() const noexcept { return roster_.size(); }

    [[nodiscard]] std::size_t free_count() const noexcept { return roster_.free_places(); }
    [[nodiscard]] bool full() const noexcept { return free_count() == 0; }
    void wait_available();  ///< until a place was free. Blocks.

private:
    friend class detail::SpawnVerbs<Pool>;
    friend class detail::GroupVerbs<Pool>;
    template <class, class, class>
    friend class detail::ImapFeeder;

    /// A place that comes free goes to who waits longest.
    class Places final : public detail::Roster {
    public:
        explicit Places(std::size_t size) noexcept : free_{size} {}
        [[nodiscard]] bool acquire(Deadline);
        void release() noexcept;
        [[nodiscard]] std::size_t free_places() const noexcept { return free_; }

    private:
        void vacated(const detail::GreenletState*) noexcept override { release(); }

        std::size_t free_;
        WaitList waiters_;
    };

    [[nodiscard]] detail::Roster::Seat take_seat();
    [[nodiscard]] std::size_t places() const noexcept { return size_; }
    [[nodiscard]] bool lends_place() const noexcept;

    std::size_t size_;
    Places roster_;
};

/// Greenlets that do not outlive a scope (structured concurrency). If one fails, the rest are killed and
/// join() rethrows the first failure. The destructor kills and joins whoever is left.
class TaskGroup : public detail::SpawnVerbs<TaskGroup> {
public:
    TaskGroup() noexcept = default;
    ~TaskGroup() { roster_.end_all(); }  ///< Blocks (shielded).
    TaskGroup(const TaskGroup&) = delete;
    TaskGroup& operator=(const TaskGroup&) = delete;

    // spawn(f, args...) and spawn(options, f, args...), as grove::spawn(): in detail/spawn_verbs.hpp. What is
    // spawned between a failure and its join() is killed.

    /// Waits for all, also those it killed, then rethrows the first failure, once. Blocks.
    void join() { (void)join(Deadline{}); }
    /// False, and throws nothing, if not all had ended by then. Blocks.
    [[nodiscard]] bool join(Deadline);
    void kill() noexcept { roster_.kill(); }  ///< asks all, also those added while they die; join() to wait

private:
    friend class detail::SpawnVerbs<TaskGroup>;

    /// Dooms itself at the first failure, until that is taken.
    class Tasks final : public detail::Roster {
    public:
        [[nodiscard]] std::exception_ptr take_failure() noexcept;

    private:
        void vacated(const detail::GreenletState*) noexcept override;

        std::exception_ptr failure_;
    };

    [[nodiscard]] detail::Roster::Seat take_seat() { return detail::Roster::Seat{roster_}; }

    Tasks roster_;
};

// ---------------------------------------------------------------------------------------------

template <class F>
requires Spawnable<F> std::optional<Greenlet<SpawnResult<F>>> Pool::try_spawn(Deadline by,
                                                                              F&& f,
                                                                              SourceSite site) {
    if (!roster_.acquire(by)) return std::nullopt;
    detail::Roster::Seat seat{roster_};
    auto greenlet = detail::spawn_with({.site = site}, std::forward<F>(f));
    seat.take(*detail::GreenletAccess::state(greenlet));
    return greenlet;
}

}  // namespace grove
