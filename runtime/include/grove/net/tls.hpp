#pragma once

#include <grove/base/time.hpp>
#include <grove/net/socket.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace grove::detail {
class TlsContextState;
class TlsState;
}  // namespace grove::detail

namespace grove::net {

/// Why a peer's certificate was refused, in certificate_category(). The numbers are OpenSSL's X509_V_ERR_*;
/// rarer ones than these occur as well.
enum class CertificateErrc {
    not_yet_valid = 9,
    expired = 10,
    self_signed = 18,           ///< the peer's own certificate is, and is not among the trusted ones
    self_signed_in_chain = 19,  ///< the chain ends in a root that is not trusted
    unknown_issuer = 20,        ///< the issuer's certificate is neither sent nor trusted
    revoked = 23,
    host_mismatch = 62,  ///< it is another host's
    ip_mismatch = 64,    ///< it does not name the address that was connected to
};

[[nodiscard]] const std::error_category& certificate_category() noexcept;
[[nodiscard]] std::error_code make_error_code(CertificateErrc) noexcept;

/// All other failures of TLS: the values are OpenSSL's error codes, the messages its reasons. Those of the
/// connection below keep their errno; Errc::eof is an end of that connection without TLS's own end before it.
[[nodiscard]] const std::error_category& tls_category() noexcept;

struct TlsClientOptions {
    std::string ca_file{};            ///< PEM: trusted as well; empty: none
    std::string ca_directory{};       ///< the same, one per file, named by `openssl rehash`
    bool use_system_store = true;     ///< trust what the system trusts
    std::string certificate_file{};   ///< PEM, for servers that ask who we are; its issuers may follow
    std::string key_file{};           ///< PEM without pass phrase; empty: it is in the certificate's file
    std::vector<std::string> alpn{};  ///< protocols to offer, the preferred first
};

enum class ClientCertificate { not_asked, optional, required };

struct TlsServerOptions {
    std::string certificate_file{};   ///< PEM: the server's, then those that lead to the root
    std::string key_file{};           ///< PEM without pass phrase; empty: it is in the certificate's file
    std::vector<std::string> alpn{};  ///< the preferred first; a client that offers none of them is refused
    ClientCertificate client_certificate = ClientCertificate::not_asked;
    std::string client_ca_file{};  ///< PEM: who signs the clients' certificates
};

/// What connections have in common: certificates, whom to trust, sessions to resume. At least TLS 1.2;
/// ciphers are OpenSSL's defaults. A handle: copies are the same context. The factories throw
/// std::system_error, which names the file and OpenSSL's reason. They read files on the native pool. Block.
class TlsContext {
public:
    /// Verifies the server's certificate and name. Remembers sessions of up to 1,024 servers.
    static TlsContext client(const TlsClientOptions& = {});
    /// Talks to anybody who says to be the host: for tests, and for peers that are known by other means.
    static TlsContext client_without_verification(const TlsClientOptions& = {});
    static TlsContext server(const TlsServerOptions&);

    /// Reads the files again, for connections made from now on. Sessions can be resumed across it, but those
    /// of verified clients. If it throws, everything is as before. **Any thread.** Blocks.
    void reload();

private:
    friend class TlsSocket;
    explicit TlsContext(std::shared_ptr<detail::TlsContextState>) noexcept;

    std::shared_ptr<detail::TlsContextState> state_;
};

/// A connection under TLS, of which the handshake is done. Satisfies ReadStream and WriteStream. One greenlet
/// may read while another writes, as with Socket; plain threads may only if they hold the Gil. A server:
///
///     StreamServer server{endpoint, [context](Socket plain, const Endpoint&) {
///         auto socket = TlsSocket::server(std::move(plain), context, 10s);  // in the connection's greenlet
///         ...
///         socket.shutdown(10s);
///     }};
class TlsSocket {
public:
    TlsSocket() noexcept;
    TlsSocket(TlsSocket&&) noexcept;
    TlsSocket& operator=(TlsSocket&&) noexcept;
    ~TlsSocket();  ///< close()

    /// Connects, names the host to the server (SNI), makes the handshake and checks that the certificate is
    /// the host's: a name or an address. The deadline is for all of it. Blocks.
    static TlsSocket connect(std::string_view host, std::uint16_t port, const TlsContext&, Deadline = {});
    static TlsSocket connect(std::string_view host,
                             std::uint16_t port,
                             const TlsContext&,
                             std::error_code& ec,
                             Deadline = {});  ///< Blocks.
    /// The same over a connection that exists. A failed handshake closes it. Blocks.
    static TlsSocket client(Socket, const TlsContext&, std::string_view host, Deadline = {});
    static TlsSocket client(
        Socket, const TlsContext&, std::string_view host, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// The server's side. A failed handshake closes the connection. Blocks.
    static TlsSocket server(Socket, const TlsContext&, Deadline = {});
    static TlsSocket server(Socket, const TlsContext&, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// At least one byte; 0 when the peer said that it has finished. Errc::eof if the connection ended
    /// without that: what came may not be all. Blocks.
    std::size_t read_some(std::span<std::byte> into, Deadline = {});
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline = {});  ///< Blocks.
    /// At least one byte, at most 32 KiB. What is encrypted when the time runs out counts as written: the
    /// next call sends it first. Blocks.
    std::size_t write_some(std::span<const std::byte> from, Deadline = {});
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline = {});  ///< Blocks.

    /// Says that we have finished (close_notify); reading goes on. Without it the peer takes what it got for
    /// cut off. Blocks.
    void shutdown(Deadline = {});
    void shutdown(std::error_code& ec, Deadline = {});  ///< Blocks.
    /// Closes the connection as it is. Greenlets blocked on it leave with Errc::closed.
    void close() noexcept;

    [[nodiscard]] explicit operator bool() const noexcept { return state_ != nullptr; }

    // Requires: not closed.
    [[nodiscard]] std::string alpn() const;         ///< the protocol agreed on; empty: none
    [[nodiscard]] std::string protocol() const;     ///< "TLSv1.3"
    [[nodiscard]] std::string cipher() const;       ///< "TLS_AES_256_GCM_SHA384"
    [[nodiscard]] std::string server_name() const;  ///< what the client asked for (SNI); may be empty
    /// As RFC 2253 has it ("CN=example.org,O=Example"); empty if the peer has no certificate.
    [[nodiscard]] std::string peer_certificate_subject() const;
    [[nodiscard]] bool session_reused() const;
    [[nodiscard]] const Socket& socket() const;  ///< for its addresses

private:
    explicit TlsSocket(std::shared_ptr<detail::TlsState>) noexcept;

    std::shared_ptr<detail::TlsState>
        state_;  // shared with the calls under way, which close() must not pull away
};

}  // namespace grove::net

template <>
struct std::is_error_code_enum<grove::net::CertificateErrc> : std::true_type {};
