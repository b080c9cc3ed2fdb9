#pragma once

#include "frontier.hpp"

#include <deque>
#include <map>
#include <unordered_set>

namespace crawler {

/// Known to this process alone, and gone with it.
class MemoryFrontier final : public Frontier {
public:
    explicit MemoryFrontier(std::size_t max_urls) : max_urls_{max_urls} {}

    void add(std::span<const Target>) override;
    [[nodiscard]] std::vector<Page> take(std::size_t n) override;
    void commit(std::span<const Visit>, std::span<const Mark>) override;
    [[nodiscard]] bool finished() override { return waiting_.empty() && taken_ == 0; }
    [[nodiscard]] bool claim_content(const std::string& digest, const std::string& url) override;
    [[nodiscard]] std::optional<std::uint64_t> mark_of(const std::string&) override { return std::nullopt; }
    [[nodiscard]] std::size_t waiting() const noexcept override { return waiting_.size(); }
    [[nodiscard]] std::size_t dropped() const noexcept override { return dropped_; }

private:
    std::size_t max_urls_;
    std::unordered_set<std::string> met_;
    std::deque<Target> waiting_;
    std::map<std::string, std::string> contents_;  // digest to the URL it was first met at
    std::size_t taken_ = 0;
    std::size_t dropped_ = 0;
};

}  // namespace crawler
