// expect: deleted
#include <grove/net/socket.hpp>

#include <utility>

void f(grove::net::Socket socket) {
    grove::net::Socket moved{std::move(socket)};
    moved.close();
#ifdef FORBIDDEN
    grove::net::Socket copy{moved};
    copy.close();
#endif
}
