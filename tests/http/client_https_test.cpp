#include <grove/core/greenlet.hpp>
#include <grove/http/client.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/tls.hpp>
#include <grove/sync/group.hpp>

#include "http/proxy.hpp"
#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"

#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

using grove::http::Client;
using grove::http::ClientErrc;
using grove::http::ClientOptions;
using grove::http::Headers;
using grove::testing::any_port;
using grove::testing::patience;

namespace {

/// Answers under TLS with what it was asked. `sessions` tells of each connection whether its session is an
/// earlier one's.
class SecureServer {
public:
    explicit SecureServer(grove::net::TlsContext context) : context_{std::move(context)} {
        acceptor_ = grove::spawn([this] {
            for (;;)
                conversations_.spawn(
                    [this, plain = listener.accept()]() mutable { serve(std::move(plain)); });
        });
    }
    ~SecureServer() {
        acceptor_.kill();
        acceptor_.join();
    }

    std::string url(std::string_view path) const {
        return "https://localhost:" + std::to_string(listener.local().port()) + std::string{path};
    }

    grove::net::Listener listener = grove::net::Listener::bind(any_port);
    std::vector<bool> reused;
    std::string names;

private:
    void serve(grove::net::Socket plain) {
        std::error_code ec;
        auto socket = grove::net::TlsSocket::server(std::move(plain), context_, ec, patience);
        if (ec) return;
        reused.push_back(socket.session_reused());
        names += socket.server_name() + " " + socket.alpn();
        grove::BufferedReader reader{socket};
        for (;;) {
            const std::string head{reader.read_until("\r\n\r\n", ec, patience)};
            if (ec) return;
            const bool last = head.find("Connection: close") != std::string::npos;
            const std::string body = head.substr(0, head.find("\r\n"));
            grove::write(
                socket,
                "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body,
                patience);
            if (last) return socket.shutdown(patience);
        }
    }

    grove::net::TlsContext context_;
    grove::Group conversations_;
    grove::Greenlet<void> acceptor_;
};

ClientOptions trusting_options() {
    auto tls = grove::testing::trusting();
    tls.alpn = {"http/1.1"};
    return {.tls = grove::net::TlsContext::client(tls), .proxy = ""};
}

grove::net::TlsContext server_context() {
    const auto& files = grove::testing::good_files();
    return grove::net::TlsContext::server(
        {.certificate_file = files.certificate, .key_file = files.key, .alpn = {"http/1.1"}});
}

/// A proxy: passes bytes on for CONNECT, and answers other requests itself with what it was asked.
class Proxy {
public:
    Proxy() {
        acceptor_ = grove::spawn([this] {
            for (;;) conversations_.spawn([this, peer = listener.accept()]() mutable { serve(peer); });
        });
    }
    ~Proxy() {
        acceptor_.kill();
        acceptor_.join();
    }

    std::string url(std::string_view user = "") const {
        return "http://" + std::string{user} + listener.local().to_string();
    }

