#pragma once

#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>

#include "page.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace crawler {

struct Politeness {
    std::size_t per_host = 2;              ///< requests to one host at once
    std::chrono::milliseconds delay{500};  ///< between the beginnings of two requests to one host
    std::size_t per_loopback_host = 2;     ///< the same for this machine itself
    std::chrono::milliseconds loopback_delay{500};
};

/// Pages that were taken from the frontier, by host, and whose turn it is: no host is asked by more at once,
/// or more often, than is polite, and none waits because another one must be waited for.
class Hosts {
    using Time = grove::Clock::time_point;
    struct Waiting {
        Page page;
        unsigned attempt = 0;
    };
    struct Host {
        std::deque<Waiting> fresh;
        std::multimap<Time, Waiting> later;  // to be tried again, not before
        std::size_t active = 0;
        std::size_t places = 0;
        std::chrono::milliseconds delay{};
        Time next{};                 // no turn begins before
        std::optional<Time> asked;   // when the last request began
        std::optional<Time> queued;  // its place in queue_, if it has one
    };
    using Entry = std::pair<const std::string, Host>;

public:
    explicit Hosts(const Politeness& politeness) : politeness_{politeness} {}

    /// A page, and its host's permission to ask now. Gives the place back in the end.
    class Turn {
    public:
        Turn(Turn&& other) noexcept
            : page{std::move(other.page)},
              attempt{other.attempt},
              hosts_{std::exchange(other.hosts_, nullptr)},
              entry_{other.entry_} {}
        ~Turn() {
            if (hosts_) hosts_->end(*entry_);
        }

        Page page;
        unsigned attempt;  ///< 0: the first

    private:
        friend class Hosts;
        Turn(Hosts& hosts, Entry& entry, Waiting what)
            : page{std::move(what.page)}, attempt{what.attempt}, hosts_{&hosts}, entry_{&entry} {}
        Hosts* hosts_;
        Entry* entry_;
    };

    void put(Page);
    /// The next page whose host may be asked; nullopt once stop() was called. Blocks.
    [[nodiscard]] std::optional<Turn> next();
    /// No more turns; who waits for one gets nothing. What was put and not given out is dropped.
    void stop() noexcept;

    void retry(Turn&&, std::chrono::milliseconds after);               ///< this page again, later
    void pause(std::string_view url, std::chrono::milliseconds time);  ///< asks its host nothing meanwhile
    /// Before each request: the host wants at least this delay between two. False: the last one is not so
    /// long ago, for the delay was not known, or a robots.txt was waited for, when the turn was given; then
    /// it is to be put back.
    [[nodiscard]] bool may_ask(const Turn&, std::chrono::milliseconds delay);
    void put_back(Turn&&);  ///< as if it had not been given

    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
    [[nodiscard]] std::size_t active() const noexcept { return active_; }

private:
    [[nodiscard]] Entry& host_of_page(std::string_view url);
    void requeue(Entry&);
    void forget_idle();
    [[nodiscard]] Turn begin(Entry&, Time now);
    void end(Entry&) noexcept;

    Politeness politeness_;
    std::unordered_map<std::string, Host> hosts_;
    // Invariant: a host is in here, at the time its next request may begin, exactly if it has a page that
    // waits and a free place.
    std::set<std::pair<Time, Entry*>> queue_;
    grove::WaitList takers_;
    std::size_t waiting_ = 0;
    std::size_t active_ = 0;
    bool stopped_ = false;
};

}  // namespace crawler
