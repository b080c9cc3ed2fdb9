#include "sqlite_frontier.hpp"

#include <grove/core/offload.hpp>

#include <mutex>
#include <utility>

namespace crawler {

namespace {

constexpr Database::Format format{0x67637374, R"sql(
    CREATE TABLE IF NOT EXISTS page(
        number INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, depth INTEGER NOT NULL,
        redirects INTEGER NOT NULL, referrer TEXT NOT NULL, done INTEGER NOT NULL DEFAULT 0);
    CREATE INDEX IF NOT EXISTS waiting ON page(number) WHERE NOT done;
    CREATE TABLE IF NOT EXISTS mark(output TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS content(digest TEXT PRIMARY KEY, url TEXT NOT NULL) WITHOUT ROWID;
)sql"};

}  // namespace

SqliteFrontier::SqliteFrontier(const std::filesystem::path& path, std::size_t max_urls, bool durable)
    : max_urls_{max_urls},
      database_{path, durable, format},
      insert_{database_.prepare("INSERT OR IGNORE INTO page(url, depth, redirects, referrer) "
                                "VALUES (?, ?, ?, ?)")},
      exists_{database_.prepare("SELECT 1 FROM page WHERE url = ?")},
      next_{database_.prepare("SELECT number, url, depth, redirects, referrer FROM page "
                              "WHERE NOT done AND number > ? ORDER BY number LIMIT ?")},
      finish_{database_.prepare("UPDATE page SET done = 1 WHERE number = ?")},
      mark_{database_.prepare("INSERT OR REPLACE INTO mark VALUES (?, ?)")} {
    auto count = database_.prepare("SELECT count(*), count(*) FILTER (WHERE done) FROM page");
    if (count.step()) {
        known_ = static_cast<std::size_t>(count.integer(0));
        done_ = static_cast<std::size_t>(count.integer(1));
    }
}

SqliteFrontier::Added SqliteFrontier::insert(std::span<const Target> targets, std::size_t known) {
    Added added;
    for (const Target& target : targets) {
        if (known + added.pages >= max_urls_) {
            exists_.bind(target.url);
            const bool met = exists_.step();
            if (met) (void)exists_.step();
            added.dropped += !met;
            continue;
        }
        insert_.bind(target.url, std::int64_t{target.depth}, std::int64_t{target.redirects}, target.referrer);
        insert_.run();
        added.pages += static_cast<std::size_t>(database_.changes());
    }
    return added;
}

void SqliteFrontier::add(std::span<const Target> targets) {
    const std::scoped_lock held{lock_};
    const Added added = grove::offload([&] {
        Transaction transaction{database_};
        const Added result = insert(targets, known_);
        transaction.commit();
        return result;
    });
    known_ += added.pages;
    dropped_ += added.dropped;
}

std::vector<Page> SqliteFrontier::take(std::size_t n) {
    const std::scoped_lock held{lock_};
    auto pages = grove::offload([&] {
        std::vector<Page> result;
        next_.bind(last_, static_cast<std::int64_t>(n));
        while (next_.step()) {
            last_ = next_.integer(0);
            result.push_back({{.url = next_.text(1),
                               .depth = static_cast<unsigned>(next_.integer(2)),
                               .redirects = static_cast<unsigned>(next_.integer(3)),
                               .referrer = next_.text(4)},
                              std::to_string(last_)});
        }
        return result;
    });
    taken_ += pages.size();
    return pages;
}

void SqliteFrontier::commit(std::span<const Visit> visits, std::span<const Mark> marks) {
    const std::scoped_lock held{lock_};
    const Added added = grove::offload([&] {
        Transaction transaction{database_};
        Added result;
        for (const Visit& visit : visits) {
            const Added more = insert(visit.found, known_ + result.pages);
            result.pages += more.pages;
            result.dropped += more.dropped;
            finish_.bind(std::int64_t{std::stoll(visit.page.id)});
            finish_.run();
        }
        for (const Mark& mark : marks) {
            mark_.bind(mark.output, static_cast<std::int64_t>(mark.position));
            mark_.run();
        }
        transaction.commit();
        return result;
    });
    known_ += added.pages;
    dropped_ += added.dropped;
    done_ += visits.size();
    taken_ -= visits.size();
}

bool SqliteFrontier::claim_content(const std::string& digest, const std::string& url) {
    const std::scoped_lock held{lock_};
    return grove::offload([&] {
        auto claim = database_.prepare("INSERT OR IGNORE INTO content VALUES (?, ?)");
        claim.bind(digest, url).run();
        auto owner = database_.prepare("SELECT url FROM content WHERE digest = ?");
        owner.bind(digest);
        return owner.step() && owner.text(0) == url;
    });
}

std::optional<std::uint64_t> SqliteFrontier::mark_of(const std::string& output) {
    auto query = database_.prepare("SELECT position FROM mark WHERE output = ?");
    query.bind(output);
    if (!query.step()) return std::nullopt;
    return static_cast<std::uint64_t>(query.integer(0));
}

}  // namespace crawler
