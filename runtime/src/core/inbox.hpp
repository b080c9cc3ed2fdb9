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
    /// False if it was closed. Any thread.
    bool push(InboxNode& node) noexcept {
        InboxNode* head = head_.load(std::memory_order_relaxed);
        do {
            if (head == closed_mark()) return false;
            node.next = head;
        } while (!head_.compare_exchange_weak(head, &node, std::memory_order_seq_cst, std::memory_order_relaxed));
        return true;
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

    /// Nothing comes any more. False, and nothing done, if there is something to take.
    bool close() noexcept {
        InboxNode* expected = nullptr;
        return head_.compare_exchange_strong(expected, closed_mark(), std::memory_order_seq_cst);
    }

private:
    static InboxNode* closed_mark() noexcept { return reinterpret_cast<InboxNode*>(alignof(InboxNode)); }

    std::atomic<InboxNode*> head_{nullptr};
};

}  // namespace grove::detail
