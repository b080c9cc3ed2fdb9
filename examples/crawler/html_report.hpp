#pragma once

#include "statistics.hpp"

#include <string>
#include <vector>

namespace crawler {

/// A page of its own, with plots, that needs nothing from elsewhere.
[[nodiscard]] std::string html_report(const std::vector<std::string>& seeds, const Statistics&);

}  // namespace crawler
