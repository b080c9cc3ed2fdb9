#pragma once

#include <grove/net/tls.hpp>

#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct ssl_ctx_st;
struct ssl_session_st;
struct ssl_st;

namespace grove::detail {

struct FreeSsl {
    void operator()(ssl_ctx_st*) const noexcept;
    void operator()(ssl_session_st*) const noexcept;
    void operator()(ssl_st*) const noexcept;
};

using UniqueSslContext = std::unique_ptr<ssl_ctx_st, FreeSsl>;
using UniqueSession = std::unique_ptr<ssl_session_st, FreeSsl>;
using UniqueSsl = std::unique_ptr<ssl_st, FreeSsl>;

/// The sessions a client may resume, one per server: the last one offered. A ticket of TLS 1.3 is used once,
/// so that who watches cannot tell that two connections are the same client's.
class TlsSessions {
public:
    static constexpr std::size_t most = 1024;

    void keep(const std::string& server, UniqueSession);
    [[nodiscard]] UniqueSession find(const std::string& server);

private:
    std::mutex mutex_;  // connections of plain threads share it
    std::unordered_map<std::string, UniqueSession> sessions_;
};

/// Where the sessions go that a connection is offered. OpenSSL holds a pointer to it.
struct TlsSessionPlace {
    std::shared_ptr<TlsContextState> context;
    std::string server;  // host and port; empty: nowhere
};

/// An SSL_CTX and how it was made. reload() makes another and puts it in place; connections keep theirs.
class TlsContextState {
public:
    enum class Verification { on, off };

    TlsContextState(net::TlsClientOptions, Verification);
    explicit TlsContextState(net::TlsServerOptions);

    [[nodiscard]] bool is_client() const noexcept { return options_.index() == 0; }
    [[nodiscard]] bool verifies() const noexcept { return verification_ == Verification::on; }
    /// A new connection, which keeps its sessions in that place.
    [[nodiscard]] UniqueSsl make_connection(TlsSessionPlace&);
    [[nodiscard]] TlsSessions& sessions() noexcept { return sessions_; }
    void reload();

private:
    [[nodiscard]] UniqueSslContext make();
    [[nodiscard]] UniqueSslContext make(const net::TlsClientOptions&);
    [[nodiscard]] UniqueSslContext make(const net::TlsServerOptions&);

    const std::variant<net::TlsClientOptions, net::TlsServerOptions> options_;
    const Verification verification_;
    const std::vector<unsigned char> alpn_;  // as it stands in the handshake
    std::mutex mutex_;                       // guards current_; held for no longer than a look at it
    UniqueSslContext current_;
    TlsSessions sessions_;
};

}  // namespace grove::detail
