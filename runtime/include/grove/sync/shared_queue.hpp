#pragma once

#include <grove/base/time.hpp>
#include <grove/sync/detail/shared_wait_list.hpp>
#include <grove/sync/queue.hpp>

#include <cstddef>
#include <deque>
#include <limits>
#include <mutex>
#include <optional>
#include <utility>

namespace grove {

/// A Queue between runtimes, and between them and plain threads: everything may be called on **any thread**.
/// First in, first out; who waits is served in order, whatever thread it is on. A queue within one runtime is
/// some ten times faster (bench shared_queue/ping_pong, queue/ping_pong).
///
/// Items are moved with a mutex held: a move must neither block nor call back into the queue.
template <class T>
class SharedQueue {
public:
    /// maxsize 0: no limit.
    explicit SharedQueue(std::size_t maxsize = 0) noexcept : capacity_{maxsize > 0 ? maxsize : no_limit} {}

    void put(T item) { (void)put(std::move(item), Deadline{}); }  ///< waits for room. Blocks.
    /// False if full until then: item is untouched. Blocks.
    [[nodiscard]] bool put(T&& item, Deadline by);
    [[nodiscard]] bool put_nowait(T&& item);  ///< false if full: item is untouched

    [[nodiscard]] T get() { return *get(Deadline{}); }  ///< Blocks.
    [[nodiscard]] std::optional<T> get(Deadline by);    ///< Blocks.
    [[nodiscard]] std::optional<T> get_nowait();

    /// No more items: putters get ShutDown, getters first take what is there. immediate: what is there is
    /// dropped.
    void shutdown(bool immediate = false);
    [[nodiscard]] bool is_shutdown() const;

    // These may be old news when they return.
    [[nodiscard]] std::size_t qsize() const;
    [[nodiscard]] std::size_t maxsize() const noexcept { return capacity_ == no_limit ? 0 : capacity_; }
    [[nodiscard]] bool empty() const { return qsize() == 0; }
    [[nodiscard]] bool full() const { return qsize() >= capacity_; }

private:
    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    /// Whoever was told of an item or of room keeps it; a newcomer may have what is left over.
    [[nodiscard]] bool item_for_newcomer() const noexcept { return items_.size() > getters_.told(); }
    [[nodiscard]] bool room_for_newcomer() const noexcept {
        return capacity_ - items_.size() > putters_.told();
    }
    /// Tells those who wait of what has come to be, at the end of a scope: also if that is left by an
    /// exception.
    class News;
    std::optional<T> take();

    const std::size_t capacity_;
    mutable std::mutex mutex_;  // guards what follows
    std::deque<T> items_;
    detail::SharedWaitList getters_;
    detail::SharedWaitList putters_;
    bool shut_down_ = false;
};

// ---------------------------------------------------------------------------------------------

template <class T>
class SharedQueue<T>::News {
public:
    explicit News(SharedQueue& queue) noexcept : queue_{queue} {}
    ~News() {
        const bool over = queue_.shut_down_;
        while ((over || queue_.item_for_newcomer()) && queue_.getters_.tell_first()) {
        }
        while ((over || queue_.room_for_newcomer()) && queue_.putters_.tell_first()) {
        }
    }
    News(const News&) = delete;
    News& operator=(const News&) = delete;

private:
    SharedQueue& queue_;
};

template <class T>
bool SharedQueue<T>::put(T&& item, Deadline by) {
    std::unique_lock lock{mutex_};
    const News news{*this};
    if (!shut_down_ && !room_for_newcomer() && !putters_.wait(lock, by, "SharedQueue::put")) return false;
    if (shut_down_) detail::throw_shut_down();
    items_.push_back(std::move(item));
    return true;
}

template <class T>
bool SharedQueue<T>::put_nowait(T&& item) {
    const std::scoped_lock lock{mutex_};
    const News news{*this};
    if (shut_down_) detail::throw_shut_down();
    if (!room_for_newcomer()) return false;
    items_.push_back(std::move(item));
    return true;
}

template <class T>
std::optional<T> SharedQueue<T>::get(Deadline by) {
    std::unique_lock lock{mutex_};
    const News news{*this};
    if (!item_for_newcomer()) {
        if (shut_down_) detail::throw_shut_down();
        if (!getters_.wait(lock, by, "SharedQueue::get")) return std::nullopt;
    }
    return take();
}

template <class T>
std::optional<T> SharedQueue<T>::get_nowait() {
    const std::scoped_lock lock{mutex_};
    const News news{*this};
    if (!item_for_newcomer()) {
        if (shut_down_) detail::throw_shut_down();
        return std::nullopt;
    }
    return take();
}

/// Requires: there is an item for the caller, or the queue is shut down.
template <class T>
std::optional<T> SharedQueue<T>::take() {
    if (items_.empty()) detail::throw_shut_down();
    std::optional<T> item{std::move(items_.front())};
    items_.pop_front();
    return item;
}

template <class T>
void SharedQueue<T>::shutdown(bool immediate) {
    std::deque<T> dropped;  // destroyed without the mutex
    const std::scoped_lock lock{mutex_};
    const News news{*this};
    shut_down_ = true;
    if (immediate) dropped.swap(items_);
}

template <class T>
bool SharedQueue<T>::is_shutdown() const {
    const std::scoped_lock lock{mutex_};
    return shut_down_;
}

template <class T>
std::size_t SharedQueue<T>::qsize() const {
    const std::scoped_lock lock{mutex_};
    return items_.size();
}

}  // namespace grove
