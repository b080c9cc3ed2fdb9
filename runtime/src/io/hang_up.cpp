#include "io/hang_up.hpp"

#include "platform/os.hpp"

#include <sys/socket.h>

namespace grove::detail {

void HangUp::shut_down() noexcept {
    const std::scoped_lock lock{mutex_};
    if (fd_ >= 0) (void)os().shutdown(fd_, SHUT_RDWR);
}

void HangUp::expire() noexcept {
    const std::scoped_lock lock{mutex_};
    fd_ = -1;
}

}  // namespace grove::detail
