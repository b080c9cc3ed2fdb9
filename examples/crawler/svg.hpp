#pragma once

#include <string>
#include <string_view>
#include <vector>

// Plots as SVG elements.

namespace crawler {

[[nodiscard]] std::string escape_html(std::string_view);

struct Bar {
    std::string label;
    double value;
    std::string text;   ///< what the value is called
    std::string color;  ///< CSS
};

/// Bars that stand, each above its label.
[[nodiscard]] std::string columns(const std::vector<Bar>&);
/// Bars that lie, each behind its label; for labels that are long.
[[nodiscard]] std::string rows(const std::vector<Bar>&);
/// A line over time, with both scales. interval: seconds from one value to the next.
[[nodiscard]] std::string line(const std::vector<double>& values, double interval, std::string_view unit);

}  // namespace crawler
