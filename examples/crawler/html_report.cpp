#include "html_report.hpp"

#include "names.hpp"
#include "svg.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

namespace crawler {

namespace {

constexpr const char* head = R"html(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Report of a crawl</title>
<style>
:root { --ink: #1d2733; --soft: #6b7785; --rule: #dfe4ea; --paper: #fff; --fill: #2b7a78; color-scheme: light dark }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e9ef; --soft: #98a4b1; --rule: #33404d; --paper: #151b22; --fill: #56b4ae }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem }
.soft { color: var(--soft) }
dl { display: flex; flex-wrap: wrap; gap: 1rem 2.5rem; margin: 1.5rem 0 }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums }
svg { width: 100%; height: auto; display: block } svg text { font-size: 12px; fill: var(--soft) }
svg line { stroke: var(--rule) } svg polygon { fill: var(--fill); fill-opacity: .35; stroke: var(--fill) }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .25rem .8rem .25rem 0;
       border-bottom: 1px solid var(--rule); overflow-wrap: anywhere } td.n { text-align: right; width: 6rem }
</style>
</head>
<body>
)html";

constexpr const char* fill = "var(--fill)";

std::string formatted(const char* format, double value) {
    char text[64];
    std::snprintf(text, sizeof text, format, value);
    return text;
}

std::string fact(std::string_view name, const std::string& value) {
    std::string text{"<div><dt>"};
    return text.append(name).append("</dt><dd>").append(escape_html(value)).append("</dd></div>\n");
}

std::string summary(const Statistics& statistics) {
    const double seconds = statistics.seconds();
    std::string text = "<dl>\n";
    text += fact("pages", std::to_string(statistics.pages));
    text += fact("megabytes", formatted("%.1f", static_cast<double>(statistics.bytes) / 1e6));
    text += fact("seconds", formatted("%.2f", seconds));
    text += fact("pages per second", formatted("%.0f", static_cast<double>(statistics.pages) / seconds));
    text += fact("latency, median", formatted("%.1f ms", statistics.latencies.percentile(0.5)));
    text += fact("latency, 99 %", formatted("%.1f ms", statistics.latencies.percentile(0.99)));
    text += fact("redirects", std::to_string(statistics.redirects));
    text += fact("retries", std::to_string(statistics.retries));
    text += fact("dead links", std::to_string(statistics.dead));
    text += fact("errors", std::to_string(statistics.failed));
    text += fact("excluded", std::to_string(statistics.excluded));
    return text + "</dl>\n";
}

std::string pages_over_time(const Timeline& timeline) {
    std::vector<double> rates;
    for (const auto count : timeline.counts()) {
        rates.push_back(static_cast<double>(count) / timeline.interval());
    }
    return "<h2>Pages over time</h2>\n" + line(rates, timeline.interval(), "pages per second");
}

std::string time_text(double milliseconds) {
    return milliseconds < 1000 ? formatted("%g ms", milliseconds) : formatted("%g s", milliseconds / 1000);
}

std::string latency_histogram(const Latencies& latencies) {
    constexpr double edges[] = {
        0, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 20e3, 1e9};
    std::vector<Bar> bars;
    for (std::size_t i = 0; i + 1 < std::size(edges); ++i) {
        const auto count = latencies.between(edges[i], edges[i + 1]);
        const bool is_last = i + 2 == std::size(edges);
        const std::string name = is_last ? "more" : "< " + time_text(edges[i + 1]);
        bars.push_back({name, static_cast<double>(count), std::to_string(count), fill});
    }
    const auto is_met = [](const Bar& bar) { return bar.value > 0; };
    bars.erase(std::find_if(bars.rbegin(), bars.rend(), is_met).base(), bars.end());
    bars.erase(bars.begin(), std::ranges::find_if(bars, is_met));
    return "<h2>Latency of answers</h2>\n" + columns(bars);
}

std::string status_codes(const Statistics& statistics) {
    std::vector<Bar> bars;
    for (const auto& [status, count] : statistics.statuses) {
        const char* color = status < 300   ? "#3a9d5d"
                            : status < 400 ? "#4b87c5"
                            : status < 500 ? "#d99a2b"
                                           : "#c8473c";
        bars.push_back({std::to_string(status), static_cast<double>(count), std::to_string(count), color});
    }
    return "<h2>Status codes</h2>\n" + rows(bars);
}

std::string slowest_hosts(const Statistics& statistics) {
    constexpr std::size_t most = 15;
    std::vector<Bar> bars;
    for (const auto& [name, host] : statistics.hosts) {
        if (host.requests == 0) continue;
        const double mean = host.milliseconds / static_cast<double>(host.requests);
        bars.push_back(
            {name, mean, formatted("%.1f ms, ", mean) + std::to_string(host.requests) + " requests", fill});
    }
    std::ranges::sort(bars, std::greater{}, &Bar::value);
    if (bars.size() > most) bars.resize(most);
    return "<h2>Slowest hosts, by mean latency</h2>\n" + rows(bars);
}

std::string counts(std::string_view title, const std::map<std::string, std::uint64_t>& counted) {
    if (counted.empty()) return {};
    std::string text{"<h2>"};
    text.append(title).append("</h2>\n<table>\n");
    for (const auto& [what, count] : counted) {
        text +=
            "<tr><td>" + escape_html(what) + "</td><td class=\"n\">" + std::to_string(count) + "</td></tr>\n";
    }
    return text + "</table>\n";
}

std::string dead_links(const Statistics& statistics) {
    constexpr std::size_t most = 100;
    if (statistics.dead_links.empty()) return {};
    std::string text =
        "<h2>Dead links</h2>\n<table>\n<tr><th>Status</th><th>Page</th><th>First linked on</th></tr>\n";
    for (std::size_t i = 0; i < std::min(most, statistics.dead_links.size()); ++i) {
        const auto& [status, url, on] = statistics.dead_links[i];
        text += "<tr><td>" + std::to_string(status) + "</td><td>" + escape_html(url) + "</td><td>" +
                escape_html(on) + "</td></tr>\n";
    }
    text += "</table>\n";
    if (statistics.dead > most) {
        text += "<p class=\"soft\">and " + std::to_string(statistics.dead - most) + " more</p>\n";
    }
    return text;
}

}  // namespace

std::string html_report(const std::vector<std::string>& seeds, const Statistics& statistics) {
    std::string text = head;
    text += "<h1>Report of a crawl</h1>\n<p class=\"soft\">";
    for (const auto& seed : seeds) text += escape_html(seed) + "<br>\n";
    text += "begun " + utc(statistics.began) + "</p>\n" + summary(statistics);
    text += pages_over_time(statistics.timeline);
    text += latency_histogram(statistics.latencies);
    text += status_codes(statistics);
    text += slowest_hosts(statistics);
    text += counts("Errors", statistics.errors);
    text += counts("Excluded", statistics.exclusions);
    text += dead_links(statistics);
    return text + "</body>\n</html>\n";
}

}  // namespace crawler