    grove::net::Listener listener = grove::net::Listener::bind(any_port);
    std::vector<std::string> heads;
    std::string refusal;

private:
    void serve(grove::net::Socket& peer) {
        std::string head;
        while (!head.ends_with("\r\n\r\n")) {
            std::byte next[1];
            std::error_code ec;
            if (peer.read_some(next, ec, patience) == 0) return;
            head += static_cast<char>(next[0]);
        }
        heads.push_back(head);
        if (!refusal.empty()) return grove::write(peer, std::string_view{refusal}, patience);
        if (!head.starts_with("CONNECT ")) {
            return grove::write(
                peer, std::string_view{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nproxy"}, patience);
        }
        const auto colon = head.find(':');
        const auto port = static_cast<std::uint16_t>(std::stoi(head.substr(colon + 1)));
        auto host = grove::net::Socket::connect("localhost", port, patience);
        grove::write(peer, std::string_view{"HTTP/1.1 200 Connection established\r\n\r\n"}, patience);
        grove::Group back;  // ends before its sockets, also if this is killed
        back.spawn([&] { pass(host, peer); });
        pass(peer, host);
        back.join();
    }
    static void pass(grove::net::Socket& from, grove::net::Socket& to) {
        std::array<std::byte, 4096> buffer;
        std::error_code ec;
        while (const auto n = from.read_some(buffer, ec)) grove::write(to, std::span{buffer}.first(n), ec);
        to.shutdown(grove::net::Side::write, ec);
    }

    grove::Group conversations_;
    grove::Greenlet<void> acceptor_;
};

/// An environment variable as long as it lives.
class Variable {
public:
    Variable(const char* name, const std::string& value) : name_{name} { ::setenv(name, value.c_str(), 1); }
    Variable(const Variable&) = delete;
    Variable& operator=(const Variable&) = delete;
    ~Variable() { ::unsetenv(name_); }

private:
    const char* name_;
};

bool goes_by_proxy(const std::optional<std::string>& option, std::string_view url) {
    std::error_code ec;
    const auto parsed = grove::detail::parse_http_url(url, ec);
    REQUIRE_FALSE(ec);
    return grove::detail::ProxyChoice{option}.for_url(parsed) != nullptr;
}

}  // namespace

TEST_SUITE_BEGIN("http/client_https");

GROVE_TEST_REAL("https names its host, keeps the connection, and resumes the session on the next") {
    SecureServer server{server_context()};
    Client client{trusting_options()};
    CHECK(client.get(server.url("/a"), patience).body == "GET /a HTTP/1.1");
    CHECK(client.get(server.url("/b"), patience).body == "GET /b HTTP/1.1");
    CHECK(server.reused == std::vector<bool>{false});
    CHECK(server.names == "localhost http/1.1");

    Headers close;
    close.set("Connection", "close");
    client.request("GET", server.url("/"), close, {}, patience);
    client.get(server.url("/"), patience);
    CHECK(server.reused == std::vector<bool>{false, true});
}

GROVE_TEST_REAL("a certificate that nobody trusts, or another host's, is refused") {
    SecureServer server{server_context()};
    std::error_code ec;
    (void)Client{{.proxy = ""}}.get(server.url("/"), ec, patience);
    CHECK(ec.category() == grove::net::certificate_category());

    SecureServer other{grove::testing::server_with(
        grove::testing::authority().issue("other", {.name = "other", .alternatives = "DNS:other"}))};
    (void)Client{trusting_options()}.get(other.url("/"), ec, patience);
    CHECK(ec == grove::net::CertificateErrc::host_mismatch);
}

// --- proxies --------------------------------------------------------------------------------------

GROVE_TEST_REAL("http goes to the proxy, https through it") {
    SecureServer server{server_context()};
    Proxy proxy;
    auto options = trusting_options();
    options.proxy = proxy.url("me:secret@");
    Client client{options};
    CHECK(client.get("http://example.org/x?y", patience).body == "proxy");
    CHECK(client.get(server.url("/a"), patience).body == "GET /a HTTP/1.1");
    CHECK(client.get(server.url("/b"), patience).body == "GET /b HTTP/1.1");

    const std::string credentials = "Proxy-Authorization: Basic bWU6c2VjcmV0\r\n";
    REQUIRE(proxy.heads.size() == 2);
    CHECK(proxy.heads[0].starts_with("GET http://example.org/x?y HTTP/1.1\r\nHost: example.org\r\n"));
    const std::string to = "localhost:" + std::to_string(server.listener.local().port());
    CHECK(proxy.heads[1] == "CONNECT " + to + " HTTP/1.1\r\nHost: " + to + "\r\n" + credentials + "\r\n");
    CHECK(proxy.heads[0].find(credentials) != std::string::npos);
}

GROVE_TEST_REAL("a proxy that refuses, or answers nonsense, is an error of its own") {
    Proxy proxy;
    Client client{{.proxy = proxy.url()}};
    std::error_code ec;
    proxy.refusal = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    (void)client.get("https://example.org/", ec, patience);
    CHECK(ec == ClientErrc::proxy_refused);
    proxy.refusal = "SSH-2.0\r\n\r\n";
    (void)client.get("https://example.org/", ec, patience);
    CHECK(ec == grove::Errc::bad_message);
}

TEST_CASE("the environment names proxies as curl reads it") {
    CHECK_FALSE(goes_by_proxy(std::nullopt, "http://a/"));
    {
        const Variable upper{"HTTP_PROXY", "http://p:1"};  // a CGI program's client may set that one
        CHECK_FALSE(goes_by_proxy(std::nullopt, "http://a/"));
    }
    const Variable plain{"http_proxy", "p:1"};
    CHECK(goes_by_proxy(std::nullopt, "http://a/"));
    CHECK_FALSE(goes_by_proxy(std::nullopt, "https://a/"));
    CHECK_FALSE(goes_by_proxy("", "http://a/"));
    const Variable secure{"HTTPS_PROXY", "http://p:1"};
    CHECK(goes_by_proxy(std::nullopt, "https://a/"));

    const Variable none{"no_proxy", "example.org, .local 127.0.0.1"};
    for (const char* url :
         {"http://example.org/", "http://www.EXAMPLE.org/", "http://a.local/", "http://127.0.0.1/"})
        CHECK_FALSE(goes_by_proxy(std::nullopt, url));
    for (const char* url : {"http://notexample.org/", "http://org/", "http://a/"})
        CHECK(goes_by_proxy(std::nullopt, url));
    CHECK_THROWS_WITH_AS(Client{{.proxy = "socks5://p:1"}},
                         "http: the proxy of ClientOptions::proxy is not like http://host:port",
                         std::invalid_argument);
}

GROVE_TEST_REAL("connect_to goes to a Unix socket, whatever the host") {
    auto listener = grove::net::Listener::bind(grove::net::Endpoint::unix_path("@grove-client-test"));
    std::string head;
    auto server = grove::spawn([&] {
        auto peer = listener.accept(patience);
        grove::BufferedReader reader{peer};
        head = reader.read_until("\r\n\r\n", patience);
        grove::write(peer, std::string_view{"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nunix"}, patience);
    });
    Client client{{.connect_to = listener.local()}};
    CHECK(client.get("http://example.org/", patience).body == "unix");
    server.join();
    CHECK(head.starts_with("GET / HTTP/1.1\r\nHost: example.org\r\n"));
}

TEST_SUITE_END();
