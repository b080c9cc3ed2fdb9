#include <grove/sync/queue.hpp>

namespace grove {

ShutDown::ShutDown() : std::runtime_error{"the queue was shut down"} {}

}  // namespace grove
