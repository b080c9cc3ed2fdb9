// A load with latencies, as JSON: compare_load --port P --connections N --seconds S [--rate R] --target T...
//
// Closed loop (no rate): each connection asks again as soon as it was answered. Open loop: each asks at times
// fixed beforehand, and a latency counts from that time, also if the answer before it was late; so a server
// that stalls cannot slow down what is asked of it, nor hide the stall.
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/socket.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

using grove::Clock;
using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Socket;
using Seconds = std::chrono::duration<double>;

struct Options {
    std::uint16_t port = 0;
    int connections = 64;
    double seconds = 5;
    double warm_up = 1;
    double rate = 0;
    std::vector<std::string> targets;
};

struct Result {
    std::vector<float> latencies_ms;  // of what was asked after the warm-up
    std::uint64_t errors = 0;
};

/// Reads one response; only its length is looked at. False: no 200.
bool read_response(grove::BufferedReader<Socket>& reader, grove::Deadline by) {
    constexpr std::string_view length_field = "content-length:";
    std::size_t length = 0;
    const bool good = reader.read_line(by).find(" 200 ") != std::string_view::npos;
    for (auto line = reader.read_line(by); line != "\r" && !line.empty(); line = reader.read_line(by)) {
        std::string name{line.substr(0, length_field.size())};
        std::ranges::transform(name, name.begin(), [](unsigned char c) { return std::tolower(c); });
        if (name != length_field) continue;
        line.remove_prefix(std::min(line.find_first_of("0123456789"), line.size()));
        std::from_chars(line.data(), line.data() + line.size(), length);
    }
    std::string body(length, '\0');
    grove::read(reader, std::as_writable_bytes(std::span{body}), by);
    return good;
}

class Connection {
public:
    Connection(const Options& options, Result& result, int index, Clock::time_point start)
        : options_{options}, result_{result}, index_{static_cast<std::size_t>(index)}, start_{start} {}

    void run() {
        using namespace std::chrono_literals;
        const auto warm = start_ + duration(options_.warm_up);
        const auto end = warm + duration(options_.seconds);
        while (Clock::now() < end) {
            try {
                Socket socket = Socket::connect(Endpoint{IpAddress::loopback(), options_.port}, 30s);
                grove::BufferedReader reader{socket};
                for (;;) {
                    const auto due = next_due();
                    if (due >= end) return;
                    if (due > Clock::now()) grove::sleep(due);
                    const auto asked = options_.rate > 0 ? due : Clock::now();
                    if (asked >= end) return;
                    grove::write(socket, request(), 30s);
                    if (!read_response(reader, 30s)) ++result_.errors;
                    if (asked < warm) continue;
                    const std::chrono::duration<float, std::milli> latency = Clock::now() - asked;
                    result_.latencies_ms.push_back(latency.count());
                }
            } catch (const std::system_error&) {
                ++result_.errors;
                grove::sleep(10ms);
            }
        }
    }

private:
    static Clock::duration duration(double seconds) {
        return std::chrono::duration_cast<Clock::duration>(Seconds{seconds});
    }
    /// When to ask next: of a connection every n/rate seconds, and all of them evenly after each other.
    Clock::time_point next_due() {
        if (options_.rate <= 0) return Clock::now();
        const double turn = static_cast<double>(index_) / options_.connections + static_cast<double>(asked_);
        return start_ + duration(turn * options_.connections / options_.rate);
    }
    std::string request() {
        const std::string& target = options_.targets[(index_ + asked_++) % options_.targets.size()];
        return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
    }

    const Options& options_;
    Result& result_;
    const std::size_t index_;
    const Clock::time_point start_;
    std::size_t asked_ = 0;
};

float percentile(const std::vector<float>& sorted, double share) {
    if (sorted.empty()) return 0;
    return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

void print(const Options& options, Result& result) {
    auto& all = result.latencies_ms;
    std::ranges::sort(all);
    std::printf(R"({"requests": %zu, "errors": %llu, "per_second": %.1f, "p50_ms": %.3f, "p90_ms": %.3f, )"
                R"("p99_ms": %.3f, "p999_ms": %.3f, "max_ms": %.3f})"
                "\n",
                all.size(),
                static_cast<unsigned long long>(result.errors),
                static_cast<double>(all.size()) / options.seconds,
                percentile(all, 0.5),
                percentile(all, 0.9),
                percentile(all, 0.99),
                percentile(all, 0.999),
                percentile(all, 1));
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"A load for bench/compare/run.", "compare_load"};
    Options options;
    app.add_option("--port", options.port)->required();
    app.add_option("--connections", options.connections)->capture_default_str()->check(CLI::PositiveNumber);
    app.add_option("--seconds", options.seconds, "measured, after the warm-up")->capture_default_str();
    app.add_option("--warm-up", options.warm_up, "seconds")->capture_default_str();
    app.add_option("--rate", options.rate, "requests per second; 0: a closed loop")->capture_default_str();
    app.add_option("--target", options.targets, "asked for in turn")->required();
    CLI11_PARSE(app, argc, argv);
    grove::run({.runaway_limit = {}}, [&] {
        Result result;
        const auto start = Clock::now();
        std::vector<grove::Greenlet<>> all;
        for (int i = 0; i < options.connections; ++i) {
            all.push_back(grove::spawn([&, i] { Connection{options, result, i, start}.run(); }));
        }
        grove::join_all_or_throw(all);
        print(options, result);
    });
}
