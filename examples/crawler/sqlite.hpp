#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

// SQLite with destructors. Its calls block the thread: offload() what waits for a disk.

namespace crawler {

/// One query. bind() in order from 1, then step() until false; it is ready for the next use then.
class Statement {
public:
    Statement(sqlite3*, std::string_view sql);

    template <class... Values>
    Statement& bind(const Values&... values) {
        int index = 0;
        (bind_one(++index, values), ...);
        return *this;
    }
    /// True: there is a row. Throws std::runtime_error, as all of these.
    bool step();
    void run() {
        while (step()) {
        }
    }
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] std::string text(int column) const;

private:
    struct Finalize {
        void operator()(sqlite3_stmt*) const noexcept;
    };
    void bind_one(int index, std::int64_t value);
    void bind_one(int index, std::string_view value);  ///< must live until the row is stepped

    std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

class Database {
public:
    struct Format {
        std::int64_t application = 0;  ///< SQLite's application_id, by which files are told apart; 0: any
        const char* schema = "";
    };
    /// Opens or makes the file, for this process alone, with a write-ahead log, then executes the schema. One
    /// of another application is not touched: throws std::runtime_error. durable: a commit survives the power
    /// going off, at the price of an fsync each; otherwise it survives the end of the process.
    Database(const std::filesystem::path&, bool durable, const Format&);
    Database(const std::filesystem::path& path, bool durable) : Database{path, durable, Format{}} {}

    /// Statements without results.
    void execute(const std::string& sql);
    [[nodiscard]] Statement prepare(std::string_view sql) { return {handle_.get(), sql}; }
    [[nodiscard]] std::int64_t last_row() const noexcept;
    [[nodiscard]] std::int64_t changes() const noexcept;

private:
    void require(std::int64_t application);

    struct Close {
        void operator()(sqlite3*) const noexcept;
    };
    std::unique_ptr<sqlite3, Close> handle_;
};

/// Rolled back unless committed.
class Transaction {
public:
    explicit Transaction(Database& database) : database_{database} { database_.execute("BEGIN IMMEDIATE"); }
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;

    void commit() {
        database_.execute("COMMIT");
        open_ = false;
    }

private:
    Database& database_;
    bool open_ = true;
};

}  // namespace crawler
