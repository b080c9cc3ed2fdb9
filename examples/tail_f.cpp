// tail_f FILE...: prints what is added to the files from now on, until a signal stops it. What `tail -f`
// does.
#include <grove/io/pipe.hpp>
#include <grove/io/stream.hpp>

#include "program.hpp"

#include <sys/inotify.h>

#include <array>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

namespace {

struct Followed {
    std::string name;
    std::ifstream file;
};

/// A page that was just written is in memory: this does not wait.
std::string news_of(Followed& followed) {
    followed.file.clear();  // the end that was met last time
    return {std::istreambuf_iterator<char>{followed.file}, {}};
}

void follow(const std::vector<std::string>& names) {
    auto changes = grove::ReadPipe::adopt(::inotify_init1(IN_CLOEXEC));
    auto out = grove::standard_output();
    std::map<int, Followed> files;
    for (const std::string& name : names) {
        const int watch = ::inotify_add_watch(changes.native_handle(), name.c_str(), IN_MODIFY);
        if (watch < 0) throw std::system_error{errno, std::generic_category(), name};
        files[watch] = {name, std::ifstream{name, std::ios::binary | std::ios::ate}};
    }
    grove::write(out, "following\n");
    for (std::array<std::byte, 4096> records;;) {
        const std::size_t size = changes.read_some(records);
        for (std::size_t at = 0; at < size;) {
            inotify_event event;
            std::memcpy(&event, &records[at], sizeof event);
            at += sizeof event + event.len;
            if (event.mask & IN_MODIFY) grove::write(out, news_of(files[event.wd]));
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Prints what is added to files.", "tail_f"};
    std::vector<std::string> names;
    app.add_option("files", names, "files to follow")->required();

    return run_program(app, argc, argv, [&] { follow(names); });
}
