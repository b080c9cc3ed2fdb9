#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace grove::detail {

/// An item of a queue. It is built, moved from and destroyed while no list has the node, so that whatever
/// the item's own functions do (throw, use the queue), they meet a queue that is whole.
template <class T>
struct QueueNode {
    QueueNode() noexcept {}
    ~QueueNode() {}

    QueueNode* next = nullptr;
    union {
        T value;
    };
};

/// Makes the nodes of one queue, and keeps some that are empty for the next items.
template <class T>
class NodePool {
public:
    using Node = QueueNode<T>;

    NodePool() noexcept = default;
    ~NodePool();
    NodePool(const NodePool&) = delete;
    NodePool& operator=(const NodePool&) = delete;

    /// A node in no list, with the item moved in. Throws what the move throws.
    [[nodiscard]] Node& make(T&& item);
    /// Destroys the item; throws what its destructor throws.
    void recycle(Node& node);

private:
    struct Keep;

    [[nodiscard]] Node& take_spare() noexcept {
        --spares_;
        return *std::exchange(spare_, spare_->next);
    }

    // A queue of so many items runs without allocations; a longer one returns what it had at its longest.
    static constexpr std::size_t most_spares = 256;

    Node* spare_ = nullptr;
    std::size_t spares_ = 0;
};

/// A chain of nodes that nobody wants any more.
template <class T>
class DroppedNodes {
public:
    DroppedNodes(NodePool<T>& pool, QueueNode<T>* first) noexcept : pool_{pool}, next_{first} {}
    ~DroppedNodes() { destroy_all(); }
    DroppedNodes(const DroppedNodes&) = delete;
    DroppedNodes& operator=(const DroppedNodes&) = delete;

    [[nodiscard]] std::size_t count() const noexcept {
        std::size_t n = 0;
        for (const QueueNode<T>* node = next_; node; node = node->next) ++n;
        return n;
    }
    void destroy_all() {
        while (next_) {
            QueueNode<T>& node = *next_;
            next_ = node.next;
            pool_.recycle(node);
        }
    }

private:
    NodePool<T>& pool_;
    QueueNode<T>* next_;
};

// ---------------------------------------------------------------------------------------------

/// Keeps or frees an empty node at the end of a scope, however that ends.
template <class T>
struct NodePool<T>::Keep {
    ~Keep() {
        if (!node) return;
        if (pool.spares_ == most_spares) {
            delete node;
            return;
        }
        node->next = std::exchange(pool.spare_, node);
        ++pool.spares_;
    }
    NodePool& pool;
    Node* node;
};

template <class T>
NodePool<T>::~NodePool() {
    while (spare_) delete std::exchange(spare_, spare_->next);
}

template <class T>
inline QueueNode<T>& NodePool<T>::make(T&& item) {
    Keep keep{*this, spare_ ? &take_spare() : new Node};
    std::construct_at(std::addressof(keep.node->value), std::move(item));
    return *std::exchange(keep.node, nullptr);
}

template <class T>
void NodePool<T>::recycle(Node& node) {
    const Keep keep{*this, &node};
    std::destroy_at(std::addressof(node.value));
}

}  // namespace grove::detail
