#pragma once

#include "net/tls_context.hpp"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

/// Bytes between the socket and OpenSSL, first in, first out. Has no memory while it is empty. Nothing
/// throws: OpenSSL's C code calls it.
class TlsBuffer {
public:
    [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept {
        return {memory_.get() + begin_, end_ - begin_};
    }
    void consume(std::size_t n) noexcept;
    /// At least so much room behind what is there; none if there is no memory. What is put there counts from
    /// commit() on.
    [[nodiscard]] std::span<std::byte> room(std::size_t n) noexcept;
    void commit(std::size_t n) noexcept;
    void swap(TlsBuffer& other) noexcept;

private:
    void release_if_empty() noexcept;

    std::unique_ptr<std::byte[]> memory_;
    std::size_t capacity_ = 0;
    std::size_t begin_ = 0;  // [begin_, end_) is there
    std::size_t end_ = 0;
};

/// OpenSSL's side of a connection: an SSL object between two buffers. Its calls never wait, so no greenlet is
/// ever inside OpenSSL while another runs: that is why one may read while another writes, though an SSL
/// object serves one at a time. And as `output` takes whatever OpenSSL has to say, no call is left half done
/// by a full socket. A record that a read produces (the answer to a KeyUpdate, an alert) goes whole behind
/// what a write has put there, and no call has to be repeated with the arguments of the one before.
///
/// Invariant: when a call wants input, `input` is empty: OpenSSL keeps the beginning of a record itself.
class TlsEngine {
public:
    enum class Result { done, wants_input, ended, failed };

    /// Of a client: `host` is who the peer has to be, `port` (0: unknown) serves to find the session to
    /// resume. Throws std::system_error.
    TlsEngine(std::shared_ptr<TlsContextState>, std::string_view host, std::uint16_t port);
    ~TlsEngine();
    TlsEngine(const TlsEngine&) = delete;
    TlsEngine& operator=(const TlsEngine&) = delete;

    // ec is set exactly if the result is `failed`; then the connection is of no use any more.
    [[nodiscard]] Result handshake(std::error_code& ec) noexcept;
    [[nodiscard]] Result read(std::span<std::byte> into, std::size_t& n, std::error_code& ec) noexcept;
    [[nodiscard]] Result write(std::span<const std::byte> from, std::size_t& n, std::error_code& ec) noexcept;
    [[nodiscard]] Result send_close_notify(std::error_code& ec) noexcept;

    TlsBuffer input;   // received, not decrypted
    TlsBuffer output;  // encrypted, not sent

    [[nodiscard]] const ssl_st& ssl() const noexcept { return *ssl_; }

private:
    /// f calls OpenSSL, whose handshake goes 20 KiB deep into a stack.
    template <class F>
    [[nodiscard]] Result call(F&& f, std::error_code& ec) noexcept;
    [[nodiscard]] Result result_of(int returned, std::error_code& ec) noexcept;
    void expect_peer(std::string_view host);

    TlsSessionPlace place_;
    UniqueSsl ssl_;
    bool failed_ = false;
};

}  // namespace grove::detail
