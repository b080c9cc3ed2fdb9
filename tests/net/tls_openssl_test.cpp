// grove's client with the server of the openssl command.

#include <grove/core/greenlet.hpp>
#include <grove/core/offload.hpp>
#include <grove/net/tls.hpp>

#include "net/tls_pair.hpp"
#include "support/grove_test.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <ostream>

using namespace grove::testing;
using grove::net::TlsContext;
using grove::net::TlsSocket;

namespace {

/// `openssl s_server -rev`: sends each line back in reverse, for two connections.
class OpensslServer {
public:
    explicit OpensslServer(const std::string& arguments) {
        const auto& files = good_files();
        const std::string command = "exec openssl s_server -rev -naccept 2 -accept 127.0.0.1:0 -cert " +
                                    files.certificate + " -key " + files.key + " " + arguments + " 2>&1";
        pipe_.reset(::popen(command.c_str(), "re"));
        REQUIRE(pipe_);
        std::array<char, 256> line{};
        while (port_ == 0 && std::fgets(line.data(), line.size(), pipe_.get())) {
            const std::string said = line.data();
            if (said.starts_with("ACCEPT ")) {
                port_ = static_cast<std::uint16_t>(std::stoi(said.substr(said.rfind(':') + 1)));
            }
        }
        REQUIRE(port_ != 0);
    }

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

private:
    struct Close {
        void operator()(std::FILE* pipe) const noexcept { ::pclose(pipe); }
    };
    std::unique_ptr<std::FILE, Close> pipe_;
    std::uint16_t port_ = 0;
};

/// A line there and back.
TlsSocket talk(const OpensslServer& server, const TlsContext& context) {
    auto socket = TlsSocket::connect("127.0.0.1", server.port(), context, patience);
    grove::write(socket, "stressed\n", patience);
    std::string answer(9, ' ');
    grove::read(socket, std::as_writable_bytes(std::span{answer}), patience);
    CHECK(answer == "desserts\n");
    return socket;
}

void talk_twice(const std::string& arguments, const std::string& protocol) {
    const OpensslServer server{arguments};
    const auto context = TlsContext::client(trusting());
    for (const bool resumed : {false, true}) {
        auto socket = talk(server, context);
        CHECK(socket.protocol() == protocol);
        CHECK(socket.session_reused() == resumed);
        socket.shutdown(patience);
    }
}

}  // namespace

TEST_SUITE_BEGIN("net/tls_openssl");

GROVE_TEST_REAL("openssl s_server, TLS 1.3, resumed by a ticket") {
    talk_twice("-tls1_3", "TLSv1.3");
}

GROVE_TEST_REAL("openssl s_server, TLS 1.2, resumed by a ticket") {
    talk_twice("-tls1_2", "TLSv1.2");
}

GROVE_TEST_REAL("openssl s_server, TLS 1.2, resumed from its cache") {
    talk_twice("-tls1_2 -no_ticket", "TLSv1.2");
}

TEST_SUITE_END();
