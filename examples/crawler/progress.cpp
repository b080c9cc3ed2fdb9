#include "progress.hpp"

#include <grove/core/runtime.hpp>

#include <sys/ioctl.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <deque>
#include <unistd.h>

using namespace std::chrono_literals;

namespace crawler {

namespace {

constexpr auto interval = 200ms;
constexpr std::size_t rate_window = 25;  // intervals

double megabytes(const Statistics& statistics) {
    return static_cast<double>(statistics.bytes) / 1e6;
}

std::uint64_t visited(const Statistics& statistics) {
    return statistics.pages + statistics.redirects + statistics.dead + statistics.failed +
           statistics.excluded;
}

std::string clock_of(double seconds) {
    const auto whole = static_cast<std::int64_t>(std::clamp(seconds, 0.0, 359'999.0));
    char text[32];
    std::snprintf(text, sizeof text, "%" PRId64 ":%02" PRId64, whole / 60, whole % 60);
    return text;
}

/// Pages a second, of late.
class Rate {
public:
    double update(std::uint64_t count) {
        history_.push_back({grove::Clock::now(), count});
        if (history_.size() > rate_window) history_.pop_front();
        const auto& [then, before] = history_.front();
        const double seconds = std::chrono::duration<double>{grove::Clock::now() - then}.count();
        return seconds > 0 ? static_cast<double>(count - before) / seconds : 0;
    }

private:
    std::deque<std::pair<grove::Clock::time_point, std::uint64_t>> history_;
};

std::string bar(double part) {
    constexpr std::size_t width = 20;
    const auto full = static_cast<std::size_t>(std::clamp(part, 0.0, 1.0) * width);
    return '[' + std::string(full, '#') + std::string(width - full, ' ') + ']';
}

std::string line_of(const Crawl& crawl, Rate& rates) {
    const Statistics& statistics = crawl.statistics();
    const std::uint64_t done = visited(statistics);
    const std::size_t left = crawl.waiting() + crawl.active();
    const double rate = rates.update(done);
    const double part =
        static_cast<double>(done) / static_cast<double>(std::max<std::size_t>(1, done + left));
    char text[256];
    std::snprintf(text,
                  sizeof text,
                  "%s %" PRIu64 " pages, %.1f MB, %.0f/s | %zu in flight, %zu waiting, %" PRIu64
                  " errors | %s, ETA %s",
                  bar(part).c_str(),
                  statistics.pages,
                  megabytes(statistics),
                  rate,
                  crawl.active(),
                  crawl.waiting(),
                  statistics.failed + statistics.dead,
                  clock_of(statistics.seconds()).c_str(),
                  rate > 0 ? clock_of(static_cast<double>(left) / rate).c_str() : "?");
    return text;
}

/// A line that wraps could not be wiped.
std::size_t terminal_width() {
    winsize size{};
    return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

void show_progress(const Crawl& crawl) {
    struct Wipe {
        ~Wipe() { std::fputs("\r\033[K", stderr); }
    } wipe;
    Rate rate;
    for (;;) {
        const std::string line = line_of(crawl, rate).substr(0, terminal_width() - 1);
        std::fprintf(stderr, "\r\033[K%s", line.c_str());
        std::fflush(stderr);
        grove::sleep(interval);
    }
}

void print_summary(const Crawl& crawl) {
    const Statistics& statistics = crawl.statistics();
    const double seconds = statistics.seconds();
    std::printf("%" PRIu64 " pages, %.1f MB in %.2f s: %.0f pages/s\n",
                statistics.pages,
                megabytes(statistics),
                seconds,
                static_cast<double>(statistics.pages) / std::max(seconds, 1e-9));
    std::printf("latency: p50 %.2f ms, p99 %.2f ms\n",
                statistics.latencies.percentile(0.5),
                statistics.latencies.percentile(0.99));
    std::printf("redirects: %" PRIu64 "\n", statistics.redirects);
    if (statistics.retries > 0) std::printf("retries: %" PRIu64 "\n", statistics.retries);

    if (statistics.excluded > 0) {
        std::printf("excluded: %" PRIu64 "\n", statistics.excluded);
        for (const auto& [reason, count] : statistics.exclusions) {
            std::printf("  %" PRIu64 " x %s\n", count, reason.c_str());
        }
    }
    if (crawl.dropped() > 0) std::printf("links dropped, as too many URLs are known: %zu\n", crawl.dropped());
    std::printf("errors: %" PRIu64 "\n", statistics.failed);
    for (const auto& [kind, count] : statistics.errors) {
        std::printf("  %" PRIu64 " x %s\n", count, kind.c_str());
    }

    constexpr std::size_t most = 10;
    const auto& dead = statistics.dead_links;
    std::printf("dead links: %" PRIu64 "\n", statistics.dead);
    for (std::size_t i = 0; i < std::min(most, dead.size()); ++i) {
        std::printf("  %d %s on %s\n", dead[i].status, dead[i].url.c_str(), dead[i].on.c_str());
    }
    if (statistics.dead > most) std::printf("  and %" PRIu64 " more\n", statistics.dead - most);
}

}  // namespace crawler
