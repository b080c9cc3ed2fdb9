#include "net/tls_context.hpp"

#include <grove/base/error.hpp>
#include <grove/core/offload.hpp>

#include "net/tls_error.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <filesystem>
#include <new>
#include <utility>

namespace grove {

namespace detail {

void FreeSsl::operator()(ssl_ctx_st* context) const noexcept {
    SSL_CTX_free(context);
}
void FreeSsl::operator()(ssl_session_st* session) const noexcept {
    SSL_SESSION_free(session);
}
void FreeSsl::operator()(ssl_st* ssl) const noexcept {
    SSL_free(ssl);
}

// --- Sessions -------------------------------------------------------------------------------------

void TlsSessions::keep(const std::string& server, UniqueSession session) {
    const std::scoped_lock held{mutex_};
    if (sessions_.size() >= most && !sessions_.contains(server)) sessions_.erase(sessions_.begin());
    sessions_[server] = std::move(session);
}

UniqueSession TlsSessions::find(const std::string& server) {
    const std::scoped_lock held{mutex_};
    const auto found = sessions_.find(server);
    if (found == sessions_.end()) return nullptr;
    if (SSL_SESSION_get_protocol_version(found->second.get()) >= TLS1_3_VERSION) {
        auto session = std::move(found->second);
        sessions_.erase(found);
        return session;
    }
    SSL_SESSION_up_ref(found->second.get());
    return UniqueSession{found->second.get()};
}

namespace {

/// OpenSSL calls it, so nothing may be thrown. The result says whether we keep our reference.
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
    const auto* const place = static_cast<TlsSessionPlace*>(SSL_get_app_data(ssl));
    if (place->server.empty()) return 0;
    SSL_SESSION_up_ref(session);
    UniqueSession ours{session};
    try {
        place->context->sessions().keep(place->server, std::move(ours));
    } catch (const std::bad_alloc&) {
        // It is not kept.
    }
    return 0;
}

// --- Making an SSL_CTX ----------------------------------------------------------------------------

/// OpenSSL would ask for the pass phrase on the terminal, and hold up everybody.
int no_pass_phrase(char*, int, int, void*) noexcept {
    return 0;
}

int choose_alpn(SSL*,
                const unsigned char** chosen,
                unsigned char* size,
                const unsigned char* offered,
                unsigned int offered_size,
                void* ours) noexcept {
    const auto& alpn = *static_cast<const std::vector<unsigned char>*>(ours);
    unsigned char* found = nullptr;
    const int result = SSL_select_next_proto(
        &found, size, alpn.data(), static_cast<unsigned>(alpn.size()), offered, offered_size);
    *chosen = found;
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

std::vector<unsigned char> alpn_list(const std::vector<std::string>& protocols) {
    std::vector<unsigned char> list;
    for (const auto& protocol : protocols) {
        if (protocol.empty() || protocol.size() > 255) {
            throw std::system_error{std::make_error_code(std::errc::invalid_argument),
                                    "ALPN protocol '" + protocol + "'"};
        }
        list.push_back(static_cast<unsigned char>(protocol.size()));
        list.insert(list.end(), protocol.begin(), protocol.end());
    }
    return list;
}

UniqueSslContext make_context(const SSL_METHOD* method) {
    ERR_clear_error();
    UniqueSslContext context{SSL_CTX_new(method)};
    if (!context) throw_tls_error("TLS context");
    SSL_CTX* const raw = context.get();
    if (SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION) != 1) throw_tls_error("TLS 1.2 as the minimum");
    // Nobody needs renegotiation, and with it SSL_write could want to read.
    SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_mode(raw, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_default_passwd_cb(raw, &no_pass_phrase);
    return context;
}

void use_certificate(SSL_CTX* context, const std::string& certificate, const std::string& key_file) {
    const std::string& key = key_file.empty() ? certificate : key_file;
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
        throw_tls_error("TLS certificate " + certificate);
    // Fails, too, if it is another certificate's.
    if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
        throw_tls_error("TLS key " + key);
}

void trust_file(SSL_CTX* context, const std::string& file) {
    ERR_clear_error();
    if (SSL_CTX_load_verify_file(context, file.c_str()) != 1) throw_tls_error("TLS authorities " + file);
}

void trust_directory(SSL_CTX* context, const std::string& directory) {
    // OpenSSL reads it when it looks for a certificate, and takes one that does not exist for an empty one.
    std::error_code ec;
    if (!std::filesystem::is_directory(directory, ec)) {
        if (!ec) ec = std::make_error_code(std::errc::not_a_directory);
        throw std::system_error{ec, "TLS authorities " + directory};
    }
    ERR_clear_error();
    if (SSL_CTX_load_verify_dir(context, directory.c_str()) != 1)
        throw_tls_error("TLS authorities " + directory);
}

const std::vector<std::string>& alpn_of(
    const std::variant<net::TlsClientOptions, net::TlsServerOptions>& options) {
    return std::visit([](const auto& known) -> const std::vector<std::string>& { return known.alpn; },
                      options);
}

}  // namespace

// --- TlsContextState ------------------------------------------------------------------------------

TlsContextState::TlsContextState(net::TlsClientOptions options, Verification verification)
    : options_{std::move(options)},
      verification_{verification},
      alpn_{alpn_list(alpn_of(options_))},
      current_{offload([this] { return make(); })} {}

TlsContextState::TlsContextState(net::TlsServerOptions options)
    : options_{std::move(options)},
      verification_{Verification::off},
      alpn_{alpn_list(alpn_of(options_))},
      current_{offload([this] { return make(); })} {}

UniqueSslContext TlsContextState::make() {
    return std::visit([this](const auto& options) { return make(options); }, options_);
}

UniqueSslContext TlsContextState::make(const net::TlsClientOptions& options) {
    UniqueSslContext context = make_context(TLS_client_method());
    SSL_CTX* const raw = context.get();
    SSL_CTX_set_verify(raw, verifies() ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    if (options.use_system_store && SSL_CTX_set_default_verify_paths(raw) != 1)
        throw_tls_error("TLS authorities of the system");
    if (!options.ca_file.empty()) trust_file(raw, options.ca_file);
    if (!options.ca_directory.empty()) trust_directory(raw, options.ca_directory);
    if (!options.certificate_file.empty()) use_certificate(raw, options.certificate_file, options.key_file);
    if (!alpn_.empty() &&
        SSL_CTX_set_alpn_protos(raw, alpn_.data(), static_cast<unsigned>(alpn_.size())) != 0)
        throw_tls_error("ALPN");
    SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(raw, &keep_session);
    return context;
}

UniqueSslContext TlsContextState::make(const net::TlsServerOptions& options) {
    UniqueSslContext context = make_context(TLS_server_method());
    SSL_CTX* const raw = context.get();
    use_certificate(raw, options.certificate_file, options.key_file);
    if (options.client_certificate != net::ClientCertificate::not_asked) {
        const bool required = options.client_certificate == net::ClientCertificate::required;
        SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
        trust_file(raw, options.client_ca_file);
        SSL_CTX_set_client_CA_list(raw, SSL_load_client_CA_file(options.client_ca_file.c_str()));
    }
    if (!alpn_.empty())
        SSL_CTX_set_alpn_select_cb(raw, &choose_alpn, const_cast<std::vector<unsigned char>*>(&alpn_));
    // Sessions are in the clients' tickets; the cache is for those of TLS 1.2 that know no tickets. Without
    // an id of the context OpenSSL resumes no session for which the client had to show a certificate.
    constexpr unsigned char id[] = {'g', 'r', 'o', 'v', 'e'};
    constexpr long most_sessions = 1024;
    if (SSL_CTX_set_session_id_context(raw, id, sizeof id) != 1) throw_tls_error("TLS session id context");
    SSL_CTX_sess_set_cache_size(raw, most_sessions);
    return context;
}

UniqueSsl TlsContextState::make_connection(TlsSessionPlace& place) {
    ERR_clear_error();
    UniqueSsl ssl;
    {
        const std::scoped_lock held{mutex_};
        ssl.reset(SSL_new(current_.get()));  // which holds its SSL_CTX from now on
    }
    if (!ssl) throw_tls_error("TLS connection");
    SSL_set_app_data(ssl.get(), &place);
    return ssl;
}

void TlsContextState::reload() {
    UniqueSslContext made = offload([this] { return make(); });
    const std::scoped_lock held{mutex_};
    const auto* const server = std::get_if<net::TlsServerOptions>(&options_);
    if (server && server->client_certificate == net::ClientCertificate::not_asked) {
        // The keys that encrypt the tickets go along, or every client would need a full handshake. But not
        // where a ticket says that a client was verified: it may be no longer.
        std::array<unsigned char, 80> keys{};
        if (SSL_CTX_get_tlsext_ticket_keys(current_.get(), keys.data(), keys.size()) != 1 ||
            SSL_CTX_set_tlsext_ticket_keys(made.get(), keys.data(), keys.size()) != 1) {
            throw_tls_error("TLS ticket keys");
        }
    }
    std::swap(current_, made);
}

}  // namespace detail

namespace net {

using detail::TlsContextState;
using Verification = TlsContextState::Verification;

TlsContext::TlsContext(std::shared_ptr<TlsContextState> state) noexcept : state_{std::move(state)} {}

TlsContext TlsContext::client(const TlsClientOptions& options) {
    return TlsContext{std::make_shared<TlsContextState>(options, Verification::on)};
}

TlsContext TlsContext::client_without_verification(const TlsClientOptions& options) {
    return TlsContext{std::make_shared<TlsContextState>(options, Verification::off)};
}

TlsContext TlsContext::server(const TlsServerOptions& options) {
    return TlsContext{std::make_shared<TlsContextState>(options)};
}

void TlsContext::reload() {
    state_->reload();
}

}  // namespace net
}  // namespace grove
