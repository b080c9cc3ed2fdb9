#pragma once

#include <grove/base/time.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/core/runtime.hpp>
#include <grove/net/server.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace grove::detail {
class WorkerState;
struct WorkerAccess;
}  // namespace grove::detail

namespace grove::net {

/// How workers come to their connections. Either way the master keeps the listeners open, so that none is
/// refused or reset while workers come and go. Decision 0013 has figures.
enum class Listening {
    each,  ///< a listener for each place, among which the system spreads connections evenly. Those of a place
           ///< whose worker is gone, or stuck, wait for its successor. Unix sockets have no such thing.
    shared,  ///< one for all: whoever wakes first takes what is there, seldom in equal shares
};

struct WorkersOptions {
    std::size_t count = 0;              ///< processes; 0: one per core
    std::vector<Endpoint> endpoints{};  ///< bound once, by the master
    Listening listening = Listening::each;
    ListenOptions listen{};
    RunOptions run{};                               ///< of the workers; their stop_signals do not count
    std::chrono::milliseconds grace{30'000};        ///< for what is under way when a worker is to stop
    std::chrono::milliseconds start_limit{60'000};  ///< a worker that is not ready by then is killed
    std::chrono::milliseconds shortest_pause{100};  ///< before a worker that ended is started again; the next
                                                    ///< one is twice as long, and so on
    std::chrono::milliseconds longest_pause{30'000};
    std::chrono::milliseconds good_time{10'000};  ///< after so long in service, the shortest pause again
    std::string name = "worker";                  ///< for ps and the log, with the number of its place
};

/// A worker process, as its main greenlet sees it.
class Worker {
public:
    /// Its place, from 0. Who comes after it, after a crash or a reload, has the same.
    [[nodiscard]] std::size_t index() const noexcept;
    [[nodiscard]] unsigned generation() const noexcept;  ///< 1, and one more after each reload
    /// Of WorkersOptions::endpoints[i]; move it into a server. Throws std::out_of_range.
    [[nodiscard]] Listener& listener(std::size_t i = 0);

    /// Tells the master that it serves. Only then, after a reload, its predecessor has to stop.
    void ready();
    void wait_for_stop();                           ///< until the master, or a SIGTERM, asks for it. Blocks.
    [[nodiscard]] Deadline grace() const noexcept;  ///< then: by when it should be done; before: never

    /// start(), ready(), wait_for_stop(), and then stop(grace()). For a StreamServer, an http::Server and the
    /// like. Blocks.
    template <class Server>
    void serve(Server& server) {
        server.start();
        ready();
        wait_for_stop();
        server.stop(grace());
    }

    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

private:
    friend struct detail::WorkerAccess;
    explicit Worker(detail::WorkerState& state) noexcept : state_{state} {}

    detail::WorkerState& state_;
};

/// Binds the endpoints, forks the workers, calls f as the main greenlet of a runtime in each, and looks after
/// them, as the master process of nginx and gunicorn does. Returns when it was told to stop and all have
/// ended. Blocks this thread.
///
///     run_workers({.endpoints = {Endpoint::parse(":8080")}}, [](Worker& worker) {
///         http::Server server{std::move(worker.listener()), hello};
///         worker.serve(server);
///     });
///
/// - SIGTERM, SIGINT: workers are to stop accepting and finish; who has not by the end of the grace, and a
///   second for its unwinding, is killed. A second signal kills at once.
/// - SIGHUP: a new generation is forked. When a new worker is ready, its predecessor is to stop. The
/// listeners
///   stay open all the while, so no connection is refused. If the new ones fail, the old ones go on.
/// - A worker that ends by itself, or by a signal, is logged and started again, after a pause that grows.
/// - When the master dies, be it by SIGKILL, the system kills the workers. None becomes a zombie.
///
/// An f that throws is logged, and ends its worker with status 70; one that returns, with 0.
///
/// Throws std::system_error if an endpoint cannot be bound, std::logic_error in a runtime. Requires: this
/// process has no other thread: f runs in copies of it (see grove::fork). The three signals are the master's
/// while this runs.
void run_workers(const WorkersOptions&, UniqueFunction<void(Worker&)> f);

}  // namespace grove::net
