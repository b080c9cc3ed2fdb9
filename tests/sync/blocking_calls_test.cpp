#include <grove/core/greenlet.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/group.hpp>
#include <grove/sync/select.hpp>

#include "sync/blocking_call.hpp"

#include <array>

// The blocking calls that have no test file of their own, or where another file is about other things.

using grove::Deadline;
using grove::testing::check_blocking_call;

namespace {

/// A greenlet that ends when it is told, and has ended when told() returns.
class Sleeper {
public:
    Sleeper() : greenlet_{grove::spawn([this] { end_.wait(); })} {}
    ~Sleeper() {
        end_.set();
        greenlet_.join();
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;

    void tell() {
        end_.set();
        grove::yield();
    }
    [[nodiscard]] const grove::Greenlet<>& greenlet() const { return greenlet_; }

private:
    grove::Event end_;
    grove::Greenlet<> greenlet_;
};

struct WaitInList {
    bool wait(Deadline by) { return list.wait(by); }
    void satisfy() { list.notify_one(); }
    static constexpr bool is_remembered = false;
    grove::WaitList list;
};

struct Join {
    bool wait(Deadline by) { return sleeper.greenlet().join(by); }
    void satisfy() { sleeper.tell(); }
    static constexpr bool is_remembered = true;
    Sleeper sleeper;
};

struct JoinAll {
    bool wait(Deadline by) { return grove::join_all(std::array{first.greenlet(), second.greenlet()}, by); }
    void satisfy() {
        first.tell();
        second.tell();
    }
    static constexpr bool is_remembered = true;
    Sleeper first, second;
};

struct WaitForOne {
    bool wait(Deadline by) {
        return grove::wait(std::array{first.greenlet(), second.greenlet()}, 1, by).size() == 1;
    }
    void satisfy() { second.tell(); }
    static constexpr bool is_remembered = true;
    Sleeper first, second;
};

struct JoinTasks {
    JoinTasks() {
        tasks.spawn([this] { end.wait(); });
    }
    bool wait(Deadline by) { return tasks.join(by); }
    void satisfy() {
        end.set();
        grove::yield();
    }
    static constexpr bool is_remembered = true;
    grove::Event end;
    grove::TaskGroup tasks;
};

struct Select {
    bool wait(Deadline by) {
        return grove::select(grove::on_set(never), grove::on_get(queue, [](int) {}), grove::on_time(by)) == 1;
    }
    void satisfy() { queue.put(1); }
    static constexpr bool is_remembered = true;
    grove::Event never;
    grove::Queue<int> queue;
};

}  // namespace

TEST_SUITE_BEGIN("sync/blocking_calls");

GROVE_TEST("WaitList::wait keeps the promises of a blocking call") {
    check_blocking_call<WaitInList>();
}
GROVE_TEST("GreenletRef::join keeps the promises of a blocking call") {
    check_blocking_call<Join>();
}
GROVE_TEST("join_all keeps the promises of a blocking call") {
    check_blocking_call<JoinAll>();
}
GROVE_TEST("wait for one of several keeps the promises of a blocking call") {
    check_blocking_call<WaitForOne>();
}
GROVE_TEST("TaskGroup::join keeps the promises of a blocking call") {
    check_blocking_call<JoinTasks>();
}
GROVE_TEST("select keeps the promises of a blocking call") {
    check_blocking_call<Select>();
}

TEST_SUITE_END();
