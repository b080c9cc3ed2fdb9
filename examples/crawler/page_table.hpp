#pragma once

#include "output.hpp"
#include "sqlite.hpp"

#include <filesystem>

namespace crawler {

/// Pages and their links, to be asked in SQL: the tables `page` and `link`. A page has one row; its position
/// is the number of the last row.
class PageTable final : public Output {
public:
    PageTable(const std::filesystem::path&, bool durable);

    [[nodiscard]] std::string name() const override { return path_; }
    void resume(std::optional<std::uint64_t> mark) override;
    void write(std::span<const Visit>) override;
    [[nodiscard]] std::uint64_t position() const override { return position_; }
    [[nodiscard]] bool wants_links() const override { return true; }

private:
    void insert(const Visit&);

    std::filesystem::path path_;
    Database database_;
    Statement page_;
    Statement link_;
    std::uint64_t position_ = 0;
};

}  // namespace crawler
