#pragma once

#include <grove/io/file.hpp>
#include <grove/io/pipe.hpp>

#include "frontier.hpp"
#include "page.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace crawler {

/// Where visits are recorded. Calls come from one greenlet at a time: resume() first, then for each batch
/// write(), whose records are there, for who reads the file after a crash too, before the batch is committed.
class Output {
public:
    Output() = default;
    virtual ~Output() = default;
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    /// What it is called in a frontier's marks; empty: it has none, for it cannot go on where it stopped.
    [[nodiscard]] virtual std::string name() const { return {}; }
    /// Cuts off what lies behind the mark, also later if what was written is not to be. Without one it is
    /// somebody else's, unless it is new, or empty: throws std::runtime_error. Blocks.
    virtual void resume(std::optional<std::uint64_t> mark) = 0;
    virtual void write(std::span<const Visit>) = 0;  ///< Blocks.
    [[nodiscard]] virtual std::uint64_t position() const { return 0; }
    virtual void finish() {}  ///< the crawl is complete. Blocks.

    [[nodiscard]] virtual bool wants_bodies() const { return false; }
    [[nodiscard]] virtual bool wants_links() const { return false; }
};

/// A file that grows, and can be cut.
class Journal {
public:
    /// durable: what was written survives the power going off. foreign: what to do with a file of others.
    enum class Foreign { refuse, replace };
    Journal(const std::filesystem::path&, bool durable, Foreign = Foreign::refuse);

    void resume(std::optional<std::uint64_t> mark);  ///< as Output. Blocks.
    void append(std::string_view);                   ///< Blocks.
    [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
    [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
    void lock();

    std::filesystem::path path_;
    bool durable_;
    Foreign foreign_;
    grove::File file_;
    std::uint64_t position_ = 0;
};

[[noreturn]] void refuse_foreign(const std::filesystem::path&);

/// The URLs that were fetched, one per line; sorted once the crawl is complete.
class ListFile final : public Output {
public:
    ListFile(const std::filesystem::path& path, bool durable)
        : journal_{path, durable, Journal::Foreign::replace} {}

    [[nodiscard]] std::string name() const override { return journal_.path(); }
    void resume(std::optional<std::uint64_t> mark) override { journal_.resume(mark); }
    void write(std::span<const Visit>) override;
    [[nodiscard]] std::uint64_t position() const override { return journal_.position(); }
    void finish() override;

private:
    Journal journal_;
};

/// An object of JSON per page and line, on standard output.
class JsonLines final : public Output {
public:
    void resume(std::optional<std::uint64_t>) override {}
    void write(std::span<const Visit>) override;

private:
    grove::WritePipe out_ = grove::standard_output();
};

}  // namespace crawler
