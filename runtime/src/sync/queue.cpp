#include <grove/base/assert.hpp>
#include <grove/sync/queue.hpp>

namespace grove {

ShutDown::ShutDown() : std::runtime_error{"the queue was shut down"} {}

GROVE_COLD void detail::throw_shut_down() {
    throw ShutDown{};
}

}  // namespace grove
