#include "arguments.hpp"

#include "text.hpp"
#include "url.hpp"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>

namespace crawler {

namespace {

constexpr double longest = 1e9;  // seconds

std::chrono::milliseconds in_milliseconds(double seconds) {
    return std::chrono::milliseconds{static_cast<std::int64_t>(seconds * 1000)};
}

/// CLI::Range takes "nan".
std::function<std::string(const std::string&)> seconds_from(double least) {
    return [least](const std::string& text) -> std::string {
        const auto seconds = number_in<double>(text);
        if (seconds && *seconds >= least && *seconds <= longest) return {};
        return "'" + text + "' is no number of seconds from " + std::to_string(static_cast<int>(least)) +
               " to a billion";
    };
}

/// CLI11 takes "-1" for the largest number.
const CLI::Validator not_negative{
    [](const std::string& text) { return text.starts_with('-') ? "'" + text + "' is negative" : ""; }, ""};

CLI::Option* add_seconds(
    CLI::App& app, const std::string& name, double& value, const std::string& what, double least = 0) {
    char text[32];
    std::snprintf(text, sizeof text, "SECONDS (%g)", value);
    return app.add_option(name, value, what)->check(seconds_from(least))->option_text(text);
}

/// One value each time it is given: what follows may be a URL.
CLI::Option* add_repeated(CLI::App& app,
                          const std::string& name,
                          std::vector<std::string>& values,
                          const std::string& what) {
    return app.add_option(name, values, what)->allow_extra_args(false)->option_text("TEXT, may be repeated");
}

/// One would destroy what the other wrote.
void require_different(std::vector<std::string> files) {
    std::erase(files, "");
    for (auto& file : files) file = std::filesystem::weakly_canonical(file);
    std::ranges::sort(files);
    const auto twice = std::ranges::adjacent_find(files);
    if (twice != files.end()) throw std::invalid_argument{*twice + ": is given for two things"};
}

/// Others would silently keep nothing.
void require_types(const std::vector<std::string>& types) {
    for (const std::string_view type : types) {
        const std::size_t slash = type.find('/');
        const bool is_one = slash != type.npos && slash > 0 && slash + 1 < type.size() && type[0] != '*' &&
                            type.find_first_of("/; ", slash + 1) == type.npos;
        if (is_one) continue;
        throw std::invalid_argument{"--content-type: '" + std::string{type} +
                                    "' is not like text/html or image/*"};
    }
}

const std::map<std::string, Reach> reaches{
    {"host", Reach::host}, {"prefix", Reach::prefix}, {"domain", Reach::domain}, {"any", Reach::any}};

}  // namespace

void Arguments::add_to(CLI::App& app) {
    app.add_option("URL", urls, "the first pages, like http://host/page")->required();
    app.add_option("--connections", crawl.connections, "how many requests at once")
        ->check(CLI::Range(1, 10'000))
        ->option_text("N (16)");
    add_scope(app);
    add_politeness(app);
    add_limits(app);
    add_state(app);
    add_outputs(app);
}

void Arguments::add_scope(CLI::App& app) {
    auto& scope = *app.add_option_group("Scope", "which pages belong to the crawl");
    scope
        .add_option("--scope",
                    reach,
                    "of the first pages: scheme, host and port; the directory and below; the host and its "
                    "subdomains; or the whole web")
        ->check(CLI::IsMember(std::vector<std::string>{"host", "prefix", "domain", "any"}))
        ->option_text("host|prefix|domain|any (host)");
    scope.add_option("--max-depth", crawl.scope.max_depth, "links away from the first pages")
        ->transform(not_negative);
    add_repeated(
        scope, "--include", crawl.scope.include, "only URLs in which this regular expression is found");
    add_repeated(scope, "--exclude", crawl.scope.exclude, "no URLs in which it is found");
    add_repeated(scope,
                 "--content-type",
                 crawl.visit.types,
                 "keep only this, like text/html or image/*; HTML is read for its links anyway");
    scope.add_option("--max-redirects", crawl.visit.max_redirects, "one after the other")
        ->transform(not_negative)
        ->capture_default_str();
    scope.add_flag(
        "--canonical", crawl.visit.canonical, "keep no page that names another one as the real one");
    scope.add_flag("--skip-duplicates",
                   crawl.visit.skip_duplicates,
                   "neither keep nor follow a page whose body was met before");
    scope.add_flag("--sitemaps", crawl.visit.sitemaps, "go to the sitemaps that robots.txt names");
}

void Arguments::add_politeness(CLI::App& app) {
    auto& polite = *app.add_option_group("Politeness", "towards the hosts");
    polite.add_option("--per-host", per_host, "requests to one host at once")
        ->check(CLI::Range(1, 10'000))
        ->option_text("N (2; on this machine as --connections)");
    polite.add_option("--delay", delay, "between two requests to one host; robots.txt may ask for more")
        ->check(seconds_from(0))
        ->option_text("SECONDS (0.5; on this machine 0)");
    polite
        .add_option("--user-agent", crawl.fetch.user_agent, "its name, up to the /, is what robots.txt means")
        ->capture_default_str();
    polite.add_option("--retries", crawl.retries, "of a page, after errors that may pass")
        ->transform(not_negative)
        ->capture_default_str();
    add_seconds(polite,
                "--backoff",
                backoff,
                "before the first retry; doubled for each further one, up to 5 minutes");
    polite.add_flag("--ignore-robots", ignore_robots, "do not ask for robots.txt: for sites of your own");
    polite.add_flag("--ignore-nofollow", ignore_nofollow, "follow what is marked nofollow, keep noindex");
}

void Arguments::add_limits(CLI::App& app) {
    auto& limits = *app.add_option_group("Limits");
    add_seconds(limits, "--timeout", timeout, "for one answer");
    limits.add_option("--max-body", crawl.fetch.max_body, "of one page; more is an error")
        ->transform(CLI::AsSizeValue(false))
        ->transform(not_negative)
        ->option_text("BYTES (10MiB)");
    limits.add_option("--max-pages", crawl.max_pages, "fetched in this run")->transform(not_negative);
    limits.add_option("--max-bytes", crawl.max_bytes, "fetched in this run")
        ->transform(CLI::AsSizeValue(false))
        ->transform(not_negative)
        ->option_text("BYTES, like 2GiB");
    add_seconds(limits, "--max-time", max_time, "for this run; 0: no limit");
    limits.add_option("--max-urls", max_urls, "to be known, fetched or not; links to others are dropped")
        ->transform(not_negative)
        ->capture_default_str();
}

void Arguments::add_state(CLI::App& app) {
    auto& group = *app.add_option_group("State", "to go on after a stop or a crash, or to share the work");
    auto* file = group.add_option("--state", state, "keep what is known in this file, and go on from there");
    auto* redis = group.add_option(
        "--frontier", frontier, "redis://host:port/db: share it with other crawlers, anywhere");
    file->excludes(redis);
    group.add_option("--name", name, "of the crawl, in Redis")->capture_default_str()->needs(redis);
    add_seconds(group, "--lease", lease, "after which a crawler that is not heard of counts as dead", 1)
        ->needs(redis);
    group.add_flag("--durable", durable, "state and outputs survive the power going off, not only a crash");
}

void Arguments::add_outputs(CLI::App& app) {
    auto& outputs = *app.add_option_group("Output");
    outputs.add_option("--warc", warc, "answers as a WARC 1.1 file; .gz: compressed");
    outputs.add_option("--db", db, "a row per page and per link in this SQLite file");
    outputs.add_option("--list", list, "write the URLs fetched to this file, sorted, one per line");
    outputs.add_option("--report", report, "an HTML page with plots");
    outputs.add_flag("--json-lines", json_lines, "an object per page on standard output, and no summary");
    outputs.add_flag("--quiet", quiet, "neither progress nor summary");
}

void Arguments::settle() {
    require_different({state, warc, db, list, report});
    require_types(crawl.visit.types);
    crawl.scope.reach = reaches.at(reach);
    for (const auto& url : urls) crawl.seeds.push_back(parse_start(url));
    const auto& agent = crawl.fetch.user_agent;
    if (agent.empty() || agent.find_first_of("\r\n") != agent.npos || agent[0] == '/' || agent[0] == ' ') {
        throw std::invalid_argument{"--user-agent: '" + agent + "' does not begin with a name"};
    }
    auto& polite = crawl.politeness;
    polite.per_host = per_host.value_or(polite.per_host);
    polite.per_loopback_host = per_host.value_or(crawl.connections);
    if (delay) polite.delay = in_milliseconds(*delay);
    polite.loopback_delay = in_milliseconds(delay.value_or(0));

    crawl.fetch.connections = crawl.connections;
    crawl.fetch.timeout = in_milliseconds(timeout);
    crawl.backoff = in_milliseconds(backoff);
    if (max_time > 0) crawl.max_time = in_milliseconds(max_time);
    crawl.visit.obey_robots = !ignore_robots;
    crawl.visit.obey_nofollow = !ignore_nofollow;
    quiet |= json_lines;
}

}  // namespace crawler
