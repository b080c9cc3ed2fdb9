#include "support/own_network.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>
#include <sched.h>
#include <system_error>
#include <unistd.h>

namespace grove::testing {

namespace {

void put(const std::string& path, const std::string& contents) {
    std::ofstream{path} << contents;
}

bool unshare_all() {
    const uid_t user = ::getuid();
    const gid_t group = ::getgid();
    const int as_user = user == 0 ? 0 : CLONE_NEWUSER;  // where he is root
    if (::unshare(CLONE_NEWNS | CLONE_NEWNET | as_user) != 0) return false;
    if (as_user) {
        put("/proc/self/setgroups", "deny");
        put("/proc/self/uid_map", "0 " + std::to_string(user) + " 1");
        put("/proc/self/gid_map", "0 " + std::to_string(group) + " 1");
    }
    return true;
}

bool bring_up_loopback() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    request.ifr_name[0] = 'l';
    request.ifr_name[1] = 'o';
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    const bool done = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    ::close(fd);
    return done;
}

}  // namespace

std::string enter_own_network(const std::string& resolv_conf) {
    const bool done = unshare_all() && ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
                      ::mount("grove", "/etc", "tmpfs", 0, nullptr) == 0 && bring_up_loopback();
    if (!done) return std::generic_category().message(errno);
    put("/etc/passwd", "root:x:0:0:root:/:/bin/sh\n");
    put("/etc/nsswitch.conf", "hosts: files dns\n");
    put("/etc/resolv.conf", resolv_conf);
    return "";
}

}  // namespace grove::testing
