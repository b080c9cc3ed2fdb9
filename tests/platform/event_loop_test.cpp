#include "platform/event_loop.hpp"

#include <grove/core/runtime.hpp>

#include "core/scheduler.hpp"
#include "support/child_process.hpp"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;
using grove::Clock;
using grove::Deadline;
using grove::detail::EventLoop;
using grove::detail::FdWatch;
using grove::detail::has;
using grove::detail::Readiness;

namespace {

constexpr auto soon = 10s;  // longer than anything here takes

/// The loops there are. What is said of one is true of each.
struct Epoll {
    static std::unique_ptr<EventLoop> make() { return grove::detail::make_epoll_loop(); }
    static constexpr bool tells_changes = true;  // the others need rearm()
};
struct Asio {
    static std::unique_ptr<EventLoop> make() { return grove::detail::make_asio_loop(); }
    static constexpr bool tells_changes = false;
};

/// Two connected sockets that do not block.
struct Pair {
    explicit Pair(int type = SOCK_STREAM) {
        if (::socketpair(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) != 0) {
            throw std::runtime_error{"socketpair"};
        }
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() {
        close_ours();
        close_theirs();
    }

    [[nodiscard]] int ours() const { return fds[0]; }
    [[nodiscard]] int theirs() const { return fds[1]; }
    void peer_sends(char c = 'x') const { CHECK(::send(theirs(), &c, 1, MSG_NOSIGNAL) == 1); }
    void we_read() const {
        char c = 0;
        CHECK(::recv(ours(), &c, 1, 0) == 1);
    }
    void close_ours() { close_one(fds[0]); }
    void close_theirs() { close_one(fds[1]); }

    static void close_one(int& fd) {
        if (fd >= 0) ::close(fd);
        fd = -1;
    }

    std::array<int, 2> fds{-1, -1};
};

/// Keeps what it was told.
struct Keeper final : FdWatch {
    void on_ready(Readiness readiness) noexcept override {
        last = readiness;
        ++told;
    }
    int told = 0;
    Readiness last = Readiness::none;
};

bool turn(EventLoop& loop, Deadline by = Clock::time_point{}) {
    const bool something = loop.poll(by);
    loop.deliver();
    return something;
}

/// How many turns of three, none of which waits, had something.
int busy_turns(EventLoop& loop) {
    int busy = 0;
    for (int i = 0; i < 3; ++i) busy += turn(loop) ? 1 : 0;
    return busy;
}

}  // namespace

TEST_SUITE_BEGIN("platform/event_loop");

// --- readiness ------------------------------------------------------------------------------------

TEST_CASE("the loop on epoll has news from when something changed until it is polled") {
    const auto loop = Epoll::make();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    CHECK(loop->wait_for_news(0ns));
    turn(*loop);
    CHECK_FALSE(loop->wait_for_news(1ms));
    pair.peer_sends();
    CHECK(loop->wait_for_news(soon));
    turn(*loop);
    const std::jthread other{[&] { loop->wake(); }};
    CHECK(loop->wait_for_news(soon));
}

TEST_CASE_TEMPLATE("a watch is first told of the present state, then of each change once",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));

    turn(*loop);
    CHECK(keeper.told == 1);
    CHECK(keeper.last == Readiness::writable);

    pair.peer_sends();
    turn(*loop);
    CHECK(keeper.told == 2);
    CHECK(has(keeper.last, Readiness::readable));

    CHECK(busy_turns(*loop) == 0);  // nobody read it, but that is no change
    CHECK(keeper.told == 2);

    pair.we_read();
    loop->rearm(pair.ours(), Readiness::readable);
    CHECK(busy_turns(*loop) == 0);
    pair.peer_sends();
    turn(*loop);
    CHECK(keeper.told == 3);
    CHECK(has(keeper.last, Readiness::readable));
    loop->forget(pair.ours());
}

TEST_CASE("a watch that is armed again hears of what came before that") {
    const auto loop = grove::detail::make_asio_loop();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    pair.peer_sends();
    turn(*loop);
    pair.we_read();
    pair.peer_sends();
    CHECK(busy_turns(*loop) == 0);

    for (int i = 0; i < 3; ++i) loop->rearm(pair.ours(), Readiness::readable);
    turn(*loop);
    CHECK(keeper.told == 2);
    CHECK(keeper.last == Readiness::readable);
    CHECK(busy_turns(*loop) == 0);
    loop->forget(pair.ours());
}

TEST_CASE("a descriptor that others expect to block is left blocking") {
    const auto loop = grove::detail::make_asio_loop();
    const Pair pair;
    ::fcntl(pair.ours(), F_SETFL, 0);
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    for (int i = 0; i < 3; ++i) {
        turn(*loop);
        loop->rearm(pair.ours(), Readiness::writable);
        CHECK((::fcntl(pair.ours(), F_GETFL) & O_NONBLOCK) == 0);
    }
    loop->forget(pair.ours());
}

