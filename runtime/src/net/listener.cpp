#include <grove/net/socket.hpp>

#include "net/socket_state.hpp"
#include "net/unix_file.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace grove {

namespace detail {

class ListenerState final : public Descriptor {
public:
    ListenerState(int fd, int family) noexcept : Descriptor{fd, Kind::listener}, family_{family} {}

    [[nodiscard]] int family() const noexcept { return family_; }
    void own_file(const std::string& path) { file_ = UnixFile{path}; }
    void disown_file() noexcept { file_.forget(); }

private:
    ~ListenerState() override = default;
    int family_;
    UnixFile file_;
};

namespace {

void set_listen_options(int fd, bool is_tcp, const net::ListenOptions& options, std::error_code& ec) {
    if (is_tcp) set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, ec);
    if (is_tcp && !ec) set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, ec);  // its connections inherit it
    if (options.v6_only && !ec) set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, ec);
    if (options.reuse_port && !ec) set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1, ec);
}

void require_listening(int fd, std::error_code& ec) {
    int listening = 0;
    socklen_t size = sizeof listening;
    checked(os().get_option(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size), ec);
    if (!ec && listening == 0) ec = std::make_error_code(std::errc::invalid_argument);
}

}  // namespace
}  // namespace detail

namespace net {

using detail::checked;
using detail::os;

Listener::Listener() noexcept = default;
Listener::Listener(detail::ListenerState* state) noexcept : state_{state} {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Listener Listener::bind(const Endpoint& at, std::error_code& ec, const ListenOptions& options) {
    const detail::SocketAddress address{at, ec};
    if (ec) return {};
    detail::UniqueFd fd = detail::open_socket(address.family(), SOCK_STREAM, ec);
    if (ec) return {};
    detail::set_listen_options(fd.get(), !at.is_unix(), options, ec);
    if (!ec) detail::bind_socket(fd.get(), SOCK_STREAM, at, address, ec);
    if (!ec) checked(os().listen(fd.get(), options.backlog), ec);
    if (ec) return {};
    Listener listener{new detail::ListenerState{fd.get(), address.family()}};
    (void)fd.release();
    if (at.is_unix()) listener.state_->own_file(at.path());
    return listener;
}

Listener Listener::bind(const Endpoint& at, const ListenOptions& options) {
    std::error_code ec;
    Listener listener = bind(at, ec, options);
    if (ec) detail::throw_failed("listen", at.to_string(), ec);
    return listener;
}

Listener Listener::adopt(int number) {
    detail::UniqueFd fd{number};
    std::error_code ec;
    detail::SocketAddress address;
    detail::require_listening(fd.get(), ec);
    if (!ec) checked(os().local_name(fd.get(), address.get(), address.size_to_fill()), ec);
    if (!ec) checked(os().set_non_blocking(fd.get(), true), ec);
    if (ec) detail::throw_failed("Listener::adopt", "descriptor " + std::to_string(number), ec);
    Listener listener{new detail::ListenerState{fd.get(), address.family()}};
    (void)fd.release();
    return listener;
}

Socket Listener::accept(std::error_code& ec, Deadline by) {
    if (!state_) return detail::closed(ec), Socket{};
    detail::SocketAddress peer;
    const detail::IoCall call{"Listener::accept", 0, [&peer](int fd) noexcept -> ssize_t {
                                  int result = 0;
                                  do {
                                      result = os().accept(fd, peer.get(), peer.size_to_fill());
                                  } while (result == -ECONNABORTED);
                                  return result;
                              }};
    const int family = state_->family();
    const auto fd = static_cast<int>(state_->read(call, ec, by));
    if (ec) return {};
    return detail::SocketAccess::make(detail::UniqueFd{fd}, family, peer.endpoint());
}

Socket Listener::accept(Deadline by) {
    std::error_code ec;
    Socket socket = accept(ec, by);
    if (ec) detail::throw_failed("accept", ec == Errc::closed ? std::string{} : local().to_string(), ec);
    return socket;
}

Endpoint Listener::local() const {
    return detail::local_of(state_.get());
}
int Listener::native_handle() const noexcept {
    return state_ ? state_->fd() : -1;
}
int Listener::release() noexcept {
    if (!state_) return -1;
    state_->disown_file();
    const int fd = state_->release();
    state_.reset();
    return fd;
}
void Listener::close() noexcept {
    state_.reset();
}

}  // namespace net
}  // namespace grove
