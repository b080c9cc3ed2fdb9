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
class WarcFile final : public Output {
public:
    WarcFile(const std::filesystem::path& path, std::string software, bool durable)
        : journal_{path, durable}, software_{std::move(software)} {}

    [[nodiscard]] std::string name() const override { return journal_.path(); }
    void resume(std::optional<std::uint64_t> mark) override { journal_.resume(mark); }
    void write(std::span<const Visit>) override;
    [[nodiscard]] std::uint64_t position() const override { return journal_.position(); }
    [[nodiscard]] bool wants_bodies() const override { return true; }

private:
    Journal journal_;
    std::string software_;
};

}  // namespace crawler
