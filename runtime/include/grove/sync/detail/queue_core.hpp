#pragma once

#include <grove/base/assert.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/queue_node.hpp>
#include <grove/sync/detail/queue_stores.hpp>

#include <algorithm>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <stdexcept>
#include <utility>

namespace grove {

/// Thrown by every form of put on a queue that was shut down, and by every form of get on one that was and is
/// empty.
class ShutDown : public std::runtime_error {
public:
    ShutDown();
};

namespace detail {

[[noreturn]] void throw_shut_down();

/// What BasicQueue and Channel have in common.
///
/// Hand-over is direct. A put() while a getter waits gives it the node; a get() that makes room moves the
/// item of the putter that waits longest in, on its behalf. So nobody overtakes, and nothing is lost when who
/// was notified is killed in the same turn.
///
/// Invariants, also while an item's own functions run (they are called last, or with a node in no list):
/// 1. A getter waits only if the store is empty.
/// 2. A putter waits only if size_ >= capacity_.
/// 3. size_ counts the items in the store and those on their way in, so a place is taken before an item is
/// moved.
template <class T, class Store>
class QueueCore {
public:
    using Item = T;
    using Node = QueueNode<T>;

    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    /// capacity 0: a rendezvous.
    explicit QueueCore(std::size_t capacity) noexcept : capacity_{capacity} {}
    ~QueueCore() {
        while (store_.first()) drop_items();  // again, if a destructor has put one
    }
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;

    void put(T& item);
    /// False at the deadline: the item is untouched.
    bool put(T& item, Deadline);
    bool try_put(T& item);

    T get();
    /// Nothing at the deadline.
    std::optional<T> get(Deadline);
    std::optional<T> try_get();
    /// Replaces the item. Empties it, instead of throwing ShutDown, at the end of the queue.
    void get_unless_over(std::optional<T>& item);
    [[nodiscard]] const T* peek() const noexcept;

    void shutdown(bool immediate);
    [[nodiscard]] bool is_shutdown() const noexcept { return shut_down_; }

    void task_done();
    bool join(Deadline);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
    [[nodiscard]] std::size_t unfinished() const noexcept { return unfinished_; }

    // --- for select() ---

    /// The payload of a getter.
    struct Getter {
        Node* node = nullptr;  ///< null: shut down
    };
    /// The payload of a putter.
    struct Putter {
        T& item;
        std::exception_ptr error{};
        bool refused = false;  ///< shut down
    };
    [[nodiscard]] bool can_get() const noexcept { return store_.first() || !putters_.empty(); }
    [[nodiscard]] bool at_end() const noexcept { return shut_down_ && !store_.first(); }
    /// Without waiting, or it throws without waiting.
    [[nodiscard]] bool can_put() const noexcept {
        return size_ < capacity_ || !getters_.empty() || shut_down_;
    }
    void enroll(Waiter&, Getter&) noexcept;
    void enroll(Waiter&, Putter&) noexcept;
    /// What a notified getter was given. Requires: a node.
    [[nodiscard]] std::optional<T> receive(const Getter&);
    /// Tells a notified putter how it went.
    static void conclude(Putter&);

private:
    class Arrival;
    class Taking;

    bool wait_for_room(T& item, Deadline);
    void insert(T& item);
    void turn_away(Node*);
    void admit_putters() noexcept;
    void admit_putter() noexcept;

    [[nodiscard]] Node* pop();
    [[nodiscard]] Node* pop_or_wait(Deadline);  // null: at the deadline, or shut down
    [[nodiscard]] Node* wait_for_item(Deadline);
    [[nodiscard]] std::optional<T> take_out(Node*);  // null: nothing, or ShutDown
    void give_to_getter(Node&) noexcept;
    void take_back(Node&) noexcept;

    void drop_items();

