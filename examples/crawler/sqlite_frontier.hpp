#pragma once

#include <grove/sync/lock.hpp>

#include "frontier.hpp"
#include "sqlite.hpp"

#include <filesystem>

namespace crawler {

/// In a file, which a later run goes on with. One crawler at a time may use it.
///
/// Which pages are taken is known in memory only: after a crash they wait again. A page's number is its place
/// in the order in which pages were met, so those with a number up to `last_` that are not done are taken.
class SqliteFrontier final : public Frontier {
public:
    SqliteFrontier(const std::filesystem::path&, std::size_t max_urls, bool durable);

    void add(std::span<const Target>) override;
    [[nodiscard]] std::vector<Page> take(std::size_t n) override;
    void commit(std::span<const Visit>, std::span<const Mark>) override;
    [[nodiscard]] bool finished() override { return known_ == done_; }
    [[nodiscard]] bool claim_content(const std::string& digest, const std::string& url) override;
    [[nodiscard]] std::optional<std::uint64_t> mark_of(const std::string& output) override;
    [[nodiscard]] std::size_t waiting() const noexcept override { return known_ - done_ - taken_; }
    [[nodiscard]] std::size_t dropped() const noexcept override { return dropped_; }

    [[nodiscard]] std::size_t done() const noexcept { return done_; }  ///< by earlier runs, too

private:
    struct Added {
        std::size_t pages = 0;
        std::size_t dropped = 0;
    };
    [[nodiscard]] Added insert(std::span<const Target>, std::size_t known);

    std::size_t max_urls_;
    grove::Lock lock_;  // one connection, one transaction at a time
    Database database_;
    Statement insert_;
    Statement exists_;
    Statement next_;
    Statement finish_;
    Statement mark_;
    std::int64_t last_ = 0;
    std::size_t known_ = 0;
    std::size_t done_ = 0;
    std::size_t taken_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace crawler
