#include "io/job_channel.hpp"

#include <grove/io/stream.hpp>

#include "io/descriptor.hpp"

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

namespace grove::detail {

class JobSocket final : public Descriptor {
public:
    explicit JobSocket(int fd) noexcept : Descriptor{fd, Kind::stream} {}

private:
    ~JobSocket() override = default;
};

JobChannel::JobChannel(UniqueFd fd) : socket_{new JobSocket{fd.get()}} {
    (void)fd.release();
}
JobChannel::JobChannel(JobChannel&&) noexcept = default;
JobChannel& JobChannel::operator=(JobChannel&&) noexcept = default;
JobChannel::~JobChannel() = default;

std::pair<UniqueFd, UniqueFd> JobChannel::make_sockets() {
    std::array<int, 2> fds{};
    const int result = os().socketpair(AF_UNIX, SOCK_STREAM, 0, fds.data());
    if (result < 0) throw std::system_error{-result, std::generic_category(), "ProcessPool: socketpair"};
    return {UniqueFd{fds[0]}, UniqueFd{fds[1]}};
}

void JobChannel::send(std::span<std::byte> message, std::error_code& ec) {
    const std::uint64_t length = message.size() - sizeof length;
    std::memcpy(message.data(), &length, sizeof length);
    write(*this, message, ec);
}

MessageBytes JobChannel::receive(std::size_t most, std::error_code& ec) {
    std::uint64_t length = 0;
    read(*this, std::as_writable_bytes(std::span{&length, 1}), ec);
    if (!ec && length > most) ec = std::make_error_code(std::errc::message_size);
    if (ec) return {};
    MessageBytes bytes{std::make_unique_for_overwrite<std::byte[]>(length), length};
    read(*this, std::span{bytes.data.get(), bytes.size}, ec);
    return bytes;
}

std::size_t JobChannel::read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) {
    const IoCall call{"ProcessPool: a result", into.size(), [into](int fd) noexcept {
                          return os().receive(fd, into.data(), into.size());
                      }};
    return socket_->read(call, ec, by);
}

std::size_t JobChannel::write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) {
    const IoCall call{"ProcessPool: the arguments", from.size(), [from](int fd) noexcept {
                          return os().send(fd, from.data(), from.size());
                      }};
    return socket_->write(call, ec, by);
}

}  // namespace grove::detail
