#pragma once

#include <grove/core/runtime.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

namespace grove {

namespace detail {
class Shards;
}

/// One of the runtimes of run_sharded(), as its main greenlet sees it. A value.
class Shard {
public:
    [[nodiscard]] std::size_t index() const noexcept { return index_; }  ///< from 0; 0 has the calling thread
    [[nodiscard]] std::size_t count() const noexcept { return all_.size(); }
    /// Any of them, to post() or call() to. Requires: i < count(), and run_sharded() has not returned. Any
    /// thread.
    [[nodiscard]] const RuntimeRef& runtime(std::size_t i) const noexcept { return all_[i]; }

private:
    friend class detail::Shards;
    Shard(std::size_t index, std::span<const RuntimeRef> all) noexcept : index_{index}, all_{all} {}

    std::size_t index_;
    std::span<const RuntimeRef> all_;
};

/// Starts n runtimes (0: one per core), one on this thread and the others on threads of their own, and calls
/// f in each as its main greenlet, once all of them are there. Returns when all have ended. Each has its own
/// Gil: they run at once, so f, and whatever else they share, needs a lock of the system's or call().
///
/// The first exception stops the others as a stop signal would, and is rethrown when they have unwound. A
/// stop signal stops them all; then this raises it again, as run() does. Since each can be posted to,
/// greenlets of a shard that all wait for ever are no WouldBlockForever. Throws what run() throws, and
/// std::system_error if a thread cannot be started: then f was not called.
template <std::invocable<Shard> F>
void run_sharded(std::size_t n, const RunOptions&, F&& f);
template <std::invocable<Shard> F>
void run_sharded(std::size_t n, F&& f);

// ---------------------------------------------------------------------------------------------

namespace detail {

/// f of run_sharded(), whatever its type.
class ShardBody {
public:
    virtual void call(Shard) = 0;

protected:
    ~ShardBody() = default;
};

void run_sharded(std::size_t n, const RunOptions&, ShardBody&);

}  // namespace detail

template <std::invocable<Shard> F>
void run_sharded(std::size_t n, const RunOptions& options, F&& f) {
    struct Body final : detail::ShardBody {
        explicit Body(F& f) noexcept : function{f} {}
        void call(Shard shard) override { std::invoke(function, shard); }
        F& function;
    };
    Body body{f};
    detail::run_sharded(n, options, body);
}

template <std::invocable<Shard> F>
void run_sharded(std::size_t n, F&& f) {
    run_sharded(n, RunOptions{}, std::forward<F>(f));
}

}  // namespace grove