TEST_CASE_TEMPLATE("a peer that has finished sending shows as readable and hung up", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    ::shutdown(pair.theirs(), SHUT_WR);

    turn(*loop);

    CHECK(has(keeper.last, Readiness::readable));
    CHECK(has(keeper.last, Readiness::writable));
    CHECK(has(keeper.last, Readiness::hangup) == Loop::tells_changes);
    loop->forget(pair.ours());
}

TEST_CASE_TEMPLATE("the writing end of a pipe is writable, and so learns that nobody reads any more",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    std::array<int, 2> pipe{};
    REQUIRE(::pipe2(pipe.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    const std::vector<char> much(1 << 20);
    CHECK(::write(pipe[1], much.data(), much.size()) > 0);  // full now
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pipe[1], keeper));
    turn(*loop);
    CHECK_FALSE(has(keeper.last, Readiness::writable));

    ::close(pipe[0]);
    turn(*loop);

    CHECK(has(keeper.last, Readiness::writable));
    loop->forget(pipe[1]);
    ::close(pipe[1]);
}

TEST_CASE_TEMPLATE("a regular file cannot be watched: EPERM, and the loop keeps nothing of it",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    Keeper keeper;
    const int fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    CHECK(loop->watch(fd, keeper) == std::errc::operation_not_permitted);

    CHECK(busy_turns(*loop) == 0);
    CHECK(keeper.told == 0);
    ::close(fd);
}

TEST_CASE_TEMPLATE("more descriptors than one poll brings are all told, each once", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    std::vector<std::unique_ptr<Pair>> pairs;
    std::vector<Keeper> keepers(600);
    for (Keeper& keeper : keepers) {
        pairs.push_back(std::make_unique<Pair>());
        REQUIRE_FALSE(loop->watch(pairs.back()->ours(), keeper));
    }

    int turns = 0;
    while (turn(*loop)) ++turns;

    CHECK(turns >= 1);
    if (Loop::tells_changes) CHECK(turns == 2);  // 256, then room for 512
    for (const Keeper& keeper : keepers) REQUIRE(keeper.told == 1);
    for (const auto& pair : pairs) loop->forget(pair->ours());
}

// --- watches that are gone -------------------------------------------------------------------------

TEST_CASE_TEMPLATE("a watch that was forgotten between poll and deliver hears nothing", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));

    CHECK(loop->poll(Clock::time_point{}));
    loop->forget(pair.ours());
    loop->deliver();

    CHECK(keeper.told == 0);
}

TEST_CASE_TEMPLATE("a watch that another one of the same batch forgets hears nothing", Loop, Epoll, Asio) {
    struct Forgetting final : FdWatch {
        void on_ready(Readiness) noexcept override {
            ++told;
            loop->forget(other_fd);
        }
        EventLoop* loop = nullptr;
        int other_fd = -1;
        int told = 0;
    };
    const auto loop = Loop::make();
    const Pair one, two;
    Forgetting first, second;
    first.loop = second.loop = loop.get();
    first.other_fd = two.ours();
    second.other_fd = one.ours();
    REQUIRE_FALSE(loop->watch(one.ours(), first));
    REQUIRE_FALSE(loop->watch(two.ours(), second));

    turn(*loop);

    CHECK(first.told + second.told == 1);
    loop->forget(one.ours());
    loop->forget(two.ours());
}

TEST_CASE_TEMPLATE("an event of a closed descriptor does not reach the next user of its number",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    Pair before;
    Keeper old_keeper, new_keeper;
    REQUIRE_FALSE(loop->watch(before.ours(), old_keeper));
    before.peer_sends();
    CHECK(loop->poll(Clock::time_point{}));

    const int number = before.ours();
    loop->forget(number);
    before.close_ours();
    const Pair after;
    REQUIRE(after.ours() == number);
    REQUIRE_FALSE(loop->watch(number, new_keeper));
    loop->deliver();

    CHECK(old_keeper.told == 0);
    CHECK(new_keeper.told == 0);
    turn(*loop);
    CHECK(new_keeper.last == Readiness::writable);  // of its own
    loop->forget(number);
}

TEST_CASE_TEMPLATE("a closed descriptor that lives on in a duplicate wakes nobody's watch",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    Pair before;
    Keeper old_keeper, new_keeper;
    REQUIRE_FALSE(loop->watch(before.ours(), old_keeper));
    turn(*loop);
    const int number = before.ours();
    const int duplicate = ::dup(number);
    loop->forget(number);
    before.close_ours();

    const Pair after;
    REQUIRE(after.ours() == number);
    REQUIRE_FALSE(loop->watch(number, new_keeper));
    turn(*loop);
    before.peer_sends();
    turn(*loop);

    CHECK(old_keeper.told == 1);
    CHECK(new_keeper.told == 1);
    CHECK(new_keeper.last == Readiness::writable);
    loop->forget(number);
    ::close(duplicate);
}

