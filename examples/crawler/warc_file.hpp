#pragma once

#include "output.hpp"

#include <filesystem>
#include <string>

namespace crawler {

/// The answers, as a WARC 1.1 file (ISO 28500): a response, a request and a metadata record for each page
/// that answered and was not excluded. A name that ends in ".gz": each record is compressed by itself.
///
/// http::Client gives a message's parts, not its bytes, so heads are put together again: Transfer-Encoding,
/// which the body has no more, is kept as X-Crawler-Transfer-Encoding.
///
/// The file's first record says what wrote it, and whether robots.txt was obeyed.
class WarcFile final : public Output {
public:
    struct Info {
        std::string software{};
        bool obeys_robots = true;
    };
    WarcFile(const std::filesystem::path& path, Info info, bool durable)
        : journal_{path, durable}, info_{std::move(info)} {}

    [[nodiscard]] std::string name() const override { return journal_.path(); }
    void resume(std::optional<std::uint64_t> mark) override { journal_.resume(mark); }
    void write(std::span<const Visit>) override;
    [[nodiscard]] std::uint64_t position() const override { return journal_.position(); }
    [[nodiscard]] bool wants_bodies() const override { return true; }

private:
    Journal journal_;
    Info info_;
};

}  // namespace crawler
