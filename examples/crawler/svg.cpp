#include "svg.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace crawler {

namespace {

constexpr double width = 900;
constexpr double height = 260;
constexpr double left = 60;    // room for the scale
constexpr double bottom = 30;  // and for the labels

std::string number(double value) {
    char text[32];
    std::snprintf(text, sizeof text, value < 1000 ? "%.3g" : "%.0f", value);
    return text;
}

/// name="value" for each pair.
std::string element(std::string_view name,
                    std::initializer_list<std::pair<std::string_view, std::string>> attributes) {
    std::string text{"<"};
    text += name;
    for (const auto& [key, value] : attributes) {
        text.append(" ").append(key).append("=\"").append(value).append("\"");
    }
    return text += ">";
}

std::string exact(double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f", value);
    return text;
}

std::string label(double x, double y, std::string_view anchor, std::string_view what) {
    return element("text", {{"x", exact(x)}, {"y", exact(y)}, {"text-anchor", std::string{anchor}}}) +
           escape_html(what) + "</text>";
}

std::string box(double x, double y, double w, double h, const std::string& color, std::string_view title) {
    return element("rect",
                   {{"x", exact(x)},
                    {"y", exact(y)},
                    {"width", exact(std::max(w, 0.5))},
                    {"height", exact(std::max(h, 0.5))},
                    {"fill", color}}) +
           "<title>" + escape_html(title) + "</title></rect>\n";
}

std::string open_svg(double tall) {
    return element("svg", {{"viewBox", "0 0 " + number(width) + " " + number(tall)}, {"role", "img"}}) + "\n";
}

/// 1, 2, 2.5 or 5 times a power of ten, at least `least`.
double round_number(double least) {
    const double power = std::pow(10.0, std::floor(std::log10(std::max(least, 1e-9))));
    for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
        if (factor * power >= least) return factor * power;
    }
    return 10 * power;
}

double largest(const std::vector<Bar>& bars) {
    double most = 0;
    for (const Bar& bar : bars) most = std::max(most, bar.value);
    return std::max(most, 1e-9);
}

}  // namespace

std::string escape_html(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&':
                result += "&amp;";
                break;
            case '<':
                result += "&lt;";
                break;
            case '>':
                result += "&gt;";
                break;
            case '"':
                result += "&quot;";
                break;
            default:
                result += c;
        }
    }
    return result;
}

std::string columns(const std::vector<Bar>& bars) {
    std::string text = open_svg(height);
    const double step = (width - 10) / static_cast<double>(std::max<std::size_t>(bars.size(), 1));
    const double room = height - bottom - 20;
    const double scale = room / largest(bars);
    double x = 5;
    for (const Bar& bar : bars) {
        const double tall = bar.value * scale;
        const double top = height - bottom - tall;
        text += box(x + step * 0.1, top, step * 0.8, tall, bar.color, bar.label + ": " + bar.text);
        text += label(x + step / 2, top - 5, "middle", bar.value > 0 ? bar.text : "");
        text += label(x + step / 2, height - 10, "middle", bar.label) + "\n";
        x += step;
    }
    return text += "</svg>\n";
}

std::string rows(const std::vector<Bar>& bars) {
    constexpr double tall = 26;
    constexpr double names = 260;
    constexpr double values = 200;
    std::string text = open_svg(tall * static_cast<double>(bars.size()) + 8);
    const double scale = (width - names - values) / largest(bars);
    double y = 4;
    for (const Bar& bar : bars) {
        text += label(names - 8, y + 17, "end", bar.label);
        text += box(names, y + 3, bar.value * scale, tall - 6, bar.color, bar.label + ": " + bar.text);
        text += label(names + bar.value * scale + 8, y + 17, "start", bar.text) + "\n";
        y += tall;
    }
    return text += "</svg>\n";
}

std::string line(const std::vector<double>& values, double interval, std::string_view unit) {
    const double most = std::max(values.empty() ? 1 : *std::ranges::max_element(values), 1e-9);
    const double tick = round_number(most / 4);
    const int steps = static_cast<int>(std::ceil(most / tick));
    const double top = 15;
    const double room = height - bottom - top;
    const auto y_of = [&](double value) { return height - bottom - value / (tick * steps) * room; };
    const double span = std::max(interval * static_cast<double>(values.size()), 1e-9);
    const auto x_of = [&](double seconds) { return left + seconds / span * (width - left - 20); };

    std::string text = open_svg(height);
    for (int i = 0; i <= steps; ++i) {
        const double y = y_of(tick * i);
        text +=
            element("line",
                    {{"x1", exact(left)}, {"x2", exact(width - 20)}, {"y1", exact(y)}, {"y2", exact(y)}}) +
            "</line>";
        text += label(left - 8, y + 4, "end", number(tick * i)) + "\n";
    }
    const double second_tick = round_number(span / 8);
    for (double seconds = 0; seconds <= span; seconds += second_tick) {
        text += label(x_of(seconds), height - 10, "middle", number(seconds) + " s");
    }
    text += label(left + 6, top - 3, "start", unit) + "\n";

    std::string points = exact(left) + "," + exact(y_of(0));
    for (std::size_t i = 0; i < values.size(); ++i) {
        points += " " + exact(x_of((static_cast<double>(i) + 0.5) * interval)) + "," + exact(y_of(values[i]));
    }
    points += " " + exact(x_of(span)) + "," + exact(y_of(0));
    return text + element("polygon", {{"points", points}}) + "</polygon>\n</svg>\n";
}

}  // namespace crawler
