#include "net/tls_engine.hpp"

#include <grove/net/address.hpp>

#include "core/hub_stack.hpp"
#include "net/tls_error.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace grove::detail {

// --- TlsBuffer ------------------------------------------------------------------------------------

void TlsBuffer::consume(std::size_t n) noexcept {
    begin_ += n;
    release_if_empty();
}

std::span<std::byte> TlsBuffer::room(std::size_t n) noexcept {
    const std::size_t size = end_ - begin_;
    if (capacity_ - end_ < n) {
        constexpr std::size_t smallest = 512;
        const std::size_t wanted = std::max({size + n, 2 * size, smallest});
        std::unique_ptr<std::byte[]> larger{new (std::nothrow) std::byte[wanted]};
        if (!larger) return {};
        if (size > 0) std::memcpy(larger.get(), memory_.get() + begin_, size);
        memory_ = std::move(larger);
        capacity_ = wanted;
        begin_ = 0;
        end_ = size;
    }
    return {memory_.get() + end_, capacity_ - end_};
}

void TlsBuffer::commit(std::size_t n) noexcept {
    end_ += n;
    release_if_empty();
}

void TlsBuffer::swap(TlsBuffer& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(capacity_, other.capacity_);
    std::swap(begin_, other.begin_);
    std::swap(end_, other.end_);
}

void TlsBuffer::release_if_empty() noexcept {
    if (!empty()) return;
    memory_.reset();
    capacity_ = begin_ = end_ = 0;
}

// --- The buffers as OpenSSL sees them -------------------------------------------------------------

namespace {

TlsEngine& engine_of(BIO* bio) noexcept {
    return *static_cast<TlsEngine*>(BIO_get_data(bio));
}

int bio_read(BIO* bio, char* into, int size) noexcept {
    TlsBuffer& input = engine_of(bio).input;
    BIO_clear_retry_flags(bio);
    if (input.empty()) {
        BIO_set_retry_read(bio);
        return -1;
    }
    const std::size_t n = std::min(input.bytes().size(), static_cast<std::size_t>(size));
    std::memcpy(into, input.bytes().data(), n);
    input.consume(n);
    return static_cast<int>(n);
}

int bio_write(BIO* bio, const char* from, int size) noexcept {
    TlsBuffer& output = engine_of(bio).output;
    BIO_clear_retry_flags(bio);
    if (size <= 0) return 0;
    const auto n = static_cast<std::size_t>(size);
    const auto room = output.room(n);
    if (room.empty()) {
        ERR_raise(ERR_LIB_BIO, ERR_R_MALLOC_FAILURE);
        return -1;
    }
    std::memcpy(room.data(), from, n);
    output.commit(n);
    return size;
}

long bio_control(BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;  // others are not for us
}

int bio_create(BIO* bio) noexcept {
    BIO_set_init(bio, 1);
    return 1;
}

/// Made once, and kept until the process ends.
const BIO_METHOD* bio_method() noexcept {
    static const BIO_METHOD* const method = []() noexcept -> const BIO_METHOD* {
        BIO_METHOD* const made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "grove");
        if (!made) return nullptr;
        BIO_meth_set_read(made, &bio_read);
        BIO_meth_set_write(made, &bio_write);
        BIO_meth_set_ctrl(made, &bio_control);
        BIO_meth_set_create(made, &bio_create);
        return made;
    }();
    return method;
}

}  // namespace

// --- TlsEngine ------------------------------------------------------------------------------------

TlsEngine::TlsEngine(std::shared_ptr<TlsContextState> context, std::string_view host, std::uint16_t port)
    : place_{.context = std::move(context), .server = {}}, ssl_{place_.context->make_connection(place_)} {
    BIO* const bio = bio_method() ? BIO_new(bio_method()) : nullptr;
    if (!bio) throw_tls_error("TLS connection");
    BIO_set_data(bio, this);
    SSL_set_bio(ssl_.get(), bio, bio);  // takes it over
    if (!place_.context->is_client()) {
        SSL_set_accept_state(ssl_.get());
        return;
    }
    SSL_set_connect_state(ssl_.get());
    expect_peer(host);
    if (host.empty() || port == 0) return;
    place_.server = std::string{host} + ":" + std::to_string(port);
    if (const auto session = place_.context->sessions().find(place_.server))
        SSL_set_session(ssl_.get(), session.get());
}

TlsEngine::~TlsEngine() {
    // OpenSSL resumes no session of a connection that ended without close_notify, as TLS 1.0 wanted it. Later
    // versions resume it unless TLS itself failed.
    if (!failed_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

/// Says to whom we want to talk, and whom the certificate has to name.
void TlsEngine::expect_peer(std::string_view host) {
    const auto invalid = std::make_error_code(std::errc::invalid_argument);
    if (host.empty()) {
        // Without a name any certificate would do.
        if (place_.context->verifies()) throw std::system_error{invalid, "TLS without the host's name"};
        return;
    }
    if (host.find('\0') != host.npos) throw std::system_error{invalid, "TLS host name"};

    X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
    std::error_code ec;
    const net::IpAddress ip = net::IpAddress::parse(host, ec);
    int done = 1;
    if (!ec) {
        done = X509_VERIFY_PARAM_set1_ip(wanted, ip.bytes().data(), ip.is_v6() ? 16 : 4);
    } else {
        const std::string name{host.substr(0, host.size() - (host.ends_with('.') ? 1 : 0))};
        // RFC 9525: "w*.example.org" matches nothing, and a name in the subject does not count.
        X509_VERIFY_PARAM_set_hostflags(
            wanted, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        done = X509_VERIFY_PARAM_set1_host(wanted, name.data(), name.size());
        if (done == 1) done = static_cast<int>(SSL_set_tlsext_host_name(ssl_.get(), name.c_str()));
    }
    if (done != 1) throw_tls_error("TLS host name '" + std::string{host} + "'");
}

template <class F>
TlsEngine::Result TlsEngine::call(F&& f, std::error_code& ec) noexcept {
    Result result{};
    on_hub_stack([&] {
        ERR_clear_error();
        result = result_of(f(), ec);
    });
    return result;
}

TlsEngine::Result TlsEngine::handshake(std::error_code& ec) noexcept {
    return call([this] { return SSL_do_handshake(ssl_.get()); }, ec);
}

TlsEngine::Result TlsEngine::read(std::span<std::byte> into, std::size_t& n, std::error_code& ec) noexcept {
    return call([&] { return SSL_read_ex(ssl_.get(), into.data(), into.size(), &n); }, ec);
}

TlsEngine::Result TlsEngine::write(std::span<const std::byte> from,
                                   std::size_t& n,
                                   std::error_code& ec) noexcept {
    return call([&] { return SSL_write_ex(ssl_.get(), from.data(), from.size(), &n); }, ec);
}

TlsEngine::Result TlsEngine::send_close_notify(std::error_code& ec) noexcept {
    return call(
        [this] {
            const int returned = SSL_shutdown(ssl_.get());
            return returned == 0 ? 1 : returned;  // 0: the peer has not said so yet
        },
        ec);
}

TlsEngine::Result TlsEngine::result_of(int returned, std::error_code& ec) noexcept {
    ec.clear();
    if (returned == 1) return Result::done;
    switch (SSL_get_error(ssl_.get(), returned)) {
        case SSL_ERROR_WANT_READ:
            return Result::wants_input;
        case SSL_ERROR_ZERO_RETURN:
            return Result::ended;
        default:
            ec = tls_error(*ssl_);
            failed_ = true;
            return Result::failed;
    }
}

}  // namespace grove::detail
