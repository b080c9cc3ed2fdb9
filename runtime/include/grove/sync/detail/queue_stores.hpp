#pragma once

// Which item of a queue is next. A store holds nodes that it does not own:
//
//     void push(Node&);                  one more item; may throw (a comparison), and then has changed
//     nothing void push_first(Node&) noexcept;   an item that was taken and comes back: it is the next again
//     Node* pop();                       takes the next; null if there is none; may throw likewise
//     const Node* first() const;         the next, left where it is; null if there is none
//     Node* take_all() noexcept;         all of them, chained by `next`, in no particular order

#include <grove/sync/detail/queue_node.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace grove::detail {

template <class T>
class FifoStore {
public:
    using Node = QueueNode<T>;

    void push(Node& node) noexcept {
        node.next = nullptr;
        (first_ ? last_->next : first_) = &node;
        last_ = &node;
    }
    void push_first(Node& node) noexcept {
        if (!first_) return push(node);
        node.next = std::exchange(first_, &node);
    }
    [[nodiscard]] Node* pop() noexcept { return first_ ? std::exchange(first_, first_->next) : nullptr; }
    [[nodiscard]] const Node* first() const noexcept { return first_; }
    [[nodiscard]] Node* take_all() noexcept { return std::exchange(first_, nullptr); }

private:
    Node* first_ = nullptr;
    Node* last_ = nullptr;  // valid while there is a first
};

template <class T>
class LifoStore {
public:
    using Node = QueueNode<T>;

    void push(Node& node) noexcept { node.next = std::exchange(top_, &node); }
    void push_first(Node& node) noexcept { push(node); }
    [[nodiscard]] Node* pop() noexcept { return top_ ? std::exchange(top_, top_->next) : nullptr; }
    [[nodiscard]] const Node* first() const noexcept { return top_; }
    [[nodiscard]] Node* take_all() noexcept { return std::exchange(top_, nullptr); }

private:
    Node* top_ = nullptr;
};

/// A binary heap; among equals, whoever came first.
///
/// Comparisons are the user's: they may throw, or call back into the queue and so change the heap. Hence each
/// operation first finds the place, changing nothing, from the start again if the heap changed meanwhile;
/// then it moves pointers, and nothing can fail.
template <class T, class Before>
class HeapStore {
public:
    using Node = QueueNode<T>;

    void push(Node& node);
    void push_first(Node& node) noexcept { node.next = std::exchange(returned_, &node); }
    [[nodiscard]] Node* pop();
    [[nodiscard]] const Node* first() const noexcept {
        if (returned_) return returned_;
        return heap_.empty() ? nullptr : heap_.front().node;
    }
    [[nodiscard]] Node* take_all() noexcept;

private:
    struct Entry {
        Node* node;
        std::uint64_t order;  // of arrival
    };

    static std::size_t above(std::size_t place) noexcept { return (place - 1) / 2; }
    [[nodiscard]] bool precedes(const Entry& a, const Entry& b);
    [[nodiscard]] std::size_t place_for_newcomer(const Node&);
    [[nodiscard]] std::size_t place_for_last();

    std::vector<Entry> heap_;
    Node* returned_ = nullptr;  // these come before the heap
    std::uint64_t last_order_ = 0;
    std::uint64_t changes_ = 0;  // of heap_
    [[no_unique_address]] Before before_{};
};

// ---------------------------------------------------------------------------------------------

template <class T, class Before>
void HeapStore<T, Before>::push(Node& node) {
    const std::size_t place = place_for_newcomer(node);
    heap_.push_back({&node, ++last_order_});
    ++changes_;
    for (std::size_t i = heap_.size() - 1; i != place; i = above(i)) std::swap(heap_[i], heap_[above(i)]);
}

template <class T, class Before>
QueueNode<T>* HeapStore<T, Before>::pop() {
    if (returned_) return std::exchange(returned_, returned_->next);
    if (heap_.empty()) return nullptr;
    const std::size_t place = place_for_last();
    if (heap_.empty()) return nullptr;  // a comparison took the rest
    Entry moving = heap_.back();
    heap_.pop_back();
    ++changes_;
    if (heap_.empty()) return moving.node;
    // The last one takes its place, and each one above moves up, the first one out.
    for (std::size_t i = place; i != 0; i = above(i)) std::swap(moving, heap_[i]);
    std::swap(moving, heap_.front());
    return moving.node;
}

template <class T, class Before>
QueueNode<T>* HeapStore<T, Before>::take_all() noexcept {
    Node* all = std::exchange(returned_, nullptr);
    for (const Entry& entry : heap_) entry.node->next = std::exchange(all, entry.node);
    heap_.clear();
    ++changes_;
    return all;
}

template <class T, class Before>
bool HeapStore<T, Before>::precedes(const Entry& a, const Entry& b) {
    // One comparison decides: of two, the later one must be strictly before the other.
    const T& item_a = a.node->value;
    const T& item_b = b.node->value;
    return a.order < b.order ? !before_(item_b, item_a) : before_(item_a, item_b);
}

template <class T, class Before>
std::size_t HeapStore<T, Before>::place_for_newcomer(const Node& node) {
    std::uint64_t seen = changes_;
    std::size_t place = heap_.size();
    while (place > 0) {
        const T& other = heap_[above(place)].node->value;
        const bool rises = before_(node.value, other);
        if (changes_ != seen) {
            seen = changes_;
            place = heap_.size();
            continue;
        }
        if (!rises) break;
        place = above(place);
    }
    return place;
}

/// Where the last entry goes when the first is taken out.
template <class T, class Before>
std::size_t HeapStore<T, Before>::place_for_last() {
    std::uint64_t seen = changes_;
    std::size_t place = 0;
    while (2 * place + 2 < heap_.size()) {
        const std::size_t last = heap_.size() - 1;
        std::size_t below = 2 * place + 1;
        if (below + 1 < last && precedes(heap_[below + 1], heap_[below])) ++below;
        const bool stays = changes_ == seen && precedes(heap_[last], heap_[below]);
        if (changes_ != seen) {
            seen = changes_;
            place = 0;
            continue;
        }
        if (stays) break;
        place = below;
    }
    return place;
}

}  // namespace grove::detail
