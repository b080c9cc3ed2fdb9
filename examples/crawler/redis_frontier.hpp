#pragma once

#include <grove/sync/group.hpp>

#include "frontier.hpp"
#include "redis.hpp"

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

namespace crawler {

/// In a Redis server (6.2 or later), which any number of crawlers on any machines share.
///
/// The pages that are not done are a stream with one consumer group; who takes a page has a lease on it,
/// which it renews. Pages of a crawler that died go to the others when their lease has run out. What belongs
/// together changes in one script.
class RedisFrontier final : public Frontier {
public:
    struct Options {
        std::string url;
        std::string name = "crawl";  ///< several crawls may use one server
        std::chrono::milliseconds lease{60'000};
        std::size_t window = 32;  ///< pages to hold at once: those who share should find some
        std::size_t max_urls = 10'000'000;
    };
    /// Throws what Redis throws. Blocks.
    explicit RedisFrontier(const Options&);

    void add(std::span<const Target>) override;
    [[nodiscard]] std::vector<Page> take(std::size_t n) override;
    void confirm(std::vector<Visit>&) override;
    void commit(std::span<const Visit>, std::span<const Mark>) override;
    void release() override;
    [[nodiscard]] bool finished() override;
    [[nodiscard]] bool claim_content(const std::string& digest, const std::string& url) override;
    [[nodiscard]] std::optional<std::uint64_t> mark_of(const std::string& output) override;
    [[nodiscard]] std::size_t waiting() const noexcept override {
        return open_ > held_.size() ? open_ - held_.size() : 0;
    }
    [[nodiscard]] std::size_t dropped() const noexcept override { return dropped_; }
    [[nodiscard]] std::size_t window() const noexcept override { return options_.window; }
    [[nodiscard]] grove::Deadline next_look() const override;

private:
    [[nodiscard]] std::string key(std::string_view part) const;
    [[nodiscard]] Redis::Command commit_command(std::uint64_t number, std::span<const Mark>) const;
    [[nodiscard]] std::vector<Page> adopt(const RedisReply& entries);
    [[nodiscard]] std::vector<Page> take_from_the_dead(std::size_t n);
    [[nodiscard]] std::set<std::string> renew(const std::set<std::string>& ids);
    void keep_leases();

    Options options_;
    Redis redis_;
    std::string consumer_;
    std::set<std::string> held_;  // ids of the pages that were taken here and are not done
    std::uint64_t commits_ = 0;   // that were begun
    std::size_t open_ = 0;        // pages of the crawl that are not done, as of the last look
    std::size_t dropped_ = 0;
    grove::Clock::time_point next_search_{};  // for pages of the dead
    grove::Group heart_;
};

}  // namespace crawler
