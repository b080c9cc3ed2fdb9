#pragma once

#include <grove/base/time.hpp>
#include <grove/net/address.hpp>

#include <cstddef>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace grove::detail {

/// Answers of look-ups, for a while. All are kept equally long, so the oldest is the next to go.
class DnsCache {
public:
    using Addresses = std::vector<net::IpAddress>;

    /// Null: not there, or too old.
    [[nodiscard]] const Addresses* find(std::string_view host, Clock::time_point now) {
        while (!entries_.empty() && entries_.front().until <= now) drop_oldest();
        const auto found = by_host_.find(host);
        return found == by_host_.end() ? nullptr : &found->second->addresses;
    }
    void put(const std::string& host,
             const Addresses& addresses,
             Clock::time_point until,
             std::size_t limit) {
        if (const auto old = by_host_.find(host); old != by_host_.end()) drop(old->second);
        entries_.push_back({host, addresses, until});
        by_host_.emplace(entries_.back().host, std::prev(entries_.end()));
        while (entries_.size() > limit) drop_oldest();
    }
    void clear() noexcept {
        by_host_.clear();
        entries_.clear();
    }

private:
    struct Entry {
        std::string host;
        Addresses addresses;
        Clock::time_point until;
    };
    using Entries = std::list<Entry>;

    void drop_oldest() { drop(entries_.begin()); }
    void drop(Entries::iterator entry) {
        by_host_.erase(entry->host);
        entries_.erase(entry);
    }

    Entries entries_;                                                  // oldest first
    std::unordered_map<std::string_view, Entries::iterator> by_host_;  // keys lie in entries_
};

}  // namespace grove::detail
