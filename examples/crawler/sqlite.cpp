#include "sqlite.hpp"

#include <sqlite3.h>
#include <stdexcept>

namespace crawler {

namespace {

[[noreturn]] void fail(sqlite3* database, int code) {
    const char* file = database ? sqlite3_db_filename(database, "main") : nullptr;
    std::string what{file && *file ? file : "SQLite"};
    what += ": ";
    what += database ? sqlite3_errmsg(database) : sqlite3_errstr(code);
    if ((code & 0xff) == SQLITE_BUSY) what += "; another program, perhaps another crawler, is using it";
    throw std::runtime_error{what};
}

}  // namespace

// --- Statement ---------------------------------------------------------------------------------------

void Statement::Finalize::operator()(sqlite3_stmt* statement) const noexcept {
    sqlite3_finalize(statement);
}

Statement::Statement(sqlite3* database, std::string_view sql) {
    sqlite3_stmt* statement = nullptr;
    const int code =
        sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
    if (code != SQLITE_OK) fail(database, code);
    statement_.reset(statement);
}

bool Statement::step() {
    const int code = sqlite3_step(statement_.get());
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(statement_.get());
    if (code != SQLITE_DONE) fail(sqlite3_db_handle(statement_.get()), code);
    return false;
}

void Statement::bind_one(int index, std::int64_t value) {
    sqlite3_bind_int64(statement_.get(), index, value);
}

void Statement::bind_one(int index, std::string_view value) {
    // Without a pointer SQLite would make it NULL.
    const char* text = value.empty() ? "" : value.data();
    sqlite3_bind_text64(statement_.get(), index, text, value.size(), SQLITE_STATIC, SQLITE_UTF8);
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_.get(), column);
}

std::string Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    return {text ? text : "", static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

// --- Database ----------------------------------------------------------------------------------------

void Database::Close::operator()(sqlite3* database) const noexcept {
    sqlite3_close_v2(database);
}

Database::Database(const std::filesystem::path& path, bool durable, const Format& format) {
    sqlite3* database = nullptr;
    const int code = sqlite3_open(path.c_str(), &database);
    handle_.reset(database);
    if (code != SQLITE_OK) {
        throw std::runtime_error{path.string() + ": " + sqlite3_errmsg(database)};
    }
    sqlite3_extended_result_codes(database, 1);
    execute("PRAGMA locking_mode = EXCLUSIVE");
    if (format.application != 0) require(format.application);
    execute("PRAGMA journal_mode = WAL");
    execute(durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL");
    execute("BEGIN IMMEDIATE; COMMIT");  // takes the lock, or finds that somebody has it
    if (format.application != 0) execute("PRAGMA application_id = " + std::to_string(format.application));
    execute(format.schema);
}

void Database::require(std::int64_t application) {
    auto query =
        prepare("SELECT application_id, (SELECT count(*) FROM sqlite_master) FROM pragma_application_id");
    if (!query.step() || query.integer(1) == 0 || query.integer(0) == application) return;
    throw std::runtime_error{std::string{sqlite3_db_filename(handle_.get(), "main")} +
                             ": is a database of another kind; give another name"};
}

void Database::execute(const std::string& sql) {
    const int code = sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) fail(handle_.get(), code);
}

std::int64_t Database::last_row() const noexcept {
    return sqlite3_last_insert_rowid(handle_.get());
}

std::int64_t Database::changes() const noexcept {
    return sqlite3_changes64(handle_.get());
}

// --- Transaction -------------------------------------------------------------------------------------

Transaction::~Transaction() {
    if (!open_) return;
    try {
        database_.execute("ROLLBACK");
    } catch (const std::runtime_error&) {
        // SQLite has rolled back by itself; what went wrong is on its way already.
    }
}

}  // namespace crawler
