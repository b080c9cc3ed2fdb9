#include "memory_frontier.hpp"

#include <grove/core/runtime.hpp>

#include <utility>

namespace crawler {

void MemoryFrontier::add(std::span<const Target> targets) {
    for (const Target& target : targets) {
        grove::checkpoint();  // a page may lead to a million
        if (met_.size() >= max_urls_) {
            dropped_ += !met_.contains(target.url);
        } else if (met_.insert(target.url).second) {
            waiting_.push_back(target);
        }
    }
}

std::vector<Page> MemoryFrontier::take(std::size_t n) {
    std::vector<Page> pages;
    for (; n > 0 && !waiting_.empty(); --n) {
        pages.push_back({std::move(waiting_.front())});
        waiting_.pop_front();
        ++taken_;
    }
    return pages;
}

void MemoryFrontier::commit(std::span<const Visit> visits, std::span<const Mark>) {
    for (const Visit& visit : visits) {
        add(visit.found);
        --taken_;
    }
}

bool MemoryFrontier::claim_content(const std::string& digest, const std::string& url) {
    return contents_.emplace(digest, url).first->second == url;
}

}  // namespace crawler
