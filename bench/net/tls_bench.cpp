#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/tls.hpp>

#include "support/bench.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

using grove::net::Endpoint;
using grove::net::IpAddress;
using grove::net::Listener;
using grove::net::Socket;
using grove::net::TlsContext;
using grove::net::TlsSocket;

/// A certificate for localhost, signed by itself, and its key (ECDSA, P-256), in one file that goes at the
/// end.
class Identity {
public:
    Identity() {
        EVP_PKEY* const key = EVP_EC_gen("P-256");
        X509* const x = X509_new();
        X509_set_version(x, 2);
        X509_gmtime_adj(X509_getm_notBefore(x), -3600);
        X509_gmtime_adj(X509_getm_notAfter(x), 86400);
        X509_set_pubkey(x, key);
        X509_EXTENSION* const names =
            X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
        X509_add_ext(x, names, -1);
        X509_EXTENSION_free(names);
        X509_sign(x, key, EVP_sha256());
        std::FILE* const out = ::fdopen(::mkstemp(file_.data()), "w");
        PEM_write_X509(out, x);
        PEM_write_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(out);
        X509_free(x);
        EVP_PKEY_free(key);
    }
    Identity(const Identity&) = delete;
    Identity& operator=(const Identity&) = delete;
    ~Identity() { std::filesystem::remove(file_); }

    [[nodiscard]] const std::string& file() const noexcept { return file_; }

private:
    std::string file_ = (std::filesystem::temp_directory_path() / "grove_tls_XXXXXX").string();
};

/// A server and a client that know each other, and connections between them.
class Peers {
public:
    [[nodiscard]] std::pair<Socket, Socket> connect() {
        auto client = Socket::connect(listener_.local());
        auto server = listener_.accept();
        return {std::move(client), std::move(server)};
    }
    [[nodiscard]] std::pair<TlsSocket, TlsSocket> shake_hands(const TlsContext& client) {
        auto [plain_client, plain_server] = connect();
        TlsSocket server;
        auto other = grove::spawn(
            [&, &plain = plain_server] { server = TlsSocket::server(std::move(plain), server_); });
        auto done = TlsSocket::client(std::move(plain_client), client, "localhost");
        other.join();
        return {std::move(done), std::move(server)};
    }
    [[nodiscard]] TlsContext client() const {
        return TlsContext::client({.ca_file = identity_.file(), .use_system_store = false});
    }

private:
    Identity identity_;
    TlsContext server_ = TlsContext::server({.certificate_file = identity_.file()});
    Listener listener_ = Listener::bind(Endpoint{IpAddress::loopback(), 0});
};

constexpr std::size_t message = 4096;

template <class Stream>
void echo_rounds(benchmark::State& state, Stream& client, Stream& server) {
    auto partner = grove::spawn([&] {
        std::array<std::byte, message> buffer;
        std::error_code ec;
        while (grove::read(server, buffer, ec) == message) grove::write(server, buffer);
    });
    std::array<std::byte, message> buffer{};
    {
        Counted counted{state};
        for (auto _ : state) {
            grove::write(client, buffer);
            grove::read(client, buffer);
        }
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * 2 * message));
    client.close();
    partner.join();
}

/// One way, as fast as it goes, in pieces of 64 KiB.
template <class Stream>
void stream_rounds(benchmark::State& state, Stream& client, Stream& server) {
    constexpr std::size_t piece = 64 * 1024;
    auto partner = grove::spawn([&] {
        std::vector<std::byte> buffer(piece);
        std::error_code ec;
        while (server.read_some(buffer, ec) > 0) {
        }
    });
    const std::vector<std::byte> buffer(piece);
    {
        Counted counted{state};
        for (auto _ : state) grove::write(client, buffer);
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * piece));
    client.close();
    partner.join();
}

}  // namespace

// The floor of the next: 4 KiB there and back between two greenlets, without TLS.
void tls_echo_plain(benchmark::State& state) {
    auto [client, server] = Peers{}.connect();
    echo_rounds(state, client, server);
}
GROVE_BENCHMARK(tls_echo_plain);

// Both ends are in this process: two records are encrypted and two decrypted.
void tls_echo(benchmark::State& state) {
    Peers peers;
    auto [client, server] = peers.shake_hands(peers.client());
    echo_rounds(state, client, server);
}
GROVE_BENCHMARK(tls_echo);

void tls_stream_plain(benchmark::State& state) {
    auto [client, server] = Peers{}.connect();
    stream_rounds(state, client, server);
}
GROVE_BENCHMARK(tls_stream_plain);

void tls_stream(benchmark::State& state) {
    Peers peers;
    auto [client, server] = peers.shake_hands(peers.client());
    stream_rounds(state, client, server);
}
GROVE_BENCHMARK(tls_stream);

// A TCP connection and a full handshake, ECDSA P-256; both ends are in this process.
void tls_handshake(benchmark::State& state) {
    Peers peers;
    const auto client = peers.client();
    for (auto _ : state) {
        auto ends = peers.shake_hands(client);  // no ticket is ever read
    }
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
GROVE_BENCHMARK(tls_handshake)->Iterations(500);

// The same with the ticket of the one before: no certificate is sent, and nothing signed.
void tls_handshake_resumed(benchmark::State& state) {
    Peers peers;
    const auto client = peers.client();
    std::array<std::byte, 1> byte{};
    std::int64_t resumed = 0;
    for (auto _ : state) {
        auto [ours, theirs] = peers.shake_hands(client);
        resumed += ours.session_reused() ? 1 : 0;
        theirs.write_some(byte);
        ours.read_some(byte);  // behind the ticket for the next
    }
    if (resumed + 1 < static_cast<std::int64_t>(state.iterations())) state.SkipWithError("not resumed");
    state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}
GROVE_BENCHMARK(tls_handshake_resumed)->Iterations(500);
