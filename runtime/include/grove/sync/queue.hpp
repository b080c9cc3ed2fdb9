#pragma once

#include <grove/base/time.hpp>
#include <grove/sync/detail/queue_core.hpp>
#include <grove/sync/detail/queue_stores.hpp>

#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <utility>

namespace grove {

/// Items on their way between greenlets, or from native threads to greenlets. Store says which item is next;
/// use the names below. The words are those of Python's queue module. Items may be move-only; a move,
/// comparison or destructor may throw or call back into the queue: the exception goes to the putter (to the
/// getter when taking), and the queue stays whole. None of them may block.
template <class T, class Store>
class BasicQueue {
public:
    /// maxsize 0: no limit (for a rendezvous, see Channel).
    explicit BasicQueue(std::size_t maxsize = 0) noexcept : core_{maxsize > 0 ? maxsize : Core::no_limit} {}

    void put(T item) { core_.put(item); }  ///< waits for room. Blocks.
    /// False if full until then: item is untouched. Blocks.
    [[nodiscard]] bool put(T&& item, Deadline by) { return core_.put(item, by); }
    [[nodiscard]] bool put_nowait(T&& item) {
        return core_.try_put(item);
    }  ///< false if full: item is untouched

    [[nodiscard]] T get() { return core_.get(); }                              ///< Blocks.
    [[nodiscard]] std::optional<T> get(Deadline by) { return core_.get(by); }  ///< Blocks.
    [[nodiscard]] std::optional<T> get_nowait() { return core_.try_get(); }
    /// The next item, still in the queue; null if empty. Valid until the queue is next used.
    [[nodiscard]] const T* peek() const noexcept { return core_.peek(); }

    /// No more items: waiting putters get ShutDown, getters first drain what is there. immediate: what is
    /// there is dropped and counted as done, waiting getters get ShutDown too.
    void shutdown(bool immediate = false) { core_.shutdown(immediate); }
    [[nodiscard]] bool is_shutdown() const noexcept { return core_.is_shutdown(); }

    /// One item taken has been dealt with. Throws std::logic_error if there was none.
    void task_done() { core_.task_done(); }
    void join() { (void)core_.join({}); }                            ///< until all put is done. Blocks.
    [[nodiscard]] bool join(Deadline by) { return core_.join(by); }  ///< Blocks.

    [[nodiscard]] std::size_t qsize() const noexcept { return core_.size(); }
    [[nodiscard]] std::size_t maxsize() const noexcept;
    [[nodiscard]] bool empty() const noexcept { return core_.size() == 0; }
    [[nodiscard]] bool full() const noexcept { return core_.size() >= core_.capacity(); }
    [[nodiscard]] std::size_t unfinished_tasks() const noexcept { return core_.unfinished(); }

    /// `for (auto& job : jobs)` takes items until the queue is shut down and empty. Blocks.
    class Iterator;
    [[nodiscard]] Iterator begin() { return Iterator{core_}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    friend struct detail::SelectAccess;
    using Core = detail::QueueCore<T, Store>;
    Core core_;
};

template <class T>
using Queue = BasicQueue<T, detail::FifoStore<T>>;
template <class T>
using LifoQueue = BasicQueue<T, detail::LifoStore<T>>;
template <class T, class Before = std::less<T>>
using PriorityQueue =
    BasicQueue<T, detail::HeapStore<T, Before>>;  ///< the least comes first; equals in order of put

/// Capacity zero: put() returns when a get() has taken the item. Always empty() and full().
template <class T>
class Channel {
public:
    Channel() noexcept = default;

    void put(T item) { core_.put(item); }                                          ///< Blocks.
    [[nodiscard]] bool put(T&& item, Deadline by) { return core_.put(item, by); }  ///< Blocks.
    [[nodiscard]] bool put_nowait(T&& item) { return core_.try_put(item); }  ///< true only if a getter waits
    [[nodiscard]] T get() { return core_.get(); }                            ///< Blocks.
    [[nodiscard]] std::optional<T> get(Deadline by) { return core_.get(by); }  ///< Blocks.
    [[nodiscard]] std::optional<T> get_nowait() {
        return core_.try_get();
    }  ///< an item only if a putter waits

    /// Everyone who waits, and who comes later, gets ShutDown.
    void shutdown(bool immediate = false) { core_.shutdown(immediate); }
    [[nodiscard]] bool is_shutdown() const noexcept { return core_.is_shutdown(); }

    [[nodiscard]] std::size_t qsize() const noexcept { return 0; }
    [[nodiscard]] bool empty() const noexcept { return true; }
    [[nodiscard]] bool full() const noexcept { return true; }

private:
    friend struct detail::SelectAccess;

    detail::QueueCore<T, detail::FifoStore<T>> core_{0};
};

// ---------------------------------------------------------------------------------------------

template <class T, class Store>
std::size_t BasicQueue<T, Store>::maxsize() const noexcept {
    return core_.capacity() == Core::no_limit ? 0 : core_.capacity();
}

/// An input iterator; it holds the item it took.
template <class T, class Store>
class BasicQueue<T, Store>::Iterator {
public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;

    [[nodiscard]] T& operator*() const noexcept { return *item_; }
    Iterator& operator++() {
        core_->get_unless_over(item_);
        return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const Iterator& it, std::default_sentinel_t) noexcept { return !it.item_; }

private:
    friend class BasicQueue;
    explicit Iterator(Core& core) : core_{&core} { ++*this; }

    Core* core_;
    mutable std::optional<T> item_;  // the item is the caller's, the iterator const or not
};

}  // namespace grove
