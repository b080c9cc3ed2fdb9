// Whom a connection trusts, and what its ends agree on.

#include <grove/net/tls.hpp>

#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"
#include "support/thrown.hpp"

#include <filesystem>
#include <fstream>
#include <ostream>

using namespace grove::testing;
using grove::net::CertificateErrc;
using grove::net::ClientCertificate;
using grove::net::Listener;
using grove::net::TlsClientOptions;
using grove::net::TlsContext;
using grove::net::TlsSocket;

namespace {

std::error_code refusal(const Files& files, std::string_view host = "localhost") {
    auto made = shake_hands(TlsContext::client(trusting()), server_with(files), host);
    CHECK_FALSE(made.client);
    CHECK_FALSE(made.server);
    CHECK(made.server_ec.category() == grove::net::tls_category());  // the alert
    return made.client_ec;
}

std::string folder() {
    return Authority::folder().string();
}

}  // namespace

TEST_SUITE_BEGIN("net/tls_context");

// --- Certificates of servers ----------------------------------------------------------------------

GROVE_TEST_REAL("a certificate is good for its names and addresses") {
    const auto context = TlsContext::client(trusting());
    for (const auto* host : {"localhost", "LOCALHOST", "localhost.", "127.0.0.1"}) {
        const auto made = shake_hands(context, good_server(), host);
        CHECK_MESSAGE(!made.client_ec, made.client_ec.message());
        CHECK_MESSAGE(!made.server_ec, made.server_ec.message());
    }
}

GROVE_TEST_REAL("another host's certificate is refused") {
    CHECK(refusal(good_files(), "example.org") == CertificateErrc::host_mismatch);
    CHECK(refusal(good_files(), "127.0.0.2") == CertificateErrc::ip_mismatch);
    CHECK(refusal(good_files(), "::1") == CertificateErrc::ip_mismatch);
    const auto wild = authority().issue("wild", {.alternatives = "DNS:*.example.org"});
    CHECK(refusal(wild, "example.org") == CertificateErrc::host_mismatch);
    CHECK(refusal(wild, "a.b.example.org") == CertificateErrc::host_mismatch);
    CHECK_FALSE(shake_hands(TlsContext::client(trusting()), server_with(wild), "a.example.org").client_ec);
}

GROVE_TEST_REAL("a name in the subject alone does not count") {
    const auto files = authority().issue("subject", {.name = "localhost", .alternatives = "DNS:example.org"});
    CHECK(refusal(files) == CertificateErrc::host_mismatch);
    const auto bare = authority().issue("bare", {.name = "localhost", .alternatives = ""});
    CHECK(refusal(bare) == CertificateErrc::host_mismatch);
}

GROVE_TEST_REAL("a self-signed certificate is refused, readably") {
    const auto ec = refusal(Authority::self_signed("self_signed"));
    CHECK(ec == CertificateErrc::self_signed);
    CHECK(ec.message() == "certificate verify failed (self-signed certificate)");
}

GROVE_TEST_REAL("a certificate of an authority nobody knows is refused") {
    const Authority other{"Other Authority"};
    CHECK(refusal(other.issue("other")) == CertificateErrc::unknown_issuer);
    // The system does not know ours.
    const auto made = shake_hands(TlsContext::client(), good_server());
    CHECK(made.client_ec == CertificateErrc::unknown_issuer);
}

GROVE_TEST_REAL("a certificate is refused before and after its time") {
    const auto late = authority().issue("late", {.valid_from = -7200, .valid_until = -3600});
    const auto early = authority().issue("early", {.valid_from = 3600, .valid_until = 7200});
    CHECK(refusal(late) == CertificateErrc::expired);
    CHECK(refusal(late).message() == "certificate verify failed (certificate has expired)");
    CHECK(refusal(early) == CertificateErrc::not_yet_valid);
}

GROVE_TEST_REAL("what is thrown names the peer and the reason") {
    auto [plain, plain_server] = tcp_pair();
    auto server = grove::spawn([socket = std::move(plain_server)]() mutable {
        std::error_code ec;
        (void)TlsSocket::server(std::move(socket), good_server(), ec, patience);
    });
    const auto what = error_of([&socket = plain] {
        (void)TlsSocket::client(std::move(socket), TlsContext::client(trusting()), "example.org", patience);
    });
    CHECK(what == "TLS handshake with example.org: certificate verify failed (hostname mismatch)");
    server.join();
}

