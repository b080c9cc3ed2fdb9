#include "io/forked.hpp"

#include <sys/prctl.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string_view>
#include <unistd.h>
#include <vector>

namespace grove::detail {

bool die_with(pid_t parent) noexcept {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    return ::getppid() == parent;
}

void name_this_process(const std::string& name) {
    std::ofstream{"/proc/self/comm"} << name;
}

void flush_output() noexcept {
    std::cout.flush();
    std::fflush(stdout);
    std::fflush(stderr);
}

void close_as_exec_does(int keep) {
    std::vector<int> all;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/fd"}) {
        const std::string name = entry.path().filename();
        int fd = -1;
        std::from_chars(name.data(), name.data() + name.size(), fd);
        all.push_back(fd);
    }
    for (const int fd : all) {
        const int flags = ::fcntl(fd, F_GETFD);  // -1: it was the directory's
        if (fd != keep && flags >= 0 && (flags & FD_CLOEXEC) != 0) ::close(fd);
    }
}

std::string how_it_ended(int status) {
    if (status >= 0) return "ended with status " + std::to_string(status);
    return "was ended by signal " + std::to_string(-status) + " (" + ::strsignal(-status) + ")";
}

}  // namespace grove::detail
