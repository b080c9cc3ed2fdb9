#include <grove/http/router.hpp>
#include <grove/http/static_files.hpp>

#include "http/wire.hpp"
#include "io/scratch.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

using namespace std::string_literals;
using grove::http::StaticFiles;
using grove::http::StaticOptions;
using grove::http::SymbolicLinks;
using grove::testing::put;
using grove::testing::Scratch;
using grove::testing::TestServer;

namespace {

/// A folder with a secret beside it, and a server of what is in it.
struct Site {
    explicit Site(const StaticOptions& options = {}, const grove::http::ServerOptions& server_options = {}) {
        namespace fs = std::filesystem;
        fs::create_directories(root / "sub");
        put(scratch / "secret", "secret");
        put(root / "index.html", "<p>top");
        put(root / "digits.txt", "0123456789");
        put(root / "sub" / "page.html", "page");
        put(root / "empty", "");
        fs::last_write_time(root / "digits.txt", fs::file_time_type{} + time_of(784111777));
        server = std::make_unique<TestServer>(StaticFiles{root, options}, server_options);
    }
    static std::filesystem::file_time_type::duration time_of(long unix_time) {
        using namespace std::chrono;
        return file_clock::from_sys(sys_seconds{seconds{unix_time}}).time_since_epoch();
    }

    std::string get(std::string_view target, std::string_view fields = "", std::string_view method = "GET") {
        return server->ask(std::string{method} + " " + std::string{target} + " HTTP/1.1\r\nHost: a\r\n" +
                           std::string{fields} + "\r\n");
    }
    int status(std::string_view target, std::string_view fields = "", std::string_view method = "GET") {
        return std::stoi(get(target, fields, method).substr(9, 3));
    }