GROVE_TEST_REAL("a client without verification takes any certificate; one with it needs the host's name") {
    const auto files = Authority::self_signed("anybody");
    const auto made =
        shake_hands(TlsContext::client_without_verification(), server_with(files), "example.org");
    CHECK_FALSE(made.client_ec);
    CHECK_FALSE(made.server_ec);

    auto [plain, other] = tcp_pair();
    std::error_code ec;
    (void)TlsSocket::client(std::move(plain), TlsContext::client(trusting()), "", ec, patience);
    CHECK(ec == std::errc::invalid_argument);
}

GROVE_TEST_REAL("authorities can come from a folder") {
    const auto hashed = Authority::folder() / "hashed";
    std::filesystem::create_directory(hashed);
    std::filesystem::copy_file(authority().file(), hashed / "ca.pem");
    const std::string command = "openssl rehash " + hashed.string();
    REQUIRE(std::system(command.c_str()) == 0);
    const TlsClientOptions options{.ca_directory = hashed.string(), .use_system_store = false};
    CHECK_FALSE(shake_hands(TlsContext::client(options), good_server()).client_ec);
}

// --- Certificates of clients ----------------------------------------------------------------------

GROVE_TEST_REAL("a server may ask who the client is") {
    const auto own = authority().issue("client", {.name = "the client", .alternatives = ""});
    TlsClientOptions known = trusting();
    known.certificate_file = own.certificate;
    known.key_file = own.key;
    const auto context = [](ClientCertificate wanted) {
        return TlsContext::server({.certificate_file = good_files().certificate,
                                   .key_file = good_files().key,
                                   .client_certificate = wanted,
                                   .client_ca_file = authority().file()});
    };
    const auto required = context(ClientCertificate::required);
    const auto made = shake_hands(TlsContext::client(known), required);
    CHECK_FALSE(made.server_ec);
    CHECK(made.server.peer_certificate_subject() == "CN=the client");

    // In TLS 1.3 the client is done before the server has looked at it; its first read says so.
    auto unknown = shake_hands(TlsContext::client(trusting()), required);
    CHECK(unknown.server_ec.message() == "peer did not return a certificate");
    std::error_code ec;
    (void)read_piece(unknown.client, ec);
    CHECK(ec.message() == "tlsv13 alert certificate required");

    const auto without = shake_hands(TlsContext::client(trusting()), context(ClientCertificate::optional));
    CHECK_FALSE(without.server_ec);
    CHECK(without.server.peer_certificate_subject().empty());

    const auto stranger = Authority{"Strangers"}.issue("stranger");
    known.certificate_file = stranger.certificate;
    known.key_file = stranger.key;
    CHECK(shake_hands(TlsContext::client(known), required).server_ec == CertificateErrc::unknown_issuer);
}

// --- What the ends agree on -----------------------------------------------------------------------

GROVE_TEST_REAL("ALPN: the server's first among those the client offers") {
    const auto server = [](std::vector<std::string> alpn) {
        return TlsContext::server({.certificate_file = good_files().certificate,
                                   .key_file = good_files().key,
                                   .alpn = std::move(alpn)});
    };
    TlsClientOptions options = trusting();
    options.alpn = {"h2", "http/1.1"};
    const auto client = TlsContext::client(options);
    const auto made = shake_hands(client, server({"http/1.1", "h2"}));
    CHECK(made.client.alpn() == "http/1.1");
    CHECK(made.server.alpn() == "http/1.1");
    CHECK(shake_hands(client, good_server()).client.alpn().empty());  // the server does not care
    CHECK(shake_hands(TlsContext::client(trusting()), server({"h2"})).server.alpn().empty());

    const auto refused = shake_hands(client, server({"imap"}));
    CHECK(refused.client_ec.message() == "tlsv1 alert no application protocol");
    CHECK(refused.server_ec.message() == "no application protocol");
    CHECK(error_of([&] { (void)server({""}); }) == "ALPN protocol '': Invalid argument");
}

GROVE_TEST_REAL("SNI: the server learns the name, and never an address") {
    const auto client = TlsContext::client(trusting());
    CHECK(shake_hands(client, good_server(), "localhost").server.server_name() == "localhost");
    CHECK(shake_hands(client, good_server(), "localhost.").server.server_name() == "localhost");
    CHECK(shake_hands(client, good_server(), "127.0.0.1").server.server_name().empty());
}

namespace {

/// A handshake at that port, and a byte, behind which the tickets have come; whether it resumed a session.
bool resumes(const TlsContext& client, const TlsContext& server, Listener& listener) {
    auto made = shake_hands(client, server, "localhost", connection_to(listener));
    REQUIRE_FALSE(made.client_ec);
    REQUIRE_FALSE(made.server_ec);
    grove::write(made.server, "x");
    CHECK(read_piece(made.client) == "x");
    CHECK(made.client.session_reused() == made.server.session_reused());
    CHECK(made.client.peer_certificate_subject() == "CN=localhost");
    return made.client.session_reused();
}

}  // namespace