TEST_CASE_TEMPLATE("a descriptor that was given away alive wakes the loop once at most", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    turn(*loop);
    loop->forget(pair.ours());

    int wakes = 0;
    for (int i = 0; i < 5; ++i) {
        pair.peer_sends();
        wakes += turn(*loop) ? 1 : 0;
    }

    CHECK(wakes <= 1);
    CHECK(keeper.told == 1);
}

TEST_CASE_TEMPLATE("a descriptor that was forgotten can be watched again, before its next event and after",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    const Pair pair;
    Keeper first, second, third;
    REQUIRE_FALSE(loop->watch(pair.ours(), first));
    turn(*loop);
    loop->forget(pair.ours());

    REQUIRE_FALSE(loop->watch(pair.ours(), second));
    turn(*loop);
    CHECK(second.last == Readiness::writable);
    loop->forget(pair.ours());

    pair.peer_sends();
    turn(*loop);
    REQUIRE_FALSE(loop->watch(pair.ours(), third));
    turn(*loop);
    CHECK(third.last == (Readiness::readable | Readiness::writable));
    CHECK(first.told == 1);
    CHECK(second.told == 1);
    loop->forget(pair.ours());
}

// --- sleep and wake -------------------------------------------------------------------------------

TEST_CASE_TEMPLATE(
    "poll waits until its deadline, to less than a millisecond, and then says that nothing happened",
    Loop,
    Epoll,
    Asio) {
    const auto loop = Loop::make();
    const auto by = loop->now() + 3ms + 300us;

    CHECK_FALSE(loop->poll(by));

    CHECK(loop->now() >= by);
}

TEST_CASE_TEMPLATE("a deadline that has passed only looks", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    for (const auto by : {Clock::time_point{}, Clock::time_point::min(), Clock::now() - 1h}) {
        CHECK_FALSE(loop->poll(by));
    }
    const Pair pair;
    Keeper keeper;
    REQUIRE_FALSE(loop->watch(pair.ours(), keeper));
    CHECK(turn(*loop, Clock::now() - 1h));
    CHECK(keeper.told == 1);
    loop->forget(pair.ours());
}

TEST_CASE_TEMPLATE("a wake ends the next poll, many wakes one", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    for (int i = 0; i < 1000; ++i) loop->wake();

    CHECK(turn(*loop, Deadline{}));
    CHECK(busy_turns(*loop) == 0);

    loop->wake();
    CHECK(turn(*loop, Deadline{}));
}

TEST_CASE_TEMPLATE("a wake from another thread ends a sleep, time after time", Loop, Epoll, Asio) {
    const auto loop = Loop::make();
    std::jthread waker{[&](const std::stop_token& stop) {
        while (!stop.stop_requested()) loop->wake();
    }};
    int woken = 0;
    while (woken < 10'000 && turn(*loop, Clock::now() + soon)) ++woken;

    CHECK(woken == 10'000);
}

TEST_CASE_TEMPLATE("a signal ends a sleep early, and its handler may wake the loop and leave errno alone",
                   Loop,
                   Epoll,
                   Asio) {
    const auto loop = Loop::make();
    static EventLoop* woken_by_signal = nullptr;
    woken_by_signal = loop.get();
    struct sigaction action {
    }, before{};
    action.sa_handler = [](int) { woken_by_signal->wake(); };
    ::sigaction(SIGALRM, &action, &before);
    const itimerval timer{.it_interval = {}, .it_value = {.tv_sec = 0, .tv_usec = 1000}};
    errno = ENOTTY;
    ::setitimer(ITIMER_REAL, &timer, nullptr);

    const auto by = Clock::now() + soon;
    while (!turn(*loop, by) && Clock::now() < by) {
    }
    CHECK(Clock::now() < by);

    errno = ENOTTY;
    ::raise(SIGALRM);
    CHECK(errno == ENOTTY);
    CHECK(turn(*loop));
    ::sigaction(SIGALRM, &before, nullptr);
}

// --- which one ------------------------------------------------------------------------------------

TEST_CASE("GROVE_POLLER chooses the loop, and a word that means nothing is an error that says so") {
    using grove::testing::run_child;
    const auto run_with = [](const char* wish, const char* expected) {
        return run_child([=] {
            ::setenv("GROVE_POLLER", wish, 1);
            grove::run([=] {
                const char* const name = grove::detail::Scheduler::here()->loop().name();
                if (std::string_view{name} != expected) std::_Exit(3);
            });
        });
    };
    CHECK(run_with("", "epoll").exit_code == 0);
    CHECK(run_with("epoll", "epoll").exit_code == 0);
    CHECK(run_with("asio", "asio").exit_code == 0);

    const auto wrong = run_child([] {
        ::setenv("GROVE_POLLER", "magic", 1);
        try {
            grove::run([] {});
        } catch (const std::invalid_argument& error) {
            if (error.what() == std::string_view{"GROVE_POLLER is neither epoll nor asio: magic"})
                std::_Exit(7);
        }
    });
    CHECK(wrong.exit_code == 7);
}

TEST_SUITE_END();