    Scratch scratch;
    std::filesystem::path root = scratch / "root";
    std::unique_ptr<TestServer> server;
};

std::string body_of(const std::string& response) {
    return response.substr(response.find("\r\n\r\n") + 4);
}

std::string field(const std::string& response, std::string_view name) {
    const auto at = response.find("\r\n" + std::string{name} + ": ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 4;
    return response.substr(begin, response.find("\r\n", begin) - begin);
}

}  // namespace

TEST_SUITE_BEGIN("http/static_files");

GROVE_TEST_REAL("files come with type, length and validators; HEAD is the same without the body") {
    Site site;
    const auto response = site.get("/digits.txt");
    CHECK(response.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(body_of(response) == "0123456789");
    CHECK(field(response, "Content-Type") == "text/plain; charset=utf-8");
    CHECK(field(response, "Content-Length") == "10");
    CHECK(field(response, "Last-Modified") == "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(field(response, "Accept-Ranges") == "bytes");
    CHECK(field(response, "ETag").starts_with("\""));
    const auto head = grove::testing::undated(site.get("/digits.txt", "", "HEAD"));
    CHECK(head + "0123456789" == grove::testing::undated(response));
    CHECK(body_of(site.get("/empty")) == "");
    CHECK(site.status("/empty") == 200);
    CHECK(field(site.get("/digits.txt", "", "POST"), "Allow") == "GET, HEAD");
    CHECK(site.status("/digits.txt", "", "POST") == 405);
}

GROVE_TEST_REAL("directories: their index, a redirect to the slash, 403 without either") {
    Site site;
    CHECK(body_of(site.get("/")) == "<p>top");
    CHECK(site.status("/sub") == 301);
    CHECK(field(site.get("/sub?a=b"), "Location") == "/sub/?a=b");
    CHECK(site.status("/sub/") == 403);
    CHECK(site.status("/digits.txt/") == 404);
    CHECK(site.status("/none") == 404);
}

GROVE_TEST_REAL("a listing names what is there, in a form that no name can break out of") {
    Site site{{.listing = true}};
    put(site.root / "sub" / "<b>&\"x\".txt", "");
    const auto page = body_of(site.get("/sub/"));
    CHECK(page.find("<a href=\"page.html\">page.html</a>") != std::string::npos);
    CHECK(page.find("<a href=\"%3Cb%3E%26%22x%22.txt\">&lt;b&gt;&amp;&quot;x&quot;.txt</a>") !=
          std::string::npos);
}

GROVE_TEST_REAL("no name leads out of the root") {
    Site site;
    for (const auto target : {"/../secret",
                              "/sub/../../secret",
                              "/%2e%2e/secret",
                              "/.%2e/secret",
                              "/sub/..%2f..%2fsecret",
                              "/..%5csecret",
                              "//secret",
                              "/sub//../secret",
                              "/./secret",
                              "/..",
                              "/%2e%2e%2fsecret"}) {
        CAPTURE(target);
        const auto response = site.get(target);
        CHECK(response.starts_with("HTTP/1.1 404 "));
        CHECK(body_of(response) != "secret");
    }
    for (const auto target : {"/%zz", "/a%0"}) CHECK(site.status(target) == 400);
    CHECK(site.status("/index.html%00.txt") == 404);
}

GROVE_TEST_REAL("symbolic links are followed as far as the options say") {
    for (const auto& [links, inside, outside] : {std::tuple{SymbolicLinks::none, 404, 404},
                                                 {SymbolicLinks::beneath, 200, 404},
                                                 {SymbolicLinks::any, 200, 200}}) {
        Site site{{.links = links}};
        std::filesystem::create_symlink("digits.txt", site.root / "inside");
        std::filesystem::create_symlink(site.scratch / "secret", site.root / "outside");
        std::filesystem::create_directory_symlink("..", site.root / "up");
        CHECK(site.status("/inside") == inside);
        CHECK(site.status("/outside") == outside);
        CHECK(site.status("/up/secret") == outside);
    }
}

GROVE_TEST_REAL("what is no file is 404 and holds nobody up; what may not be read is 403") {
    Site site;
    REQUIRE(::mkfifo((site.root / "fifo").c_str(), 0600) == 0);
    CHECK(site.status("/fifo") == 404);
    put(site.root / "locked", "x");
    ::chmod((site.root / "locked").c_str(), 0);
    CHECK(site.status("/locked") == (::geteuid() == 0 ? 200 : 403));
    CHECK_THROWS_AS(StaticFiles{site.root / "none"}, std::system_error);
}

GROVE_TEST_REAL("conditional requests, in the order of precedence") {
    Site site;
    const std::string etag = field(site.get("/digits.txt"), "ETag");
    const auto status = [&](const std::string& fields) { return site.status("/digits.txt", fields); };
    const std::string same = "Sun, 06 Nov 1994 08:49:37 GMT", before = "Sat, 05 Nov 1994 08:49:37 GMT";

    CHECK(status("If-None-Match: " + etag + "\r\n") == 304);
    CHECK(status("If-None-Match: \"a\", W/" + etag + "\r\n") == 304);
    CHECK(status("If-None-Match: *\r\n") == 304);
    CHECK(status("If-None-Match: \"a\"\r\n") == 200);
    CHECK(status("If-None-Match: \"a\"\r\nIf-None-Match: " + etag + "\r\n") == 304);
    CHECK(status("If-Modified-Since: " + same + "\r\n") == 304);
    CHECK(status("If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT\r\n") == 304);
    CHECK(status("If-Modified-Since: Sun Nov  6 08:49:37 1994\r\n") == 304);
    CHECK(status("If-Modified-Since: " + before + "\r\n") == 200);
    CHECK(status("If-Modified-Since: yesterday\r\n") == 200);
    CHECK(status("If-None-Match: \"a\"\r\nIf-Modified-Since: " + same + "\r\n") == 200);
    CHECK(status("If-None-Match: " + etag + "\r\nIf-Modified-Since: " + before + "\r\n") == 304);
    CHECK(status("If-Match: " + etag + "\r\n") == 200);
    CHECK(status("If-Match: W/" + etag + "\r\n") == 412);
    CHECK(status("If-Match: *\r\n") == 200);
    CHECK(status("If-Unmodified-Since: " + same + "\r\n") == 200);
    CHECK(status("If-Unmodified-Since: " + before + "\r\n") == 412);
    CHECK(status("If-Match: " + etag + "\r\nIf-Unmodified-Since: " + before + "\r\n") == 200);
    CHECK(field(site.get("/digits.txt", "If-None-Match: *\r\n"), "ETag") == etag);

    put(site.root / "digits.txt", "9876543210");  // as long as before
    CHECK(status("If-None-Match: " + etag + "\r\n") == 200);
}

GROVE_TEST_REAL("one range") {
    Site site;
    const std::string etag = field(site.get("/digits.txt"), "ETag");
    const auto get = [&](const std::string& range, const std::string& more = "") {
        const auto response = site.get("/digits.txt", "Range: " + range + "\r\n" + more);
        return response.substr(9, 3) + " " + field(response, "Content-Range") + " " + body_of(response);
    };
    CHECK(get("bytes=2-4") == "206 bytes 2-4/10 234");
    CHECK(get("bytes=7-") == "206 bytes 7-9/10 789");
    CHECK(get("bytes=-3") == "206 bytes 7-9/10 789");
    CHECK(get("bytes=-30") == "206 bytes 0-9/10 0123456789");
    CHECK(get("Bytes=0-99999999999999999999") == "206 bytes 0-9/10 0123456789");
    CHECK(get("bytes=5-5,20-") == "206 bytes 5-5/10 5");
    CHECK(get("bytes=10-").starts_with("416 bytes */10 "));
    CHECK(get("bytes=4-2").starts_with("416 bytes */10 "));
    CHECK(get("bytes=x").starts_with("416 bytes */10 "));
    CHECK(get("bytes=-0").starts_with("416 bytes */10 "));
    CHECK(get("lines=1-2") == "200  0123456789");
    CHECK(get("bytes=2-4", "If-Range: " + etag + "\r\n") == "206 bytes 2-4/10 234");
    CHECK(get("bytes=2-4", "If-Range: W/" + etag + "\r\n") == "200  0123456789");
    CHECK(get("bytes=2-4", "If-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n") == "206 bytes 2-4/10 234");
    CHECK(get("bytes=2-4", "If-Range: Mon, 07 Nov 1994 08:49:37 GMT\r\n") == "200  0123456789");
    CHECK(site.status("/digits.txt", "Range: bytes=2-4\r\n", "HEAD") == 200);
    CHECK(site.status("/empty", "Range: bytes=0-\r\n") == 416);
}

GROVE_TEST_REAL("several ranges are parts with a boundary; more than the whole is the whole") {
    Site site;
    const auto response = site.get("/digits.txt", "Range: bytes=0-1, 8-9\r\n");
    CHECK(response.starts_with("HTTP/1.1 206 "));
    const std::string type = field(response, "Content-Type");
    REQUIRE(type.starts_with("multipart/byteranges; boundary="));
    const std::string boundary = type.substr(type.find('=') + 1);
    CHECK(body_of(response) ==
          "\r\n--" + boundary +
              "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 0-1/10\r\n\r\n01" +
              "\r\n--" + boundary +
              "\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes 8-9/10\r\n\r\n89" +
              "\r\n--" + boundary + "--\r\n");
    CHECK(field(response, "Content-Length") == std::to_string(body_of(response).size()));

    CHECK(body_of(site.get("/digits.txt", "Range: bytes=0-,0-\r\n")) == "0123456789");
    std::string many = "Range: bytes=0-0";
    for (int i = 0; i < 40; ++i) many += ",0-0";
    CHECK(body_of(site.get("/digits.txt", many + "\r\n")) == "0123456789");
}

GROVE_TEST_REAL("under a prefix, with a type and a cache control of one's own, in a router") {
    Scratch root;
    put(root / "a.odd", "odd");
    grove::http::Router router;
    router.get(
        "/static/{path...}",
        StaticFiles{root.path(),
                    {.prefix = "/static", .cache_control = "max-age=60", .types = {{".odd", "text/odd"}}}});
    TestServer server{std::move(router)};
    const auto response = server.ask("GET /static/a.odd HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(body_of(response) == "odd");
    CHECK(field(response, "Content-Type") == "text/odd");
    CHECK(field(response, "Cache-Control") == "max-age=60");
    CHECK(server.ask("GET /static/none HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 "));
    CHECK(server.ask("GET /a.odd HTTP/1.1\r\nHost: a\r\n\r\n").starts_with("HTTP/1.1 404 "));
}

GROVE_TEST_REAL("a prefix may end in a slash, and is a path or refused at once") {
    Site site{{.prefix = "/a/b/"}};
    CHECK(body_of(site.get("/a/b/digits.txt")) == "0123456789");
    CHECK(body_of(site.get("/a/b/")) == "<p>top");
    CHECK(field(site.get("/a/b/sub"), "Location") == "/a/b/sub/");
    CHECK(site.status("/a/digits.txt") == 404);
    for (const auto prefix : {"static", "/%zz", "http://a/static"})
        CHECK_THROWS_AS((StaticFiles{site.root, {.prefix = prefix}}), std::invalid_argument);
}

GROVE_TEST_REAL("a file that cannot be opened for want of descriptors is not said to be missing") {
    static grove::testing::FaultyOs system;  // outlives the pool threads
    const grove::testing::OsScope scope{system};
    Site site;
    system.fail(grove::testing::Call::open_at, 1, EMFILE);
    CHECK(site.status("/digits.txt") == 500);
    CHECK(site.status("/digits.txt") == 200);
}

GROVE_TEST_REAL("of a large file only so much may wait in the system to be sent") {
    static grove::testing::FaultyOs system;  // outlives the pool threads
    const grove::testing::OsScope scope{system};
    Site site;
    put(site.root / "large.bin", std::string(1'000'000, 'x'));
    const auto options_set_for = [&](std::string_view target) {
        const int before = system.count(grove::testing::Call::set_option);
        CHECK(site.status(target) == 200);
        return system.count(grove::testing::Call::set_option) - before;
    };
    const int usual = options_set_for("/digits.txt");
    CHECK(options_set_for("/large.bin") == usual + 1);  // TCP_NOTSENT_LOWAT
}

GROVE_TEST_REAL("a large file arrives whole, and its tag is weak when it is compressed") {
    Site site{{}, {.compression = grove::http::Compression{}}};
    std::string large(3'000'000, 'x');
    for (std::size_t i = 0; i < large.size(); i += 7) large[i] = static_cast<char>('a' + i % 26);
    put(site.root / "large.bin", large);
    put(site.root / "large.txt", large);
    CHECK(body_of(site.get("/large.bin", "Accept-Encoding: gzip\r\n")) == large);
    const auto compressed = site.get("/large.txt", "Accept-Encoding: gzip\r\n");
    CHECK(field(compressed, "Content-Encoding") == "gzip");
    CHECK(field(compressed, "ETag") == "W/" + field(site.get("/large.txt"), "ETag"));
    CHECK(compressed.size() < large.size() / 4);
}

TEST_SUITE_END();
