#include "crawler/scope.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

using crawler::Reach;
using crawler::Scope;

TEST_SUITE_BEGIN("crawler/scope");

TEST_CASE("how far a crawl reaches") {
    const std::vector<std::string> seeds{"http://example.org/docs/index.html", "http://other.org:8080/"};
    const std::vector<std::string> urls{"http://example.org/docs/a",
                                        "http://example.org/b",
                                        "https://example.org/docs/a",
                                        "http://www.example.org/docs/a",
                                        "http://badexample.org/",
                                        "http://other.org:8080/c",
                                        "http://other.org/c"};
    // One column for each Reach, in the order of the urls.
    const auto reached = [&](Reach reach) {
        const Scope scope{seeds, {.reach = reach}};
        std::string result;
        for (const auto& url : urls) result += scope.has(url) ? '+' : '-';
        return result;
    };
    CHECK(reached(Reach::host) == "++---+-");
    CHECK(reached(Reach::prefix) == "+----+-");
    CHECK(reached(Reach::domain) == "++++-++");
    CHECK(reached(Reach::any) == "+++++++");
}

TEST_CASE("expressions narrow it") {
    const Scope scope{{"http://host/"}, {.include = {"/docs/", "\\.pdf$"}, .exclude = {"[?&]session="}}};
    CHECK(scope.has("http://host/docs/a"));
    CHECK(scope.has("http://host/a.pdf"));
    CHECK_FALSE(scope.has("http://host/a.html"));
    CHECK_FALSE(scope.has("http://host/docs/a?session=1"));
}

TEST_CASE("a URL that grew too long belongs to no crawl") {
    const Scope scope{{"http://host/"}, {.max_url = 30}};
    CHECK(scope.has("http://host/" + std::string(18, 'a')));
    CHECK_FALSE(scope.has("http://host/" + std::string(19, 'a')));
}

TEST_CASE("an expression that takes for ever is given up, and the URL left out") {
    const std::string hard = "(a+)+(a+)+(a+)+(a+)+x$";
    const std::string url = "http://host/" + std::string(2000, 'a');
    CHECK_FALSE(Scope{{"http://host/"}, {.exclude = {hard}}}.has(url));
    CHECK_FALSE(Scope{{"http://host/"}, {.include = {hard}}}.has(url));
}

TEST_CASE("a start page is taken wherever it is, others if they are near enough, too") {
    const Scope scope{{"http://host/no/"}, {.max_depth = 3, .exclude = {"/no/"}}};
    CHECK(scope.takes({.url = "http://host/no/"}));
    CHECK_FALSE(scope.takes({.url = "http://host/no/more", .depth = 1}));
    CHECK(scope.takes({.url = "http://host/yes", .depth = 3}));
    CHECK_FALSE(scope.takes({.url = "http://host/yes", .depth = 4}));
}

TEST_CASE("what is no expression is named") {
    try {
        const Scope scope{{"http://host/"}, {.include = {"(["}}};
        FAIL("accepted");
    } catch (const std::invalid_argument& error) {
        CHECK(std::string{error.what()}.find("'(['") != std::string::npos);
    }
}

TEST_SUITE_END();
