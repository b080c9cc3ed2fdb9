#include <grove/base/assert.hpp>
#include <grove/base/error.hpp>
#include <grove/io/stream.hpp>
#include <grove/net/tls.hpp>

#include "net/socket_state.hpp"
#include "net/tls_engine.hpp"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace grove {

namespace detail {

namespace {

constexpr std::size_t record_size = 16 * 1024;            // of plain text: TLS has no larger ones
constexpr std::size_t write_size = 2 * record_size;       // per system call
constexpr std::size_t input_size = write_size + 2 * 256;  // two records with all that is around them
constexpr std::size_t most_unsent = 4 * record_size;

/// One greenlet at a time on each side.
class Turn {
public:
    Turn(bool& taken, std::error_code& ec) noexcept : taken_{taken}, ours_{!std::exchange(taken, true)} {
        ec = ours_ ? std::error_code{} : Errc::concurrent_use;
    }
    ~Turn() {
        if (ours_) taken_ = false;
    }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    explicit operator bool() const noexcept { return ours_; }

private:
    bool& taken_;
    const bool ours_;
};

}  // namespace

/// A socket and the engine beside it. Bytes move between the two outside OpenSSL's calls, and only there a
/// greenlet waits.
///
/// 1. Whoever writes holds `writing_` and sends all of `sending_`, then all of the engine's output, again
///    until there is none: what a reader adds meanwhile goes along. `sending_` is not touched by others, for
///    the system may be reading it.
/// 2. A reader that produced output sends it itself if nobody writes, as far as the socket takes it at once.
///    What is left goes with the next write: it is never anything the peer waits for before it sends.
/// 3. What is left of a write that was given up (its time ran out, its greenlet was killed) stays in
///    `sending_`, for a record must go out whole. Readers try to send it, too.
class TlsState {
public:
    TlsState(net::Socket plain, std::shared_ptr<TlsContextState> context, std::string_view host)
        : engine{std::move(context), host, plain.peer().port()}, socket{std::move(plain)} {}

    void handshake(std::error_code& ec, Deadline);
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline);
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline);
    void shutdown(std::error_code& ec, Deadline);

    TlsEngine engine;
    net::Socket socket;

private:
    bool receive(const char* what, std::error_code& ec, Deadline);
    bool flush(std::error_code& ec, Deadline);
    void send_without_waiting() noexcept;
    std::size_t fail(std::error_code why, std::error_code& ec) noexcept;

    TlsBuffer sending_;
    bool reading_ = false;
    bool writing_ = false;
    bool ended_ = false;      // the peer has said that it has finished
    bool finished_ = false;   // we have
    std::error_code failed_;  // since then nothing can be read or written
};

// --- Between the socket and the buffers -----------------------------------------------------------

/// Fills the engine's input. The buffer is made when there is something to receive, so a connection that
/// waits has none.
bool TlsState::receive(const char* what, std::error_code& ec, Deadline by) {
    if (!socket) return closed(ec), false;
    TlsBuffer& input = engine.input;
    const IoCall call{what, input_size, [&input](int fd) noexcept -> ssize_t {
                          const auto room = input.room(input_size);
                          if (room.empty()) return -ENOMEM;
                          const ssize_t n = os().receive(fd, room.data(), input_size);
                          input.commit(n > 0 ? static_cast<std::size_t>(n) : 0);
                          return n;
                      }};
    const std::size_t n = SocketAccess::state(socket).read(call, ec, by);
    if (n == 0 && !ec) ec = Errc::eof;
    return !ec;
}

/// Sends all there is. Requires: the writer's turn.
bool TlsState::flush(std::error_code& ec, Deadline by) {
    for (ec.clear();;) {
        if (sending_.empty()) sending_.swap(engine.output);
        if (sending_.empty()) return true;
        const std::size_t n = socket.write_some(sending_.bytes(), ec, by);
        if (ec) return false;
        sending_.consume(n);
    }
}

void TlsState::send_without_waiting() noexcept {
    if (writing_ || !socket) return;
    for (;;) {
        if (sending_.empty()) sending_.swap(engine.output);
        if (sending_.empty()) return;
        const ssize_t n = os().send(socket.native_handle(), sending_.bytes().data(), sending_.bytes().size());
        if (n == -EINTR) continue;
        if (n <= 0) return;  // if the connection is broken, whoever reads or writes will be told
        sending_.consume(static_cast<std::size_t>(n));
    }
}

std::size_t TlsState::fail(std::error_code why, std::error_code& ec) noexcept {
    ec = failed_ = why;
    return 0;
}

