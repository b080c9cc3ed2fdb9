#pragma once

#include <atomic>

namespace grove::detail {

/// Something another thread wants the hub to do.
struct InboxNode {
    using Run = void (*)(InboxNode&) noexcept;

    explicit InboxNode(Run f) noexcept : run{f} {}
    InboxNode(const InboxNode&) = delete;
    InboxNode& operator=(const InboxNode&) = delete;

    Run run;  ///< with the Gil held, not in a greenlet: must not block. May destroy the node.
    InboxNode* next = nullptr;
};

/// Many threads push, the hub takes all at once. Lock-free; order of arrival is kept.
class Inbox {
public:
    /// Any thread.
    void push(InboxNode& node) noexcept {
        node.next = head_.load(std::memory_order_relaxed);
        while (!head_.compare_exchange_weak(
            node.next, &node, std::memory_order_seq_cst, std::memory_order_relaxed)) {
        }
    }

    [[nodiscard]] bool empty() const noexcept { return head_.load(std::memory_order_seq_cst) == nullptr; }

    /// All that has come, oldest first; null if nothing has.
    [[nodiscard]] InboxNode* take_all() noexcept {
        if (head_.load(std::memory_order_relaxed) == nullptr) return nullptr;
        InboxNode* newest = head_.exchange(nullptr, std::memory_order_acquire);
        InboxNode* oldest = nullptr;
        while (newest) {
            InboxNode* const next = newest->next;
            newest->next = oldest;
            oldest = newest;
            newest = next;
        }
        return oldest;
    }

private:
    std::atomic<InboxNode*> head_{nullptr};
};

}  // namespace grove::detail
