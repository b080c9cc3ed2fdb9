#include "http/dialer.hpp"

#include <grove/base/error.hpp>
#include <grove/io/stream.hpp>

#include "http/head_text.hpp"
#include "http/input_buffer.hpp"
#include "http/parser.hpp"
#include "http/time_limit.hpp"

#include <utility>

namespace grove::detail {

HttpDialer::HttpDialer(const http::ClientOptions& options)
    : options_{options}, proxies_{options.proxy}, tls_{options.tls} {}

std::optional<Transport> HttpDialer::dial(const HttpUrl& url, std::error_code& ec, Deadline by) {
    const TimeLimit limit{options_.connect_timeout, http::ClientErrc::connect_timed_out, by};
    net::Socket socket = connect(url, ec, limit.by());
    std::optional<Transport> result;
    if (!ec && url.secure) {
        auto secure = net::TlsSocket::client(std::move(socket), tls(), url.host, ec, limit.by());
        if (!ec) result.emplace(std::move(secure));
    } else if (!ec) {
        result.emplace(std::move(socket));
    }
    limit.name_it(ec);
    return result;
}

const HttpUrl* HttpDialer::forwarder(const HttpUrl& url) const noexcept {
    return url.secure || options_.connect_to ? nullptr : proxies_.for_url(url);
}

net::Socket HttpDialer::connect(const HttpUrl& url, std::error_code& ec, Deadline by) const {
    if (options_.connect_to) return net::Socket::connect(*options_.connect_to, ec, by);
    const HttpUrl* const proxy = proxies_.for_url(url);
    const HttpUrl& next = proxy ? *proxy : url;
    net::Socket socket = net::Socket::connect(next.host, next.port, ec, by);
    if (!ec && proxy && url.secure) tunnel(socket, *proxy, url, ec, by);
    return socket;
}

void HttpDialer::tunnel(
    net::Socket& socket, const HttpUrl& proxy, const HttpUrl& url, std::error_code& ec, Deadline by) const {
    const std::string target = url.host_and_port();
    std::string head = "CONNECT " + target + " HTTP/1.1\r\n";
    append_field(head, "Host", target);
    if (!proxy.credentials.empty()) {
        append_field(head, "Proxy-Authorization", basic_credentials(proxy.credentials));
    }
    head += "\r\n";
    grove::write(socket, std::string_view{head}, ec, by);
    if (ec) return;

    http::Response answer;
    InputBuffer input;
    const auto parser = make_response_parser(options_.max_header_bytes);
    parser->start(answer, true);
    for (auto step = HttpParser::Step::need_more; step == HttpParser::Step::need_more;) {
        const std::size_t n = socket.read_some(input.make_room(options_.max_header_bytes), ec, by);
        if (!ec && n == 0) ec = Errc::eof;
        if (ec) return;
        input.commit(n);
        const auto [next, consumed] = parser->parse_head(input.bytes());
        input.consume(consumed);
        step = next;
        if (step == HttpParser::Step::fault) ec = Errc::bad_message;
    }
    if (ec) return;
    if (answer.status / 100 != 2)
        ec = http::ClientErrc::proxy_refused;
    else if (!input.empty())
        ec = Errc::bad_message;  // the host cannot have spoken before us
}

const net::TlsContext& HttpDialer::tls() {
    if (!tls_) tls_ = net::TlsContext::client({.alpn = {"http/1.1"}});
    return *tls_;
}

}  // namespace grove::detail
