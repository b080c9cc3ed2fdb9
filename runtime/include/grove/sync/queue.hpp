#pragma once

#include <grove/core/wait_list.hpp>

#include <cstddef>
#include <functional>
#include <iterator>
#include <optional>
#include <stdexcept>

namespace grove {

/// Thrown by every form of put on a queue that was shut down, and by every form of get on one that was and is empty.
class ShutDown : public std::runtime_error {
public:
    ShutDown();
};

/// Items on their way between greenlets, or from native threads to greenlets. Store says which item is next;
/// use the names below. The words are those of Python's queue module. Items may be move-only; a move, comparison or
/// destructor may throw or call back into the queue: the exception goes to the putter (to the getter when taking), and
/// the queue stays whole.
template <class T, class Store>
class BasicQueue {
public:
    /// maxsize 0: no limit (for a rendezvous, see Channel).
    explicit BasicQueue(std::size_t maxsize = 0);

    void put(T item);                            ///< waits for room. Blocks.
    [[nodiscard]] bool put(T&& item, Deadline);  ///< false if full until then: item is untouched. Blocks.
    [[nodiscard]] bool put_nowait(T&& item);     ///< false if full: item is untouched.

    [[nodiscard]] T get();                         ///< Blocks.
    [[nodiscard]] std::optional<T> get(Deadline);  ///< Blocks.
    [[nodiscard]] std::optional<T> get_nowait();
    [[nodiscard]] const T* peek() const noexcept;  ///< the next item, still in the queue; null if empty

    /// No more items: waiting putters get ShutDown, getters first drain what is there. immediate: what is
    /// there is dropped and counted as done, waiting getters get ShutDown too.
    void shutdown(bool immediate = false);
    [[nodiscard]] bool is_shutdown() const noexcept;

    void task_done();                    ///< one item taken has been dealt with; too many throw std::logic_error
    void join();                         ///< until task_done() was called for each item put. Blocks.
    [[nodiscard]] bool join(Deadline);   ///< Blocks.

    [[nodiscard]] std::size_t qsize() const noexcept;
    [[nodiscard]] std::size_t maxsize() const noexcept;
    [[nodiscard]] bool empty() const noexcept;
    [[nodiscard]] bool full() const noexcept;
    [[nodiscard]] std::size_t unfinished_tasks() const noexcept;

    /// `for (auto& job : jobs)` takes items until the queue is shut down and empty. Blocks.
    class Iterator;
    Iterator begin();
    std::default_sentinel_t end() const noexcept { return {}; }
};

template <class T>
using Queue = BasicQueue<T, detail::FifoStore<T>>;
template <class T>
using LifoQueue = BasicQueue<T, detail::LifoStore<T>>;
template <class T, class Before = std::less<T>>
using PriorityQueue = BasicQueue<T, detail::HeapStore<T, Before>>;  ///< the least comes first; equals in order of put

/// Capacity zero: put() returns when a get() has taken the item. Always empty() and full().
template <class T>
class Channel {
public:
    void put(T item);                              ///< Blocks.
    [[nodiscard]] bool put(T&& item, Deadline);    ///< Blocks.
    [[nodiscard]] bool put_nowait(T&& item);       ///< true only if a getter waits
    [[nodiscard]] T get();                         ///< Blocks.
    [[nodiscard]] std::optional<T> get(Deadline);  ///< Blocks.
    [[nodiscard]] std::optional<T> get_nowait();   ///< an item only if a putter waits
    void shutdown(bool immediate = false);         ///< everyone who waits, and who comes later, gets ShutDown
    [[nodiscard]] bool is_shutdown() const noexcept;
    [[nodiscard]] std::size_t qsize() const noexcept { return 0; }
    [[nodiscard]] bool empty() const noexcept { return true; }
    [[nodiscard]] bool full() const noexcept { return true; }
};

}  // namespace grove
