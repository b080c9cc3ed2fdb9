#pragma once

#include <grove/io/stream.hpp>

#include <concepts>
#include <cstddef>
#include <span>
#include <system_error>
#include <type_traits>

namespace grove::detail {

/// Refers to a stream of whatever type, in the clear or under TLS, so that what reads messages is written and
/// compiled once. A ReadStream and a WriteStream itself.
class StreamRef {
public:
    template <class S>
    requires(!std::same_as<std::remove_cv_t<S>, StreamRef> && ReadStream<S> && WriteStream<S>)
        StreamRef(S& stream)
    noexcept : stream_{&stream}, verbs_{&verbs_of<S>} {}

    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, Deadline by) const {
        return verbs_->read(stream_, into, ec, by);
    }
    std::size_t write_some(std::span<const std::byte> from, std::error_code& ec, Deadline by) const {
        return verbs_->write(stream_, from, ec, by);
    }

private:
    struct Verbs {
        std::size_t (*read)(void*, std::span<std::byte>, std::error_code&, Deadline);
        std::size_t (*write)(void*, std::span<const std::byte>, std::error_code&, Deadline);
    };
    template <class S>
    static constexpr Verbs verbs_of{
        [](void* stream, std::span<std::byte> into, std::error_code& ec, Deadline by) {
            return static_cast<S*>(stream)->read_some(into, ec, by);
        },
        [](void* stream, std::span<const std::byte> from, std::error_code& ec, Deadline by) {
            return static_cast<S*>(stream)->write_some(from, ec, by);
        }};

    void* stream_;
    const Verbs* verbs_;
};

}  // namespace grove::detail
