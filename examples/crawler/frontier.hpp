#pragma once

#include "page.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace crawler {

/// How far an output had got: what lies behind belongs to no page that is done.
struct Mark {
    std::string output;
    std::uint64_t position = 0;
};

/// Of visits that were to be committed one is somebody else's page.
struct PagesLost : std::runtime_error {
    PagesLost() : std::runtime_error{"another crawler has taken pages over"} {}
};

/// The pages a crawl knows: those to be fetched, those somebody fetches, those done. Each URL is one page,
/// and is met once.
///
/// A page is done when commit() has it, in one step with the pages it leads to and the outputs' marks. So
/// after a crash, at whatever point, a page is either done, with its record before the mark and its links
/// known, or to be fetched again, with its record, if any, behind the mark, where it is cut off.
class Frontier {
public:
    Frontier() = default;
    virtual ~Frontier() = default;
    Frontier(const Frontier&) = delete;
    Frontier& operator=(const Frontier&) = delete;

    /// Takes the URLs that were not met before. Blocks.
    virtual void add(std::span<const Target>) = 0;
    /// Up to n pages, which are the caller's now; none: there is none at present. Blocks.
    [[nodiscard]] virtual std::vector<Page> take(std::size_t n) = 0;
    /// The pages of these visits, confirmed and recorded by the outputs up to the marks, are done. Throws
    /// PagesLost, and has changed nothing, if that was true when they were confirmed, but is no more. Blocks.
    virtual void commit(std::span<const Visit>, std::span<const Mark>) = 0;
    /// Takes out of the visits what has become somebody else's page meanwhile. Blocks.
    virtual void confirm(std::vector<Visit>&) {}
    /// What was taken and not committed is for others to take now. Blocks.
    virtual void release() {}
    /// Whether all pages are done, whoever has taken them. Blocks.
    [[nodiscard]] virtual bool finished() = 0;

    /// True if this content was not met before, or on this page. Blocks.
    [[nodiscard]] virtual bool claim_content(const std::string& digest, const std::string& url) = 0;
    /// The mark of the last commit; nullopt: there was none. Blocks.
    [[nodiscard]] virtual std::optional<std::uint64_t> mark_of(const std::string& output) = 0;

    /// How many wait and are not taken, as far as is known here.
    [[nodiscard]] virtual std::size_t waiting() const noexcept = 0;
    /// Links that were dropped because the limit of URLs was reached.
    [[nodiscard]] virtual std::size_t dropped() const noexcept { return 0; }
    /// How many pages it is sensible to have taken at once.
    [[nodiscard]] virtual std::size_t window() const noexcept { return 4096; }
    /// How soon to look again when there was no page; never: only own commits bring new ones.
    [[nodiscard]] virtual grove::Deadline next_look() const { return {}; }
};

}  // namespace crawler
