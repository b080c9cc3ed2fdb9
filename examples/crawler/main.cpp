// crawler URL... [options]: fetches every page that links lead to from the first ones. See README.md here.
#include <grove/core/runtime.hpp>
#include <grove/io/file.hpp>
#include <grove/io/signal.hpp>
#include <grove/sync/group.hpp>

#include "../program.hpp"
#include "arguments.hpp"
#include "digest.hpp"
#include "html_report.hpp"
#include "memory_frontier.hpp"
#include "page_table.hpp"
#include "progress.hpp"
#include "redis_frontier.hpp"
#include "sqlite_frontier.hpp"
#include "warc_file.hpp"

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>
#include <unistd.h>
#include <vector>

namespace {

using namespace crawler;

constexpr int status_limit = 3;  // because of a limit pages are left, or links were dropped

std::unique_ptr<Frontier> open_frontier(const Arguments& arguments) {
    if (!arguments.frontier.empty()) {
        const std::chrono::milliseconds lease{static_cast<std::int64_t>(arguments.lease * 1000)};
        return std::make_unique<RedisFrontier>(
            RedisFrontier::Options{.url = arguments.frontier,
                                   .name = arguments.name,
                                   .lease = lease,
                                   .window = 2 * arguments.crawl.connections,
                                   .max_urls = arguments.max_urls});
    }
    if (arguments.state.empty()) return std::make_unique<MemoryFrontier>(arguments.max_urls);
    return std::make_unique<SqliteFrontier>(arguments.state, arguments.max_urls, arguments.durable);
}

struct Outputs {
    explicit Outputs(const Arguments& arguments) {
        const bool durable = arguments.durable;
        if (!arguments.warc.empty()) {
            const WarcFile::Info info{.software = arguments.crawl.fetch.user_agent,
                                      .obeys_robots = arguments.crawl.visit.obey_robots};
            add<WarcFile>(arguments.warc, info, durable);
        }
        if (!arguments.db.empty()) add<PageTable>(arguments.db, durable);
        if (!arguments.list.empty()) add<ListFile>(arguments.list, durable);
        if (arguments.json_lines) add<JsonLines>();
    }
    template <class T, class... Args>
    void add(Args&&... args) {
        owned.push_back(std::make_unique<T>(std::forward<Args>(args)...));
        all.push_back(owned.back().get());
    }
    std::vector<std::unique_ptr<Output>> owned{};
    std::vector<Output*> all{};
};

/// The first signal stops the crawl, the second the program.
class Stopper {
public:
    explicit Stopper(Crawl& crawl) : crawl_{crawl} {}

    [[nodiscard]] int signal() const noexcept { return signal_; }

private:
    void meet(int signal) {
        if (signal_ != 0) {
            std::signal(signal, SIG_DFL);
            std::raise(signal);
        }
        signal_ = signal;
        if (isatty(STDERR_FILENO)) std::fputs("\r\033[Kstopping; once more to stop at once\n", stderr);
        crawl_.stop();
    }

    Crawl& crawl_;
    int signal_ = 0;
    grove::SignalHandler interrupt_{SIGINT, [this] { meet(SIGINT); }};
    grove::SignalHandler terminate_{SIGTERM, [this] { meet(SIGTERM); }};
};

/// What write_file() could not write at the end of a long crawl would be found out too late. It replaces a
/// file by a new one beside it.
void require_writable(const std::filesystem::path& path) {
    if (path.empty()) return;
    std::error_code ec;
    if (std::filesystem::is_directory(path, ec)) ec = std::make_error_code(std::errc::is_a_directory);
    const auto beside = path.parent_path() / (".crawler-" + random_uuid());
    if (!ec || ec == std::errc::no_such_file_or_directory) {
        const auto probe = grove::File::open(beside, ec, grove::OpenMode::create_new);
    }
    if (ec) throw std::system_error{ec, path.string()};
    grove::remove(beside);
}

/// The signal that ended it, negative, or the exit status.
int run(Arguments& arguments) {
    arguments.settle();
    require_writable(arguments.report);
    require_writable(arguments.list);
    const auto frontier = open_frontier(arguments);
    Outputs outputs{arguments};
    Crawl crawl{arguments.crawl, *frontier, outputs.all};
    Stopper stopper{crawl};

    grove::Group progress;
    if (!arguments.quiet && isatty(STDERR_FILENO)) progress.spawn([&] { show_progress(crawl); });
    const Crawl::End end = crawl.run();
    progress.kill();
    progress.join();

    if (!arguments.quiet) print_summary(crawl);
    if (!arguments.report.empty()) {
        grove::write_file(arguments.report, html_report(arguments.crawl.seeds, crawl.statistics()));
    }
    if (stopper.signal() != 0) return -stopper.signal();
    return end == Crawl::End::limit || crawl.dropped() > 0 ? status_limit : 0;
}

/// A summary, or the help, that nobody gets.
bool output_failed() {
    return std::fflush(stdout) != 0 || std::ferror(stdout) != 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Fetches every page that links lead to from the first ones.", "crawler"};
    Arguments arguments;
    arguments.add_to(app);
    app.footer(
        "Exit status: 0 all pages are done; 1 an error; 3 a limit was reached: pages are left, or links "
        "dropped;\n"
        "a stop signal ends it by that signal, with the state saved.");

    int status = 0;
    const int failed = run_program(app, argc, argv, [&] { status = run(arguments); });
    if (output_failed()) {
        std::fputs("crawler: standard output: cannot be written\n", stderr);
        if (status >= 0) return 1;
    }
    if (failed != 0 || status >= 0) return failed != 0 ? failed : status;
    std::signal(-status, SIG_DFL);
    std::raise(-status);
}
