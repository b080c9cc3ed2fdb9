#include "robots_cache.hpp"

#include <grove/core/runtime.hpp>

#include "url.hpp"

#include <boost/url/url.hpp>

#include <chrono>
#include <mutex>
#include <utility>

using namespace std::chrono_literals;

namespace crawler {

namespace {

constexpr auto lifetime = 24h;            // RFC 9309, 2.4
constexpr auto lifetime_of_failure = 5s;  // long enough for all who wait to see it
constexpr int most_redirects = 5;         // RFC 9309, 2.3.1.2
constexpr std::size_t most_sites = 10'000;

}  // namespace

std::shared_ptr<const RobotsCache::Answer> RobotsCache::of(std::string_view url) {
    const std::string origin{origin_of(url)};
    make_room();
    auto& entry = sites_[origin];
    if (!entry) entry = std::make_shared<Site>();
    const auto site = entry;  // it may go from the map while we wait

    const std::scoped_lock held{site->asking};
    if (!site->answer || site->expires <= grove::now()) {
        site->answer = std::make_shared<const Answer>(ask(origin));
        site->expires = grove::now() + (site->answer->reached ? lifetime : lifetime_of_failure);
        count(origin, *site);
    }
    return site->answer;
}

RobotsCache::Answer RobotsCache::ask(const std::string& origin) {
    const Fetched fetched = fetch(origin + "/robots.txt");
    const int status = fetched.status;
    Answer answer;
    answer.reached = status != 0 && status / 100 != 5 && status != 429;
    if (status / 100 == 2) answer.rules = Robots::parse(fetched.body, fetcher_.user_agent());
    if (answer.reached) return answer;
    answer.failure = failure_of(fetched);
    if (status != 0) answer.failure += " for robots.txt";
    answer.temporary = is_temporary(fetched);
    answer.pause = retry_after(fetched);
    return answer;
}

/// Where it is found in the end, be it on another site.
Fetched RobotsCache::fetch(std::string url) {
    for (int redirects = 0;; ++redirects) {
        Fetched fetched = fetcher_.get_beginning(url, Robots::max_bytes + 1);  // one more: it was cut
        const auto location = fetched.headers.get("Location");
        if (fetched.status / 100 != 3 || !location) return fetched;
        auto target = resolve(boost::urls::url{url}, trimmed(*location));
        if (!target || redirects == most_redirects) return fetched;  // as if there were none
        url = std::move(*target);
    }
}

void RobotsCache::count(const std::string& origin, Site& site) {
    const auto known = sites_.find(origin);
    if (known == sites_.end() || known->second.get() != &site) return;  // it had to go meanwhile
    bytes_ -= site.bytes;
    site.bytes = site.answer->rules.bytes();
    bytes_ += site.bytes;
}

void RobotsCache::make_room() {
    while (!sites_.empty() && (sites_.size() >= most_sites || bytes_ > most_bytes_)) {
        bytes_ -= sites_.begin()->second->bytes;
        sites_.erase(sites_.begin());
    }
}

}  // namespace crawler
