#include "page_table.hpp"

#include <grove/core/offload.hpp>

#include "names.hpp"

namespace crawler {

namespace {

constexpr Database::Format format{0x67637074, R"sql(
    CREATE TABLE IF NOT EXISTS page(
        id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE, outcome TEXT NOT NULL, status INTEGER NOT NULL,
        reason TEXT NOT NULL, depth INTEGER NOT NULL, referrer TEXT NOT NULL, type TEXT NOT NULL,
        bytes INTEGER NOT NULL, milliseconds INTEGER NOT NULL, at TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS link(
        page INTEGER NOT NULL REFERENCES page, url TEXT NOT NULL, PRIMARY KEY(page, url)) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS link_to ON link(url);
)sql"};

}  // namespace

PageTable::PageTable(const std::filesystem::path& path, bool durable)
    : path_{std::filesystem::absolute(path)},
      database_{path_, durable, format},
      page_{
          database_.prepare("INSERT OR IGNORE INTO page(url, outcome, status, reason, depth, referrer, type, "
                            "bytes, milliseconds, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")},
      link_{database_.prepare("INSERT OR IGNORE INTO link VALUES (?, ?)")} {}

void PageTable::resume(std::optional<std::uint64_t> mark) {
    auto last = database_.prepare("SELECT coalesce(max(id), 0) FROM page");
    const auto found = last.step() ? last.integer(0) : 0;
    if (!mark && found > 0) refuse_foreign(path_);
    position_ = mark.value_or(0);
    const auto id = static_cast<std::int64_t>(position_);
    database_.prepare("DELETE FROM link WHERE page > ?").bind(id).run();
    database_.prepare("DELETE FROM page WHERE id > ?").bind(id).run();
}

void PageTable::write(std::span<const Visit> visits) {
    grove::offload([&] {
        Transaction transaction{database_};
        for (const Visit& visit : visits) insert(visit);
        transaction.commit();
    });
}

void PageTable::insert(const Visit& visit) {
    const std::string at = visit.answered() ? utc(visit.at) : "";
    page_.bind(visit.page.url,
               name_of(visit.outcome),
               std::int64_t{visit.status},
               visit.reason,
               std::int64_t{visit.page.depth},
               visit.page.referrer,
               visit.type,
               static_cast<std::int64_t>(visit.bytes),
               milliseconds(visit.took),
               at);
    page_.run();
    if (database_.changes() == 0) return;
    const std::int64_t id = database_.last_row();
    for (const auto& url : visit.links) {
        link_.bind(id, url);
        link_.run();
    }
    position_ = static_cast<std::uint64_t>(id);
}

}  // namespace crawler
