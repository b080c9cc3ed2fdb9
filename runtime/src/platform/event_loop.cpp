#include "platform/event_loop.hpp"

#include "base/log.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace grove::detail {

namespace {

std::unique_ptr<EventLoop> chosen_loop() {
    const char* const text = std::getenv("GROVE_POLLER");
    const std::string_view wish = text ? text : "";
    if (wish.empty() || wish == "epoll") return make_epoll_loop();
    if (wish == "asio") return make_asio_loop();
    throw std::invalid_argument{"GROVE_POLLER is neither epoll nor asio: " + std::string{wish}};
}

}  // namespace

bool EventLoop::wait_for_news(std::chrono::nanoseconds at_most) const noexcept {
    std::this_thread::sleep_for(at_most);
    return false;
}

std::unique_ptr<EventLoop> make_event_loop() {
    static std::atomic<bool> said{false};  // once per process, not with each runtime
    auto loop = chosen_loop();
    if (!said.exchange(true)) log(Level::debug, std::string{"events: the loop is "} + loop->name());
    return loop;
}

}  // namespace grove::detail