// --- The calls ------------------------------------------------------------------------------------

void TlsState::handshake(std::error_code& ec, Deadline by) {
    for (;;) {
        const auto result = engine.handshake(ec);
        // An alert, which tells the peer why; not worth waiting for.
        if (result == TlsEngine::Result::failed) return send_without_waiting();
        if (result == TlsEngine::Result::ended) return void(ec = Errc::eof);
        if (!flush(ec, by) || result == TlsEngine::Result::done) return;
        if (!receive("TlsSocket: the handshake", ec, by)) return;
    }
}

std::size_t TlsState::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    const Turn turn{reading_, ec};
    if (!turn) return 0;
    for (;;) {
        if (failed_) return fail(failed_, ec);
        if (ended_) return 0;
        std::size_t n = 0;
        const auto result = engine.read(into, n, ec);
        const std::error_code why = ec;
        send_without_waiting();
        if (result == TlsEngine::Result::done) return n;
        if (result == TlsEngine::Result::failed) return fail(why, ec);
        // Who demands new keys again and again and does not read our answers would fill the memory with them.
        if (engine.output.bytes().size() > most_unsent) return fail(Errc::bad_message, ec);
        if (result == TlsEngine::Result::ended) {
            ended_ = true;
        } else if (!receive("TlsSocket::read_some", ec, by)) {
            return 0;
        }
    }
}

std::size_t TlsState::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    const Turn turn{writing_, ec};
    if (!turn) return 0;
    if (!flush(ec, by)) return 0;  // what an earlier write left
    if (failed_) return fail(failed_, ec);
    if (finished_) return closed(ec);
    std::size_t n = 0;
    const auto result = engine.write(from.first(std::min(from.size(), write_size)), n, ec);
    if (result != TlsEngine::Result::done) return fail(ec ? ec : make_error_code(Errc::bad_message), ec);
    if (!flush(ec, by) && ec == std::errc::timed_out) ec.clear();
    return ec ? 0 : n;
}

void TlsState::shutdown(std::error_code& ec, Deadline by) {
    const Turn turn{writing_, ec};
    if (!turn || !flush(ec, by)) return;
    if (failed_) return void(fail(failed_, ec));
    if (!std::exchange(finished_, true) && engine.send_close_notify(ec) == TlsEngine::Result::failed) return;
    (void)flush(ec, by);
}

namespace {

/// Names the peer. Not of a closed socket: it may be gone.
[[noreturn]] void throw_tls_failed(const char* operation,
                                   const std::shared_ptr<TlsState>& state,
                                   std::error_code ec) {
    const bool known = ec != Errc::closed && state->socket;
    throw_failed(operation, known ? state->socket.peer().to_string() : std::string{}, ec);
}

/// Null if ec is set.
std::shared_ptr<TlsState> prepare_tls(net::Socket plain,
                                      std::shared_ptr<TlsContextState> context,
                                      std::string_view host,
                                      std::error_code& ec) {
    if (!plain) return closed(ec), nullptr;
    try {
        return std::make_shared<TlsState>(std::move(plain), std::move(context), host);
    } catch (const std::system_error& error) {
        return ec = error.code(), nullptr;
    }
}

std::shared_ptr<TlsState> make_tls(net::Socket plain,
                                   std::shared_ptr<TlsContextState> context,
                                   std::string_view host,
                                   std::error_code& ec,
                                   Deadline by) {
    auto state = prepare_tls(std::move(plain), std::move(context), host, ec);
    if (!state) return nullptr;
    state->handshake(ec, by);
    if (ec) state.reset();
    return state;
}

}  // namespace
}  // namespace detail

