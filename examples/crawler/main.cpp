// crawler URL [--connections N] [--list FILE]: fetches every page of a site that links lead to from the first
// one.
#include <grove/core/runtime.hpp>
#include <grove/sync/group.hpp>

#include "../program.hpp"
#include "crawl.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <system_error>
#include <unistd.h>
#include <vector>

using namespace std::chrono_literals;

namespace {

using Seconds = std::chrono::duration<double>;

double megabytes(const Crawl& crawl) {
    return static_cast<double>(crawl.report().bytes) / 1e6;
}

/// Keeps one line of a terminal up to date; wipes it when killed.
void show_progress(const Crawl& crawl) {
    struct Wipe {
        ~Wipe() { std::fputs("\r\033[K", stderr); }
    } wipe;
    for (;;) {
        std::fprintf(stderr,
                     "\r\033[K%zu pages, %.1f MB, %zu more to fetch",
                     crawl.report().pages.size(),
                     megabytes(crawl),
                     crawl.waiting());
        grove::sleep(100ms);
    }
}

/// The latency that this part of the pages did not exceed, in milliseconds.
double percentile(std::vector<grove::Clock::duration> latencies, double part) {
    if (latencies.empty()) return 0;
    const auto last = static_cast<double>(latencies.size() - 1);
    const auto nth = latencies.begin() + static_cast<std::ptrdiff_t>(part * last);
    std::ranges::nth_element(latencies, nth);
    return std::chrono::duration<double, std::milli>{*nth}.count();
}

void print_summary(const Crawl& crawl, Seconds took) {
    const auto& [pages, bytes, latencies, redirects, dead_links, errors] = crawl.report();
    std::printf("%zu pages, %.1f MB in %.2f s: %.0f pages/s\n",
                pages.size(),
                megabytes(crawl),
                took.count(),
                static_cast<double>(pages.size()) / took.count());
    std::printf(
        "latency: p50 %.2f ms, p99 %.2f ms\n", percentile(latencies, 0.5), percentile(latencies, 0.99));
    std::printf("redirects: %zu\n", redirects);

    std::size_t failures = 0;
    for (const auto& [kind, count] : errors) failures += count;
    std::printf("errors: %zu\n", failures);
    for (const auto& [kind, count] : errors) std::printf("  %zu x %s\n", count, kind.c_str());

    constexpr std::size_t most = 10;
    std::printf("dead links: %zu\n", dead_links.size());
    for (std::size_t i = 0; i < std::min(most, dead_links.size()); ++i) {
        const auto& [status, url, on] = dead_links[i];
        std::printf("  %d %s on %s\n", status, url.c_str(), on.c_str());
    }
    if (dead_links.size() > most) std::printf("  and %zu more\n", dead_links.size() - most);
}

std::system_error cannot_write(const std::string& path) {
    return {errno, std::system_category(), "write " + path};
}

void write_list(std::ostream& out, std::vector<std::string> pages) {
    std::ranges::sort(pages);
    for (const auto& page : pages) out << page << '\n';
    out.flush();
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Fetches every page of a site that links lead to from the first one.", "crawler"};
    std::string url;
    std::size_t connections = 16;
    std::string list;
    app.add_option("URL", url, "the first page, like http://host/page")->required();
    app.add_option("--connections", connections, "how many to keep open")
        ->capture_default_str()
        ->check(CLI::Range(1, 10'000));
    app.add_option("--list", list, "write the URLs fetched to this file, sorted, one per line");

    return run_program(app, argc, argv, [&] {
        Crawl crawl{url, connections};
        std::ofstream out;
        if (!list.empty()) out.open(list);
        if (!out) throw cannot_write(list);

        grove::Group progress;
        if (isatty(STDERR_FILENO)) progress.spawn([&] { show_progress(crawl); });

        const auto start = grove::Clock::now();
        crawl.run();
        const Seconds took = grove::Clock::now() - start;
        progress.kill();
        progress.join();

        print_summary(crawl, took);
        if (!list.empty()) {
            write_list(out, crawl.report().pages);
            if (!out) throw cannot_write(list);
        }
    });
}
