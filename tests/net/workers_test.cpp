#include <grove/core/greenlet.hpp>
#include <grove/core/timeout.hpp>
#include <grove/http/client.hpp>
#include <grove/http/server.hpp>
#include <grove/io/pipe.hpp>
#include <grove/net/workers.hpp>

#include "http/wire.hpp"
#include "net/loopback.hpp"
#include "net/test_path.hpp"
#include "support/child_process.hpp"
#include "support/grove_test.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <functional>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <unistd.h>

// The master runs in a child of the test, and the test plays the administrator and the clients. Workers tell
// what they do through a pipe, whose end comes when all of them are gone.

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::http::Request;
using grove::http::ResponseWriter;
using grove::net::Endpoint;
using grove::net::run_workers;
using grove::net::Worker;
using grove::net::WorkersOptions;

namespace {

/// One thing that a worker told: "started 0 1 4711 127.0.0.1:8080".
struct News {
    std::string what;
    std::size_t index = 0;
    unsigned generation = 0;
    int pid = 0;
    Endpoint at;
};

class NewsPipe {
public:
    NewsPipe() : NewsPipe{grove::make_pipe()} {}

    // --- in a worker ---
    void tell(Worker& worker, const std::string& what) {
        const Endpoint at = worker.listener() ? worker.listener().local() : any_port;
        tell(worker, what, at);
    }
    void tell(Worker& worker, const std::string& what, const Endpoint& at) {
        std::ostringstream line;
        line << what << ' ' << worker.index() << ' ' << worker.generation() << ' ' << ::getpid() << ' '
             << at.to_string() << '\n';
        const std::string text = line.str();
        (void)!::write(writing_.native_handle(), text.data(), text.size());
    }

    // --- in the test ---
    void only_listen() { writing_.close(); }
    News next() {
        std::istringstream line{std::string{reader_.read_line(patience)}};
        News news;
        std::string at;
        line >> news.what >> news.index >> news.generation >> news.pid >> at;
        news.at = Endpoint::parse(at);
        return news;
    }
    std::vector<News> next(std::size_t n) {
        std::vector<News> all;
        while (all.size() < n) all.push_back(next());
        return all;
    }
    /// Nobody is there any more who could tell.
    bool ended() {
        std::error_code ec;
        while (!ec) (void)reader_.read_line(ec, patience);
        return ec == grove::Errc::eof;
    }

private:
    explicit NewsPipe(std::pair<grove::ReadPipe, grove::WritePipe> pipe)
        : reading_{std::move(pipe.first)}, writing_{std::move(pipe.second)} {}

