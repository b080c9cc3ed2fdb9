#include "crawler/url.hpp"

#include <boost/url/url.hpp>
#include <doctest/doctest.h>

#include <ctime>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using crawler::parse_start;

namespace {

std::string resolved(std::string_view link, std::string_view page = "http://host/dir/page?q=1") {
    return crawler::resolve(boost::urls::url{page}, crawler::trimmed(link)).value_or("nowhere");
}

}  // namespace

TEST_SUITE_BEGIN("crawler/url");

TEST_CASE("a page has one name") {
    const std::vector<std::pair<std::string, std::string>> cases{
        {"http://host", "http://host/"},
        {"HTTP://HOST:80/", "http://host/"},
        {"https://host:443/a", "https://host/a"},
        {"https://host:80/a", "https://host:80/a"},
        {"http://host:/a", "http://host/a"},
        {"http://user:secret@host/", "http://host/"},
        {"http://host/a/./b/../c", "http://host/a/c"},
        {"http://host/../../a", "http://host/a"},
        {"http://host/%7euser/caf%c3%a9", "http://host/~user/caf%C3%A9"},
        {"http://host/a#fragment", "http://host/a"},
        {"http://host/a?b=%26&c=d#e", "http://host/a?b=%26&c=d"},
        {"http://host/a?b=%3a&c=%e9/%aFd", "http://host/a?b=%3A&c=%E9/%AFd"},
        {"http://[::1]:8080/a", "http://[::1]:8080/a"},
    };
    for (const auto& [text, name] : cases) {
        CHECK(parse_start(text) == name);
        CHECK(parse_start(name) == name);
    }
}

TEST_CASE("what is no URL of the web is refused") {
    for (const char* text : {"", "host", "/page", "ftp://host/", "http:///page", "http://", "mailto:a@b"}) {
        CAPTURE(text);
        CHECK_THROWS_AS((void)parse_start(text), std::invalid_argument);
    }
}

TEST_CASE("links are read as a browser does") {
    CHECK(resolved("other") == "http://host/dir/other");
    CHECK(resolved("  other \n") == "http://host/dir/other");
    CHECK(resolved("ot\nher") == "http://host/dir/other");
    CHECK(resolved("/other#part") == "http://host/other");
    CHECK(resolved("?q=2") == "http://host/dir/page?q=2");
    CHECK(resolved("//elsewhere/x") == "http://elsewhere/x");
    CHECK(resolved("https://elsewhere") == "https://elsewhere/");
    CHECK(resolved("a b") == "http://host/dir/a%20b");
    CHECK(resolved("100%") == "http://host/dir/100%25");
    CHECK(resolved("a[1]") == "http://host/dir/a%5B1%5D");
    CHECK(resolved("caf\xc3\xa9") == "http://host/dir/caf%C3%A9");
    CHECK(resolved("../../../up") == "http://host/up");
    CHECK(resolved("mailto:a@b") == "nowhere");
    CHECK(resolved("javascript:void(0)") == "nowhere");
    CHECK(resolved("http://[bad/") == "nowhere");
}

TEST_CASE("a long way up takes no time") {
    std::string link;
    while (link.size() < 1 << 20) link += "../";
    const std::clock_t start = std::clock();
    CHECK(resolved(link + "top") == "http://host/top");
    CHECK(std::clock() - start < 5 * CLOCKS_PER_SEC);
}

TEST_CASE("the parts of a URL") {
    const std::string url = "http://host:8080/dir/page?to=/x/y";
    CHECK(crawler::origin_of(url) == "http://host:8080");
    CHECK(crawler::host_of(url) == "host");
    CHECK(crawler::target_of(url) == "/dir/page?to=/x/y");
    CHECK(crawler::directory_of(url) == "http://host:8080/dir/");
    CHECK(crawler::host_of("http://[::1]:80/") == "[::1]");
    CHECK(crawler::is_loopback("127.0.0.2"));
    CHECK(crawler::is_loopback("[::1]"));
    CHECK(crawler::is_loopback("localhost"));
    CHECK_FALSE(crawler::is_loopback("12.0.0.1"));
    CHECK_FALSE(crawler::is_loopback("[2001:db8::1]"));
    CHECK_FALSE(crawler::is_loopback("127.example.com"));
    CHECK_FALSE(crawler::is_loopback("127.0.0.1.example.com"));
}

TEST_SUITE_END();
