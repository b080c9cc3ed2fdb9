// A server to be compared with others and with itself: compare_server --model MODEL [--port P] [--beside JOB]
//
// The target of a request says what its handler does, and the handler is the same whatever runs it:
//   /hello/0     nothing
//   /io/50       waits 50 ms, as for an upstream
//   /cpu/5000    computes for 5,000 us of its own CPU time
//   /offload/5000  the same, in offload()
//   /read/64     reads its body, of at most 64 KiB
#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/sharded.hpp>
#include <grove/http/server.hpp>
#include <grove/net/sharded.hpp>
#include <grove/net/workers.hpp>

#include <CLI/CLI.hpp>

#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Model;

enum class How { in_one_runtime, in_shards, in_processes };

struct Choice {
    How how;
    Model model = Model::greenlets;
};

/// Computes for ever beside the server.
using Job = void (*)();

const std::map<std::string, Choice> choices{
    {"greenlets", {How::in_one_runtime, Model::greenlets}},
    {"threads", {How::in_one_runtime, Model::threads}},
    {"gil_threads", {How::in_one_runtime, Model::gil_threads}},
    {"sharded", {How::in_shards}},
    {"processes", {How::in_processes}},
};

std::chrono::nanoseconds own_cpu_time() {
    timespec used{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
    return std::chrono::seconds{used.tv_sec} + std::chrono::nanoseconds{used.tv_nsec};
}

/// For so much CPU time of this thread, however long that takes: so jobs that share a core take longer.
void compute(std::chrono::microseconds time) {
    static thread_local volatile std::uint64_t sink = 0;
    // With checkpoints: then somebody else may have computed on this thread meanwhile.
    for (auto left = std::chrono::nanoseconds{time}; left.count() > 0;) {
        const auto from = own_cpu_time();
        std::uint64_t hash = sink + 1;
        for (int i = 0; i < 10'000; ++i) hash = (hash ^ static_cast<std::uint64_t>(i)) * 0x100000001B3U;
        sink = hash;
        left -= own_cpu_time() - from;
        grove::checkpoint();
    }
}

unsigned number_in(std::string_view text) {
    unsigned number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return number;
}

void answer(grove::http::Request& request, grove::http::ResponseWriter& response) {
    const std::string_view target = request.target;
    const auto slash = target.rfind('/');
    const auto work = target.substr(0, slash);
    const unsigned amount = number_in(target.substr(slash + 1));
    if (work == "/io") {
        grove::sleep(std::chrono::milliseconds{amount});
    } else if (work == "/cpu") {
        compute(std::chrono::microseconds{amount});
    } else if (work == "/offload") {
        grove::offload([amount] { compute(std::chrono::microseconds{amount}); });
    } else if (work == "/read") {
        (void)request.body.read_all(std::size_t{amount} * 1024);
    } else if (work != "/hello") {
        response.status = 404;
    }
    response.headers.set("Content-Type", "text/plain");
    response.send("Hello, World!");
}

void announce(const Endpoint& endpoint) {
    std::printf("listening on %s\n", endpoint.to_string().c_str());
    std::fflush(stdout);
}

const std::map<std::string, Job> jobs{
    {"nothing", [] {}},
    {"greenlet", [] { compute(std::chrono::hours{24}); }},
    {"offload", [] { grove::offload([] { compute(std::chrono::hours{24}); }); }},
};

void serve(const Choice& choice, std::uint16_t port, Job beside) {
    using grove::http::Server;
    const grove::http::ServerOptions options{.net = {.model = choice.model}};
    auto listeners = grove::net::bind_sharded(
        choice.how == How::in_shards ? 2 : 1, {IpAddress::loopback(), port}, {.backlog = 8192});
    const Endpoint at = listeners.front().local();
    if (choice.how == How::in_processes) listeners.clear();
    announce(at);
    switch (choice.how) {
        case How::in_one_runtime:
            return grove::run([&] {
                Server server{std::move(listeners.front()), answer, options};
                grove::spawn({.daemon = true}, beside);
                server.serve_forever();
            });
        case How::in_shards:
            return grove::net::serve_sharded<Server>(std::move(listeners), answer, options);
        case How::in_processes:
            return grove::net::run_workers({.endpoints = {at}, .listen = {.backlog = 8192}},
                                           [&](grove::net::Worker& worker) {
                                               Server server{std::move(worker.listener()), answer, options};
                                               worker.serve(server);
                                           });
    }
}

template <class Map>
std::vector<std::string> names_in(const Map& map) {
    std::vector<std::string> names;
    for (const auto& [name, value] : map) names.push_back(name);
    return names;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"A server for bench/compare/run.", "compare_server"};
    std::uint16_t port = 0;
    std::string model = "greenlets";
    std::string beside = "nothing";
    app.add_option("--port", port, "0: the system chooses")->capture_default_str();
    app.add_option("--model", model, "what runs a connection")
        ->capture_default_str()
        ->check(CLI::IsMember{names_in(choices)});
    app.add_option("--beside", beside, "what computes for ever meanwhile, in one runtime")
        ->capture_default_str()
        ->check(CLI::IsMember{names_in(jobs)});
    CLI11_PARSE(app, argc, argv);
    serve(choices.at(model), port, jobs.at(beside));
}