    grove::ReadPipe reading_;
    grove::WritePipe writing_;
    grove::BufferedReader<grove::ReadPipe> reader_{reading_};
};

using WorkerBody = std::function<void(Worker&, NewsPipe&)>;

void serve(Worker& worker, NewsPipe& news, grove::http::Server::Handler handler) {
    const Endpoint at = worker.listener().local();
    grove::http::Server server{std::move(worker.listener()), std::move(handler)};
    server.start();
    worker.ready();
    news.tell(worker, "started", at);
    worker.wait_for_stop();
    server.stop(worker.grace());
}

/// Answers with who it is, once on each connection.
void serve_http(Worker& worker, NewsPipe& news) {
    serve(worker, news, [&](Request&, ResponseWriter& response) {
        response.headers.set("Connection", "close");
        response.send(std::to_string(worker.index()) + " " + std::to_string(::getpid()));
    });
}

void serve_http_and_keep_alive(Worker& worker, NewsPipe& news) {
    serve(worker, news, [](Request&, ResponseWriter& response) { response.send("served"); });
}

/// The master's end. test(master's pid, news) runs meanwhile.
ChildEnd with_workers(const WorkersOptions& options,
                      const WorkerBody& body,
                      const std::function<void(int, NewsPipe&)>& test) {
    NewsPipe news;
    return run_child(
        [&] {
            try {
                run_workers(options, [&](Worker& worker) { body(worker, news); });
            } catch (const std::exception& error) {
                (void)!::write(STDERR_FILENO, error.what(), std::string_view{error.what()}.size());
                ::_exit(1);
            }
        },
        [&](int master) {
            news.only_listen();
            try {
                test(master, news);
            } catch (...) {  // on, when the processes are gone
                ::kill(master, SIGKILL);
                throw;
            }
        });
}

/// What a new connection brings; throws unless it is a whole answer.
std::string ask(const Endpoint& at) {
    auto socket = grove::net::Socket::connect(at, patience);
    grove::write(socket, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", patience);
    std::string answer;
    for (std::string piece; !(piece = read_piece(socket)).empty();) answer += piece;
    if (!answer.starts_with("HTTP/1.1 200 ")) throw std::runtime_error{"no answer: '" + answer + "'"};
    return answer.substr(answer.find("\r\n\r\n") + 4);
}

int pid_in(const std::string& answer) {
    return std::stoi(answer.substr(answer.find(' ')));
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

/// Eight clients call ask() over and over, while one generation follows the other. What it threw.
std::string failures_while_generations_change(int master, NewsPipe& news, const std::function<void()>& ask) {
    std::string failures;
    grove::run([&] {
        int asked = 0;
        bool enough = false;
        const auto wait_for_more = [&](int n) {
            for (const int before = asked; asked < before + n && failures.empty();) grove::yield();
        };
        std::vector<grove::Greenlet<>> clients;
        for (int i = 0; i < 8; ++i) {
            clients.push_back(grove::spawn([&] {
                while (!enough) {
                    try {
                        ask();
                    } catch (const std::exception& error) {
                        failures.append(error.what()).append("\n");
                    }
                    ++asked;
                }
            }));
        }
        for (unsigned generation = 2; generation <= 4; ++generation) {
            ::kill(master, SIGHUP);
            for (const News& one : news.next(2)) CHECK(one.generation == generation);
            wait_for_more(100);
        }
        for (int i = 0; i < 20; ++i) {  // more than can become generations
            ::kill(master, SIGHUP);
            wait_for_more(5);
        }
        enough = true;
        grove::join_all(clients);
    });
    return failures;
}

WorkersOptions two_workers() {
    return {.count = 2, .endpoints = {any_port}, .grace = patience, .shortest_pause = 1ms};
}

/// In two subcases.
WorkersOptions either_listening() {
    WorkersOptions options = two_workers();
    SUBCASE("a listener for each") {}
    SUBCASE("one listener for all") {
        options.listening = grove::net::Listening::shared;
    }
    return options;
}

}  // namespace

TEST_SUITE_BEGIN("net/workers");

TEST_CASE("workers serve, each in a process of its own, until the master is told to stop") {
    for (const int signal : {SIGTERM, SIGINT}) {
        const auto end = with_workers(two_workers(), serve_http, [&](int master, NewsPipe& news) {
            const auto started = news.next(2);
            CHECK(started[0].pid != started[1].pid);
            CHECK(started[0].index + started[1].index == 1);
            const int pid = pid_in(ask(started[0].at));
            CHECK((pid == started[0].pid || pid == started[1].pid));
            ::kill(master, signal);
            CHECK(news.ended());
        });
        CHECK(end.exit_code == 0);
        CHECK(count(end.errors, "ended with status 0") == 2);
    }
}

TEST_CASE("a worker that is killed is replaced, and the others serve meanwhile") {
    const auto end = with_workers(either_listening(), serve_http, [](int master, NewsPipe& news) {
        const auto started = news.next(2);
        ::kill(started[0].pid, SIGKILL);
        for (int i = 0; i < 50; ++i) CHECK_NOTHROW(ask(started[0].at));
        const News successor = news.next();
        CHECK(successor.index == started[0].index);
        CHECK(successor.generation == 1);
        CHECK(successor.pid != started[0].pid);
        CHECK_NOTHROW(ask(started[0].at));
        ::kill(master, SIGTERM);
    });
    CHECK(end.exit_code == 0);
    CHECK(count(end.errors, "was ended by signal 9 (Killed)") == 1);
}

TEST_CASE("no connection is refused or reset while generations change") {
    const auto end = with_workers(either_listening(), serve_http, [](int master, NewsPipe& news) {
        const Endpoint at = news.next(2)[0].at;
        CHECK(failures_while_generations_change(master, news, [&] { (void)ask(at); }) == "");
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK(count(end.errors, "ended with status 0") >= 8);
}

TEST_CASE("no request is lost on a connection that is kept while generations change") {
    const auto end =
        with_workers(either_listening(), serve_http_and_keep_alive, [](int master, NewsPipe& news) {
            const Endpoint at = news.next(2)[0].at;
            int told_to_leave = 0;
            const auto ask_ten_times = [&] {
                Wire wire{at};
                bool kept = true;
                for (int i = 0; i < 10 && kept; ++i) {
                    wire.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
                    const std::string answer = wire.read_through("served");
                    if (!answer.starts_with("HTTP/1.1 200 "))
                        throw std::runtime_error{"answer: '" + answer + "'"};
                    kept = answer.find("Connection: close") == answer.npos;
                }
                told_to_leave += !kept;
            };
            CHECK(failures_while_generations_change(master, news, ask_ten_times) == "");
            CHECK(told_to_leave > 0);
            ::kill(master, SIGTERM);
            CHECK(news.ended());
        });
    CHECK(end.exit_code == 0);
}

TEST_CASE("a generation that does not come up leaves the one before in service") {
    const auto fails_later = [](Worker& worker, NewsPipe& news) {
        if (worker.generation() == 1) return serve_http(worker, news);
        news.tell(worker, "fails");
        throw std::runtime_error{"the new configuration is wrong"};
    };
    WorkersOptions options = two_workers();
    options.longest_pause = 2ms;
    const auto end = with_workers(options, fails_later, [](int master, NewsPipe& news) {
        const auto started = news.next(2);
        ::kill(master, SIGHUP);
        for (const News& one : news.next(4)) CHECK(one.what == "fails");
        for (int i = 0; i < 50; ++i) {
            const int pid = pid_in(ask(started[0].at));
            CHECK((pid == started[0].pid || pid == started[1].pid));
        }
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK(count(end.errors, "the new configuration is wrong") >= 1);
    CHECK(count(end.errors, "ended with status 70") >= 1);
}

TEST_CASE("what is under way when a worker is to stop is finished, and no more is taken") {
    const auto slow = [](Worker& worker, NewsPipe& news) {
        const Endpoint at = worker.listener().local();
        grove::http::Server server{std::move(worker.listener()), [&](Request&, ResponseWriter& response) {
                                       news.tell(worker, "busy", at);
                                       worker.wait_for_stop();
                                       response.send("finished");
                                   }};
        news.tell(worker, "started", at);
        worker.serve(server);
    };
    WorkersOptions options = two_workers();
    options.count = 1;
    const auto end = with_workers(options, slow, [](int master, NewsPipe& news) {
        const Endpoint at = news.next().at;
        grove::run([&] {
            auto asking = grove::spawn([&] { return ask(at); });
            grove::yield();
            CHECK(news.next().what == "busy");
            ::kill(master, SIGTERM);
            CHECK(asking.get() == "finished");
        });
        CHECK(news.ended());
        CHECK_THROWS_AS(ask(at), std::system_error);
    });
    CHECK(end.exit_code == 0);
}

TEST_CASE("a worker that does not stop is killed at the end of its grace, or by a second signal") {
    WorkersOptions options = two_workers();
    std::string expected = "did not stop in time";
    bool twice = false;
    SUBCASE("at the end") {
        options.grace = 500ms;  // for which a slow machine tells that it was told
    }
    SUBCASE("by a second signal") {
        expected = "stopping at once";
        twice = true;
    }
    const auto deaf = [](Worker& worker, NewsPipe& news) {
        worker.ready();
        news.tell(worker, "started");
        worker.wait_for_stop();
        news.tell(worker, "told");
        grove::sleep({});
    };
    const auto end = with_workers(options, deaf, [twice](int master, NewsPipe& news) {
        (void)news.next(2);
        ::kill(master, SIGTERM);
        for (const News& one : news.next(2)) CHECK(one.what == "told");
        if (twice) ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK(count(end.errors, expected) >= 1);
    CHECK(count(end.errors, "was ended by signal 9") == 2);
}

TEST_CASE("who fails again and again is started after longer and longer pauses") {
    WorkersOptions options{.count = 1, .shortest_pause = 1ms, .longest_pause = 4ms};
    std::vector<std::string> expected{"starts in 1 ms", "starts in 2 ms", "starts in 4 ms"};
    bool serves_first = false;
    SUBCASE("up to the longest") {}
    SUBCASE("but not after a good time") {
        options.good_time = 0ms;
        serves_first = true;
        expected = {"starts in 1 ms"};
    }
    const auto fails = [serves_first](Worker& worker, NewsPipe& news) {
        if (serves_first) worker.ready();
        news.tell(worker, "started", any_port);
        throw std::runtime_error{"no"};
    };
    const auto end = with_workers(options, fails, [](int master, NewsPipe& news) {
        (void)news.next(6);
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    for (const auto& pause : expected) CHECK(count(end.errors, pause) >= 1);
    CHECK(count(end.errors, "starts in 8 ms") == 0);
    CHECK((count(end.errors, "starts in 2 ms") == 0) == serves_first);
}

TEST_CASE("a worker that does not become ready in time is killed and tried again") {
    WorkersOptions options = two_workers();
    options.count = 1;
    options.start_limit = 50ms;
    const auto never_ready = [](Worker& worker, NewsPipe& news) {
        news.tell(worker, "started");
        worker.wait_for_stop();
    };
    const auto end = with_workers(options, never_ready, [](int master, NewsPipe& news) {
        (void)news.next(2);
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK(count(end.errors, "did not become ready in time") >= 1);
}

TEST_CASE("workers do not outlive a master that is killed") {
    const auto end = with_workers(two_workers(), serve_http, [](int master, NewsPipe& news) {
        (void)news.next(2);
        ::kill(master, SIGKILL);
        CHECK(news.ended());
    });
    CHECK(end.signal == SIGKILL);
}

TEST_CASE("a Unix socket's file outlives workers, and goes with the master") {
    const TestPath path{"workers.sock"};
    WorkersOptions options = two_workers();
    options.endpoints = {path.endpoint()};
    const auto end = with_workers(options, serve_http, [&](int master, NewsPipe& news) {
        const auto started = news.next(2);
        ::kill(started[0].pid, SIGTERM);  // by somebody else: it finishes, and is replaced
        CHECK(news.next().index == started[0].index);
        ::kill(master, SIGHUP);
        (void)news.next(2);
        CHECK_NOTHROW(ask(path.endpoint()));
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK_FALSE(path.exists());
}

TEST_CASE("the longest limits there are mean never") {
    WorkersOptions options{.count = 1, .endpoints = {any_port}};
    options.grace = options.start_limit = options.shortest_pause = options.longest_pause =
        std::chrono::milliseconds::max();
    const auto end = with_workers(options, &serve_http, [](int master, NewsPipe& news) {
        CHECK(news.next().what == "started");
        ::kill(master, SIGTERM);
        CHECK(news.ended());
    });
    CHECK(end.exit_code == 0);
    CHECK(end.errors.find("is killed") == std::string::npos);
}

TEST_CASE("run_workers refuses what cannot be") {
    const auto none = [](Worker&) {};
    grove::run([&] { CHECK_THROWS_AS(run_workers({.count = 1}, none), std::logic_error); });
    const auto taken = grove::net::Listener::bind(any_port);
    CHECK_THROWS_WITH(run_workers({.count = 1, .endpoints = {taken.local()}}, none),
                      doctest::Contains(taken.local().to_string().c_str()));
}

TEST_SUITE_END();
