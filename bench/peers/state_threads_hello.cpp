// baseline/thread_hello with the threads of State Threads.
#include "../baseline/listening.hpp"

#include <netinet/tcp.h>

#include <array>
#include <st.h>
#include <string>

namespace {

void* serve(void* socket) {
    const auto connection = static_cast<st_netfd_t>(socket);
    std::array<char, 4096> buffer;
    RequestCounter requests;
    std::string answers;
    for (;;) {
        const ssize_t n = st_read(connection, buffer.data(), buffer.size(), ST_UTIME_NO_TIMEOUT);
        if (n <= 0) break;
        const std::size_t complete = requests.count({buffer.data(), static_cast<std::size_t>(n)});
        answers.clear();
        for (std::size_t i = 0; i < complete; ++i) answers += hello;
        if (st_write(connection, answers.data(), answers.size(), ST_UTIME_NO_TIMEOUT) < 0) break;
    }
    st_netfd_close(connection);
    return nullptr;
}

}  // namespace

int main(int argc, char** argv) {
    if (st_set_eventsys(ST_EVENTSYS_ALT) != 0 || st_init() != 0) fail("st_init");  // epoll
    const st_netfd_t listener = st_netfd_open_socket(listen_on(port_of(argc, argv), 0));
    for (;;) {
        const st_netfd_t connection = st_accept(listener, nullptr, nullptr, ST_UTIME_NO_TIMEOUT);
        if (!connection) fail("st_accept");
        const int on = 1;
        setsockopt(st_netfd_fileno(connection), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (!st_thread_create(serve, connection, 0, 64 * 1024)) fail("st_thread_create");
    }
}
