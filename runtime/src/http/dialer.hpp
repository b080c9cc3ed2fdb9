#pragma once

#include <grove/http/client.hpp>

#include "http/proxy.hpp"
#include "http/transport.hpp"
#include "http/url.hpp"

#include <optional>
#include <system_error>

namespace grove::detail {

/// Makes a client's connections: directly or by a proxy, under TLS for https.
class HttpDialer {
public:
    explicit HttpDialer(const http::ClientOptions&);

    /// nullopt if ec is set. Blocks.
    [[nodiscard]] std::optional<Transport> dial(const HttpUrl&, std::error_code& ec, Deadline by);
    /// The proxy that requests for this URL are sent to as they are. For https there is none: its proxy only
    /// passes bytes on.
    [[nodiscard]] const HttpUrl* forwarder(const HttpUrl&) const noexcept;

private:
    [[nodiscard]] net::Socket connect(const HttpUrl&, std::error_code& ec, Deadline by) const;
    void tunnel(net::Socket&, const HttpUrl& proxy, const HttpUrl&, std::error_code& ec, Deadline by) const;
    [[nodiscard]] const net::TlsContext& tls();

    const http::ClientOptions& options_;
    const ProxyChoice proxies_;
    std::optional<net::TlsContext> tls_;  // made when it is needed: it reads the system's certificates
};

}  // namespace grove::detail