namespace net {

static_assert(ReadStream<TlsSocket> && WriteStream<TlsSocket>);

using detail::TlsState;

TlsSocket::TlsSocket() noexcept = default;
TlsSocket::TlsSocket(std::shared_ptr<TlsState> state) noexcept : state_{std::move(state)} {}
TlsSocket::TlsSocket(TlsSocket&&) noexcept = default;
TlsSocket::~TlsSocket() {
    close();
}
TlsSocket& TlsSocket::operator=(TlsSocket&& other) noexcept {
    if (this != &other) {
        close();
        state_ = std::move(other.state_);
    }
    return *this;
}

// --- Making one -----------------------------------------------------------------------------------

TlsSocket TlsSocket::client(
    Socket plain, const TlsContext& context, std::string_view host, std::error_code& ec, Deadline by) {
    GROVE_ASSERT(context.state_->is_client(), "a TLS client needs a client's context");
    return TlsSocket{detail::make_tls(std::move(plain), context.state_, host, ec, by)};
}

TlsSocket TlsSocket::client(Socket plain, const TlsContext& context, std::string_view host, Deadline by) {
    std::error_code ec;
    TlsSocket socket = client(std::move(plain), context, host, ec, by);
    if (ec) detail::throw_failed("TLS handshake with", std::string{host}, ec);
    return socket;
}

TlsSocket TlsSocket::connect(
    std::string_view host, std::uint16_t port, const TlsContext& context, std::error_code& ec, Deadline by) {
    Socket plain = Socket::connect(host, port, ec, by);
    return ec ? TlsSocket{} : client(std::move(plain), context, host, ec, by);
}

TlsSocket TlsSocket::connect(std::string_view host,
                             std::uint16_t port,
                             const TlsContext& context,
                             Deadline by) {
    Socket plain = Socket::connect(host, port, by);
    std::error_code ec;
    TlsSocket socket = client(std::move(plain), context, host, ec, by);
    if (ec) detail::throw_failed("TLS handshake with", std::string{host} + ":" + std::to_string(port), ec);
    return socket;
}

TlsSocket TlsSocket::server(Socket plain, const TlsContext& context, std::error_code& ec, Deadline by) {
    GROVE_ASSERT(!context.state_->is_client(), "a TLS server needs a server's context");
    return TlsSocket{detail::make_tls(std::move(plain), context.state_, {}, ec, by)};
}

TlsSocket TlsSocket::server(Socket plain, const TlsContext& context, Deadline by) {
    const std::string peer = plain ? plain.peer().to_string() : std::string{};
    std::error_code ec;
    TlsSocket socket = server(std::move(plain), context, ec, by);
    if (ec) detail::throw_failed("TLS handshake with", peer, ec);
    return socket;
}

// --- Reading and writing --------------------------------------------------------------------------

std::size_t TlsSocket::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    if (into.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const auto kept = state_;
    return kept->read_some(into, ec, by);
}

std::size_t TlsSocket::read_some(std::span<std::byte> into, Deadline by) {
    std::error_code ec;
    const std::size_t n = read_some(into, ec, by);
    if (ec) detail::throw_tls_failed("TLS read", state_, ec);
    return n;
}

std::size_t TlsSocket::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    if (from.empty()) return ec.clear(), 0;
    if (!state_) return detail::closed(ec);
    const auto kept = state_;
    return kept->write_some(from, ec, by);
}

std::size_t TlsSocket::write_some(std::span<const std::byte> from, Deadline by) {
    std::error_code ec;
    const std::size_t n = write_some(from, ec, by);
    if (ec) detail::throw_tls_failed("TLS write", state_, ec);
    return n;
}

// --- The end, and questions -----------------------------------------------------------------------

void TlsSocket::shutdown(std::error_code& ec, Deadline by) {
    if (!state_) return void(detail::closed(ec));
    const auto kept = state_;
    kept->shutdown(ec, by);
}

void TlsSocket::shutdown(Deadline by) {
    std::error_code ec;
    shutdown(ec, by);
    if (ec) detail::throw_tls_failed("TLS shutdown", state_, ec);
}

void TlsSocket::close() noexcept {
    if (const auto last = std::move(state_)) last->socket.close();
}

std::string TlsSocket::alpn() const {
    const unsigned char* text = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(&state_->engine.ssl(), &text, &size);
    return {reinterpret_cast<const char*>(text), size};
}

std::string TlsSocket::protocol() const {
    return SSL_get_version(&state_->engine.ssl());
}

std::string TlsSocket::cipher() const {
    return SSL_get_cipher_name(&state_->engine.ssl());
}

std::string TlsSocket::server_name() const {
    const char* const name = SSL_get_servername(&state_->engine.ssl(), TLSEXT_NAMETYPE_host_name);
    return name ? name : "";
}

std::string TlsSocket::peer_certificate_subject() const {
    const X509* const certificate = SSL_get0_peer_certificate(&state_->engine.ssl());
    if (!certificate) return {};
    const std::unique_ptr<BIO, decltype(&BIO_free)> text{BIO_new(BIO_s_mem()), &BIO_free};
    if (!text) return {};
    X509_NAME_print_ex(text.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
    char* begin = nullptr;
    const long size = BIO_get_mem_data(text.get(), &begin);
    return {begin, static_cast<std::size_t>(size)};
}

bool TlsSocket::session_reused() const {
    return SSL_session_reused(&state_->engine.ssl()) == 1;
}

const Socket& TlsSocket::socket() const {
    return state_->socket;
}

}  // namespace net
}  // namespace grove
