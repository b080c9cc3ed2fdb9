#pragma once

#include <grove/io/pipe.hpp>

#include "io/descriptor.hpp"
#include "io/unique_fd.hpp"

namespace grove::detail {

/// How a descriptor is kept from blocking the thread.
enum class PipeMode : std::uint8_t {
    non_blocking,  ///< O_NONBLOCK
    polled,        ///< shared with processes that expect it to block: poll(2) before each call
    pooled,        ///< a regular file, which is always ready: the call itself goes to the offload pool
};

class PipeState final : public Descriptor {
public:
    PipeState(int fd, Kind kind, PipeMode mode) noexcept : Descriptor{fd, kind}, mode_{mode} {}
    [[nodiscard]] PipeMode mode() const noexcept { return mode_; }

private:
    ~PipeState() override = default;
    PipeMode mode_;
};

/// For the other parts of io.
struct PipeAccess {
    /// P: ReadPipe or WritePipe.
    template <class P>
    [[nodiscard]] static P make(UniqueFd fd, PipeMode mode);
    template <class P>
    [[nodiscard]] static PipeState* state(const P& pipe) noexcept {
        return pipe.state_.get();
    }
};

/// Non-blocking or not; throws.
void set_non_blocking(int fd, bool);

}  // namespace grove::detail