    std::size_t size_ = 0;
    std::size_t capacity_;
    std::size_t unfinished_ = 0;
    bool shut_down_ = false;
    Store store_;
    NodePool<T> nodes_;
    WaitList getters_;
    WaitList putters_;
    WaitList joiners_;
};

// --- putting ----------------------------------------------------------------------------------

/// An item on its way in. It has its place, and gives that back if it does not arrive.
template <class T, class Store>
class QueueCore<T, Store>::Arrival {
public:
    explicit Arrival(QueueCore& core) noexcept : core_{core} { ++core_.size_; }
    ~Arrival() {
        if (!arrived_) core_.turn_away(node_);
    }
    Arrival(const Arrival&) = delete;
    Arrival& operator=(const Arrival&) = delete;

    void complete(T& item) {
        node_ = &core_.nodes_.make(std::move(item));
        if (core_.shut_down_) throw_shut_down();  // by the item's own move
        if (core_.getters_.empty()) {
            core_.store_.push(*node_);
        } else {
            core_.give_to_getter(*node_);
        }
        ++core_.unfinished_;
        arrived_ = true;
    }

private:
    QueueCore& core_;
    Node* node_ = nullptr;
    bool arrived_ = false;
};

template <class T, class Store>
void QueueCore<T, Store>::insert(T& item) {
    Arrival{*this}.complete(item);
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::turn_away(Node* node) {
    --size_;
    if (node) nodes_.recycle(*node);
    admit_putters();
}

template <class T, class Store>
bool QueueCore<T, Store>::try_put(T& item) {
    if (shut_down_) throw_shut_down();
    if (size_ >= capacity_ && getters_.empty()) return false;
    insert(item);
    return true;
}

template <class T, class Store>
void QueueCore<T, Store>::put(T& item) {
    if (!try_put(item)) (void)wait_for_room(item, {});
}

template <class T, class Store>
bool QueueCore<T, Store>::put(T& item, Deadline by) {
    return try_put(item) || wait_for_room(item, by);
}

template <class T, class Store>
GROVE_COLD bool QueueCore<T, Store>::wait_for_room(T& item, Deadline by) {
    Putter putter{item};
    if (!detail::wait(putters_, by, capacity_ > 0 ? "Queue::put" : "Channel::put", &putter)) return false;
    conclude(putter);
    return true;
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::conclude(Putter& putter) {
    if (putter.error) std::rethrow_exception(std::move(putter.error));
    if (putter.refused) throw_shut_down();
}

template <class T, class Store>
void QueueCore<T, Store>::enroll(Waiter& waiter, Putter& putter) noexcept {
    waiter.list = &putters_;
    waiter.payload = &putter;
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::admit_putters() noexcept {
    while (!putters_.empty() && size_ < capacity_) admit_putter();
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::admit_putter() noexcept {
    Putter& putter = *static_cast<Putter*>(WaitListAccess::first(putters_)->payload);
    putters_.notify_one();  // from here on nothing interrupts it; it runs, and looks, when we block
    const NoSwitch before_that;
    try {
        insert(putter.item);
    } catch (...) {  // thrown where put() was called
        putter.error = std::current_exception();
    }
}

// --- taking -----------------------------------------------------------------------------------

/// A node that has left the queue, whose item the getter is about to move out.
template <class T, class Store>
class QueueCore<T, Store>::Taking {
public:
    Taking(QueueCore& core, Node& node) noexcept : core_{core}, node_{&node} {}
    ~Taking() {
        if (node_) core_.take_back(*node_);
    }
    Taking(const Taking&) = delete;
    Taking& operator=(const Taking&) = delete;

    [[nodiscard]] T&& item() noexcept { return std::move(node_->value); }
    void complete() {
        Node& node = *std::exchange(node_, nullptr);
        if (!core_.putters_.empty()) core_.admit_putters();
        core_.nodes_.recycle(node);
    }

private:
    QueueCore& core_;
    Node* node_;
};

template <class T, class Store>
T QueueCore<T, Store>::get() {
    Node* const node = pop_or_wait({});
    if (!node) throw_shut_down();
    Taking taking{*this, *node};
    T item(taking.item());
    taking.complete();
    return item;
}

template <class T, class Store>
std::optional<T> QueueCore<T, Store>::get(Deadline by) {
    return take_out(pop_or_wait(by));
}

template <class T, class Store>
std::optional<T> QueueCore<T, Store>::try_get() {
    return take_out(pop());
}

template <class T, class Store>
std::optional<T> QueueCore<T, Store>::take_out(Node* node) {
    std::optional<T> item;
    if (node) {
        Taking taking{*this, *node};
        item.emplace(taking.item());
        taking.complete();
    } else if (shut_down_) {
        throw_shut_down();
    }
    return item;
}

template <class T, class Store>
void QueueCore<T, Store>::get_unless_over(std::optional<T>& item) {
    item.reset();
    Node* const node = pop_or_wait({});
    if (!node) return;
    Taking taking{*this, *node};
    item.emplace(taking.item());
    taking.complete();
}

template <class T, class Store>
const T* QueueCore<T, Store>::peek() const noexcept {
    const Node* node = store_.first();
    return node ? &node->value : nullptr;
}

template <class T, class Store>
QueueNode<T>* QueueCore<T, Store>::pop() {
    Node* node = store_.pop();
    while (!node && !putters_.empty()) {  // a rendezvous
        admit_putter();
        node = store_.pop();
    }
    if (node) --size_;
    return node;
}

template <class T, class Store>
QueueNode<T>* QueueCore<T, Store>::pop_or_wait(Deadline by) {
    Node* const node = pop();
    return node ? node : wait_for_item(by);
}

template <class T, class Store>
GROVE_COLD QueueNode<T>* QueueCore<T, Store>::wait_for_item(Deadline by) {
    if (shut_down_) return nullptr;
    Getter getter;
    (void)detail::wait(getters_, by, capacity_ > 0 ? "Queue::get" : "Channel::get", &getter);
    return getter.node;
}

template <class T, class Store>
void QueueCore<T, Store>::enroll(Waiter& waiter, Getter& getter) noexcept {
    waiter.list = &getters_;
    waiter.payload = &getter;
}

template <class T, class Store>
std::optional<T> QueueCore<T, Store>::receive(const Getter& getter) {
    return take_out(getter.node);
}

template <class T, class Store>
void QueueCore<T, Store>::give_to_getter(Node& node) noexcept {
    static_cast<Getter*>(WaitListAccess::first(getters_)->payload)->node = &node;
    getters_.notify_one();
    --size_;
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::take_back(Node& node) noexcept {
    ++size_;
    if (getters_.empty()) {
        store_.push_first(node);
    } else {
        give_to_getter(node);
    }
}

// --- the end, and tasks -----------------------------------------------------------------------

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::shutdown(bool immediate) {
    shut_down_ = true;
    while (const Waiter* putter = WaitListAccess::first(putters_)) {
        static_cast<Putter*>(putter->payload)->refused = true;
        putters_.notify_one();
    }
    getters_.notify_all();
    if (immediate) drop_items();
}

template <class T, class Store>
GROVE_COLD void QueueCore<T, Store>::drop_items() {
    DroppedNodes<T> dropped{nodes_, store_.take_all()};
    const std::size_t count = dropped.count();
    size_ -= count;
    unfinished_ -= std::min(count, unfinished_);
    if (unfinished_ == 0) joiners_.notify_all();
    dropped.destroy_all();
}

template <class T, class Store>
void QueueCore<T, Store>::task_done() {
    if (unfinished_ == 0) throw std::logic_error{"Queue::task_done: called more often than items were put"};
    if (--unfinished_ == 0) joiners_.notify_all();
}

template <class T, class Store>
bool QueueCore<T, Store>::join(Deadline by) {
    return unfinished_ == 0 || detail::wait(joiners_, by, "Queue::join");
}

}  // namespace detail
}  // namespace grove
