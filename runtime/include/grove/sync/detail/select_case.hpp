#pragma once

#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/detail/queue_core.hpp>

#include <cstddef>
#include <optional>
#include <span>

namespace grove::detail {

/// One of the things a select() waits for. The calls come in one of these orders, none of which switches in
/// between but the wait itself:
///
///     ready(), take(), act()                         it could be done at once
///     ready(), enroll(), the wait, leave(), receive(), act()    it was the first to be served
///     ready(), enroll(), the wait, leave()           another was, or the deadline, or a kill
class SelectCaseBase {
public:
    SelectCaseBase(const SelectCaseBase&) = delete;
    SelectCaseBase& operator=(const SelectCaseBase&) = delete;

    /// It can be done at once.
    [[nodiscard]] virtual bool ready() const = 0;
    /// Does it. False: it turned out that it cannot be done.
    [[nodiscard]] virtual bool take() { return true; }
    /// Says which list to wait in, and what to hand over there. Null: none.
    virtual void enroll(Waiter&) = 0;
    virtual void leave() noexcept {}
    /// Takes what was handed over.
    virtual void receive() {}
    /// Calls the handler.
    virtual void act() = 0;
    /// When it can be done at the latest.
    [[nodiscard]] virtual Deadline due() const noexcept { return {}; }

protected:
    SelectCaseBase() noexcept = default;
    SelectCaseBase(SelectCaseBase&&) noexcept = default;
    SelectCaseBase& operator=(SelectCaseBase&&) noexcept = default;
    ~SelectCaseBase() = default;
};

/// `waiters` has room for each of the cases. Blocks.
std::size_t select_one(std::span<SelectCaseBase* const> cases, std::span<Waiter> waiters);
std::optional<std::size_t> select_ready(std::span<SelectCaseBase* const> cases);

struct DoNothing {
    void operator()() const noexcept {}
};

struct ThrowShutDown {
    [[noreturn]] void operator()() const { throw_shut_down(); }
};

}  // namespace grove::detail