GROVE_TEST_REAL("a session is resumed at the same server, by the same context, across a reload") {
    auto listener = Listener::bind(any_port);
    auto server = good_server();
    const auto client = TlsContext::client(trusting());
    CHECK_FALSE(resumes(client, server, listener));
    CHECK(resumes(client, server, listener));
    CHECK(resumes(client, server, listener));
    server.reload();
    CHECK(resumes(client, server, listener));
    CHECK_FALSE(resumes(TlsContext::client(trusting()), server, listener));
    CHECK_FALSE(resumes(client, good_server(), listener));  // another's tickets
    auto elsewhere = Listener::bind(any_port);
    CHECK_FALSE(resumes(client, server, elsewhere));
}

GROVE_TEST_REAL("sessions of verified clients are resumed, but not across a reload") {
    auto listener = Listener::bind(any_port);
    auto server = TlsContext::server({.certificate_file = good_files().certificate,
                                      .key_file = good_files().key,
                                      .client_certificate = ClientCertificate::required,
                                      .client_ca_file = authority().file()});
    TlsClientOptions options = trusting();
    options.certificate_file = good_files().certificate;
    options.key_file = good_files().key;
    const auto client = TlsContext::client(options);
    CHECK_FALSE(resumes(client, server, listener));
    CHECK(resumes(client, server, listener));
    server.reload();
    CHECK_FALSE(resumes(client, server, listener));
}

// --- Files ----------------------------------------------------------------------------------------

GROVE_TEST_REAL("reload: new connections get the new certificate, old ones go on") {
    const auto first = authority().issue("reloaded", {.name = "first"});
    auto context = server_with(first);
    const auto client = TlsContext::client(trusting());
    auto old = shake_hands(client, context);
    CHECK(old.client.peer_certificate_subject() == "CN=first");

    (void)authority().issue("reloaded", {.name = "second"});
    CHECK(shake_hands(client, context).client.peer_certificate_subject() == "CN=first");
    context.reload();
    CHECK(shake_hands(client, context).client.peer_certificate_subject() == "CN=second");
    grove::write(old.client, "still here");
    CHECK(read_piece(old.server) == "still here");

    std::ofstream{first.certificate} << "no certificate";
    CHECK_THROWS_AS(context.reload(), std::system_error);
    CHECK(shake_hands(client, context).client.peer_certificate_subject() == "CN=second");
}

GROVE_TEST_REAL("errors name the file and the reason") {
    const auto server = [](const std::string& certificate, const std::string& key) {
        return error_of([&] { (void)server_with({certificate, key}); });
    };
    const auto& good = good_files();
    const std::string none = folder() + "/none.pem";
    CHECK(server(none, good.key) == "TLS certificate " + none + ": No such file or directory");
    CHECK(server(good.certificate, none) == "TLS key " + none + ": No such file or directory");
    CHECK(server(good.key, good.key) == "TLS certificate " + good.key + ": no start line");
    CHECK(server(good.certificate, good.certificate).starts_with("TLS key " + good.certificate + ": "));
    const auto other = authority().issue("key_of_another");
    CHECK(server(good.certificate, other.key) == "TLS key " + other.key + ": key values mismatch");

    const auto client = [](TlsClientOptions options) {
        return error_of([&] { (void)TlsContext::client(options); });
    };
    CHECK(client({.ca_file = none}) == "TLS authorities " + none + ": No such file or directory");
    CHECK(client({.ca_directory = none}) == "TLS authorities " + none + ": No such file or directory");
    CHECK(client({.ca_directory = good.key}) == "TLS authorities " + good.key + ": Not a directory");
}

GROVE_TEST_REAL("a key with a pass phrase is an error, not a question on the terminal") {
    const std::string secret = folder() + "/secret.key";
    const std::string command =
        "openssl pkey -aes128 -passout pass:secret -in " + good_files().key + " -out " + secret;
    REQUIRE(std::system(command.c_str()) == 0);
    const auto what = error_of([&] { (void)server_with({good_files().certificate, secret}); });
    CHECK_MESSAGE(what.starts_with("TLS key " + secret + ": "), what);
}

GROVE_TEST_REAL("certificate and key may share a file") {
    const std::string both = folder() + "/both.pem";
    std::ofstream{both} << std::ifstream{good_files().certificate}.rdbuf()
                        << std::ifstream{good_files().key}.rdbuf();
    const auto made =
        shake_hands(TlsContext::client(trusting()), TlsContext::server({.certificate_file = both}));
    CHECK_FALSE(made.client_ec);
}

TEST_SUITE_END();
