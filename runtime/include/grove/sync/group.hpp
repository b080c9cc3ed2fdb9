#pragma once

#include <grove/core/greenlet.hpp>

#include <cstddef>

namespace grove {

/// Greenlets looked after together, as in gevent: one that fails does not disturb the others.
/// The destructor kills and joins whoever is left.
class Group {
public:
    Group();
    ~Group();  // Blocks (shielded).
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    Greenlet<SpawnResult<F, Args...>> spawn(F&& f, Args&&... args);
    void add(GreenletRef);
    void discard(const GreenletRef&) noexcept;

    /// Results in the order of the input; the first exception is rethrown. Blocks.
    template <std::ranges::input_range R, class F>
    auto map(R&& inputs, F f);
    /// The same, handed out one by one as the caller asks; the input is taken as places allow. Blocks.
    template <std::ranges::input_range R, class F>
    auto imap(R&& inputs, F f);
    /// The same, in the order they are ready. Blocks.
    template <std::ranges::input_range R, class F>
    auto imap_unordered(R&& inputs, F f);

    void join();                        ///< Blocks.
    [[nodiscard]] bool join(Deadline);  ///< Blocks.
    void kill() noexcept;               ///< asks all, also those added while they die; join() to wait
    [[nodiscard]] std::size_t size() const noexcept;
};

/// A Group with a limit: spawn(), add() and the maps wait for a place.
class Pool {  // has Group's members; spawn() and add() Block while it is full
public:
    explicit Pool(std::size_t size);  ///< Requires: size > 0
    /// nullopt if no place came free by then: nothing was started. Blocks.
    template <class F>
    [[nodiscard]] std::optional<Greenlet<SpawnResult<F>>> try_spawn(Deadline, F&& f);
    [[nodiscard]] std::size_t free_count() const noexcept;
    [[nodiscard]] bool full() const noexcept;
    void wait_available();  ///< Blocks.
};

/// Greenlets that do not outlive a scope (structured concurrency). If one fails, the rest are killed and
/// join() rethrows the first failure. The destructor kills and joins whoever is left.
class TaskGroup {
public:
    TaskGroup();
    ~TaskGroup();  // Blocks (shielded).
    template <class F, class... Args>
        requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
    Greenlet<SpawnResult<F, Args...>> spawn(F&& f, Args&&... args);
    void join();                        ///< Blocks.
    [[nodiscard]] bool join(Deadline);  ///< Blocks.
    void kill() noexcept;
};

}  // namespace grove
