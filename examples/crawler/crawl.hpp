#pragma once

#include <grove/base/time.hpp>
#include <grove/sync/event.hpp>
#include <grove/sync/queue.hpp>

#include "fetch.hpp"
#include "frontier.hpp"
#include "hosts.hpp"
#include "output.hpp"
#include "scope.hpp"
#include "statistics.hpp"
#include "visitor.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace crawler {

struct CrawlOptions {
    std::vector<std::string> seeds{};  ///< in normal form
    ScopeRules scope{};
    Politeness politeness{};
    FetchOptions fetch{};
    VisitRules visit{};
    std::size_t connections = 16;              ///< requests at once
    unsigned retries = 3;                      ///< of a page, after temporary errors
    std::chrono::milliseconds backoff{1'000};  ///< before the first; doubled for each further one
    std::uint64_t max_pages = std::numeric_limits<std::uint64_t>::max();  ///< fetched by this run, exactly
    std::uint64_t max_bytes =
        std::numeric_limits<std::uint64_t>::max();  ///< about; what is under way comes in
    std::chrono::milliseconds max_time = std::chrono::milliseconds::max();
};

/// Fetches all pages that links lead to from the first ones.
///
///     frontier -> feed() -> hosts_ -> work(), many of them -> results_ -> commit() -> outputs, frontier
class Crawl {
public:
    Crawl(const CrawlOptions&, Frontier&, std::vector<Output*> outputs);

    enum class End {
        complete,  ///< no page is left
        limit,     ///< of pages, bytes or time
        stopped,   ///< by stop()
    };
    /// Throws std::runtime_error if a start page is not to be had, and nothing else was. Blocks.
    End run();
    /// Begins no further request. What is under way gets a few seconds.
    void stop() noexcept { end(End::stopped); }

    [[nodiscard]] const Statistics& statistics() const noexcept { return statistics_; }
    [[nodiscard]] std::size_t waiting() const noexcept { return frontier_.waiting() + hosts_.waiting(); }
    /// Links to URLs that were too many to be known.
    [[nodiscard]] std::size_t dropped() const noexcept { return frontier_.dropped(); }
    [[nodiscard]] std::size_t active() const noexcept { return hosts_.active(); }

private:
    void prepare();
    void feed();
    void run_workers();
    void work();
    void handle(Hosts::Turn);
    [[nodiscard]] bool put_off(Hosts::Turn&, const Visitor::Result&);
    void commit();
    void commit(std::vector<Visit>&);
    void confirm(std::vector<Visit>&);
    void write(std::span<const Visit>);
    [[nodiscard]] std::vector<Mark> marks() const;
    void note_start(const Visit&);
    void end(End) noexcept;

    CrawlOptions options_;
    Scope scope_;
    Frontier& frontier_;
    std::vector<Output*> outputs_;
    Visitor visitor_;
    Hosts hosts_;
    grove::Queue<Visit> results_;
    grove::Event changed_;  // there is room for pages to be taken, or there may be new ones
    grove::Event ending_;
    End end_ = End::complete;
    std::size_t taken_ = 0;       // from the frontier, and not committed
    std::uint64_t accepted_ = 0;  // pages fetched that will be committed
    std::string failure_;         // of a start page
    Statistics statistics_;
};

}  // namespace crawler
