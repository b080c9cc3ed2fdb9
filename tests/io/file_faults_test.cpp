// Files among kills, deadlines and faults.

#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>
#include <grove/core/timeout.hpp>
#include <grove/io/file.hpp>
#include <grove/io/stream.hpp>

#include "core/run_main.hpp"
#include "core/scheduler.hpp"
#include "io/file_service.hpp"
#include "io/scratch.hpp"
#include "support/child_process.hpp"
#include "support/faulty_os.hpp"
#include "support/grove_test.hpp"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Errc;
using grove::File;
using grove::OpenMode;
using grove::spawn;

namespace {

std::size_t read_eight(File& file) {
    std::string text(8, '\0');
    return file.read_some(room(text));
}

/// A disk that does not answer until it is told to. What is in memory it does not know.
class StuckDisk final : public grove::detail::Os {
public:
    ssize_t read_at(
        int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept override {
        if (flags != 0) return -EAGAIN;
        wait();
        return broken ? -EIO : Os::read_at(fd, parts, count, offset, flags);
    }
    int open(const char* path, int flags, mode_t mode) noexcept override {
        if (opens_stick) wait();
        return Os::open(path, flags, mode);
    }
    [[nodiscard]] bool allows_ring() const noexcept override { return false; }

    void answer() {
        const std::scoped_lock lock{mutex_};
        answers_ = true;
        changed_.notify_all();
    }
    /// How many wait for an answer.
    [[nodiscard]] int waiting() {
        const std::scoped_lock lock{mutex_};
        return waiting_;
    }

    bool opens_stick = false;
    bool broken = false;  // the answer is EIO

private:
    void wait() {
        std::unique_lock lock{mutex_};
        ++waiting_;
        changed_.wait(lock, [this] { return answers_; });
        --waiting_;
    }

    std::mutex mutex_;
    std::condition_variable changed_;
    bool answers_ = false;
    int waiting_ = 0;
};

void until_waiting(StuckDisk& disk, int n) {
    while (disk.waiting() < n) grove::sleep(1ms);
}

/// A File there, and its eight bytes.
struct OnStuckDisk {
    OnStuckDisk() {
        put(scratch / "a", "contents");
        file = std::make_unique<File>(File::open(scratch / "a"));
    }
    [[nodiscard]] auto start_reading() {
        auto reader = spawn([this] { return read_eight(*file); });
        until_waiting(disk, 1);
        return reader;
    }

    const Scratch scratch;
    StuckDisk disk;
    const OsScope scope{disk};
    std::unique_ptr<File> file;
};

}  // namespace

TEST_SUITE_BEGIN("io/file_faults");

GROVE_TEST("a file of /proc that gives only what one read takes is read whole") {
    CHECK(grove::read_file("/proc/sys/kernel/pid_max") == look("/proc/sys/kernel/pid_max"));
}

TEST_CASE("a copy keeps set-user-ID, which writing takes away from those who are not root") {
    constexpr auto permissions = static_cast<std::filesystem::perms>(04755);
    const auto end = run_child([] {
        if (::geteuid() == 0 && ::setuid(65534) != 0) std::_Exit(2);
        const Scratch scratch;
        put(scratch / "from", "contents");
        std::filesystem::permissions(scratch / "from", permissions);
        grove::run([&] { grove::copy_file(scratch / "from", scratch / "to"); });
        if (std::filesystem::status(scratch / "to").permissions() != permissions) std::_Exit(3);
        grove::run([&] { grove::write_file(scratch / "to", "others"); });
        if (std::filesystem::status(scratch / "to").permissions() != permissions) std::_Exit(4);
    });
    CHECK(end.exit_code == 0);
}

// --- A disk that does not answer ---------------------------------------------------------------------

GROVE_TEST_REAL("a killed reader leaves when the disk has let go of its buffer, not before") {
    OnStuckDisk stuck;
    auto reader = stuck.start_reading();
    reader.kill();
    CHECK_FALSE(reader.join(20ms));
    stuck.disk.answer();
    CHECK(reader.join(10s));
    CHECK(reader.killed());
    CHECK(stuck.file->position() == 0);
    CHECK(read_eight(*stuck.file) == 8);
}

GROVE_TEST_REAL("a read that its deadline finds done is no failure, one that never began is") {
    OnStuckDisk stuck;
    File& file = *stuck.file;
    StuckDisk& disk = stuck.disk;
    const int threads = grove::detail::FileService::threads;
    std::vector<grove::Greenlet<std::size_t>> readers;
    for (int i = 0; i < threads; ++i) {
        readers.push_back(spawn([&] {
            std::string text(8, '\0');
            return file.read_at(0, room(text));
        }));
    }
    until_waiting(disk, threads);

    // All threads are taken: this one is cancelled in the queue, and leaves with it.
    std::error_code ec;
    auto late = spawn([&] {
        std::string text(8, '\0');
        return file.read_some(room(text), ec, 5ms);
    });
    CHECK_FALSE(late.join(50ms));
    disk.answer();
    CHECK(late.get() == 0);
    CHECK(ec == std::errc::timed_out);
    CHECK(file.position() == 0);
    for (auto& reader : readers) CHECK(reader.get() == 8);
}

GROVE_TEST_REAL("who waits at the position has it for himself") {
    OnStuckDisk stuck;
    auto reader = stuck.start_reading();
    std::error_code ec;
    std::string text(8, '\0');
    CHECK(stuck.file->read_some(room(text), ec) == 0);
    CHECK(ec == Errc::concurrent_use);
    stuck.disk.answer();
    CHECK(reader.get() == 8);
}

GROVE_TEST_REAL("close waits for who still reads, and newcomers are refused") {
    OnStuckDisk stuck;
    File& file = *stuck.file;
    const int fd = file.native_handle();
    auto reader = stuck.start_reading();
    auto closer = spawn([&] { file.close(); });
    CHECK_FALSE(closer.join(10ms));
    CHECK(::fcntl(fd, F_GETFD) >= 0);  // or the number could be another file's by now
    std::string text(8, '\0');
    std::error_code ec;
    (void)file.read_at(0, room(text), ec);
    CHECK(ec == Errc::closed);
    stuck.disk.answer();
    CHECK(reader.get() == 8);
    CHECK_NOTHROW(closer.get());
    CHECK(::fcntl(fd, F_GETFD) < 0);
}

GROVE_TEST_REAL("a File that is destroyed, or whose closer is killed, is closed by the last who reads") {
    OnStuckDisk stuck;
    const int fd = stuck.file->native_handle();
    auto reader = stuck.start_reading();
    auto closer = spawn([&] { stuck.file->close(); });
    grove::yield();
    closer.kill();
    closer.join();
    CHECK(closer.killed());
    stuck.file.reset();
    CHECK(::fcntl(fd, F_GETFD) >= 0);
    stuck.disk.answer();
    CHECK(reader.get() == 8);
    CHECK(::fcntl(fd, F_GETFD) < 0);
}

GROVE_TEST_REAL("what fails after the File was destroyed still names it") {
    OnStuckDisk stuck;
    stuck.disk.broken = true;
    auto reader = stuck.start_reading();
    stuck.file.reset();
    stuck.disk.answer();
    CHECK_THROWS_WITH(reader.get(), doctest::Contains(("read " + (stuck.scratch / "a").native()).c_str()));
}

GROVE_TEST_REAL("open is done to its end: a kill loses no descriptor") {
    const Scratch scratch;
    put(scratch / "a", "contents");
    StuckDisk disk;
    disk.opens_stick = true;
    const OsScope scope{disk};
    bool opened = false;
    auto opener = spawn([&] {
        const File file = File::open(scratch / "a");
        opened = file.is_open();
        grove::sleep(1h);
    });
    until_waiting(disk, 1);
    opener.kill();
    grove::yield();
    disk.answer();
    opener.join();
    CHECK(opener.killed());
    CHECK(opened);
}

GROVE_TEST_REAL("a deadline that has passed takes what memory holds, and waits for nothing") {
    const Scratch scratch;
    put(scratch / "a", "contents");
    std::string text(8, '\0');
    std::error_code ec;
    {
        File file = File::open(scratch / "a");
        CHECK(file.read_some(room(text), ec, 0s) == 8);
    }
    StuckDisk disk;
    const OsScope scope{disk};
    File file = File::open(scratch / "a");
    CHECK(file.read_some(room(text), ec, 0s) == 0);
    CHECK(ec == std::errc::timed_out);
}

// --- The disk there is -------------------------------------------------------------------------------

GROVE_TEST_REAL("readers of a cold file killed at any time leave, and the file stays whole") {
    const Scratch scratch;
    const std::string contents = noise(1 << 20);
    put(scratch / "a", contents);
    File file = File::open(scratch / "a", OpenMode::read_write);
    for (int round = 0; round < 20; ++round) {
        make_cold(scratch / "a");
        std::vector<grove::GreenletRef> readers;
        for (std::size_t i = 0; i < 32; ++i) {
            readers.push_back(spawn([&, i] {
                std::string text(4096, '\0');
                for (std::size_t at = i;; at = (at + 37) % 256) {
                    (void)file.read_at(at * 4096, room(text));
                    if (i % 4 == 0)
                        (void)file.write_at(at * 4096,
                                            bytes(std::string_view{contents}.substr(at * 4096, 4096)));
                    if (i % 8 == 1) file.sync();
                    grove::yield();
                }
            }));
        }
        for (int i = 0; i < round; ++i) grove::yield();
        for (auto& reader : readers) reader.kill();
        grove::join_all(readers);
    }
    file.close();
    CHECK(look(scratch / "a") == contents);
}

GROVE_TEST_REAL("time-outs of any length end reads and writes") {
    const Scratch scratch;
    const std::string contents = noise(1 << 20);
    put(scratch / "a", contents);
    int in_time = 0;
    for (int i = 0; i < 40; ++i) {
        make_cold(scratch / "a");
        in_time += grove::try_with_timeout(std::chrono::microseconds{i * 25}, [&] {
            if (grove::read_file(scratch / "a") != contents) FAIL("other contents");
            grove::write_file(scratch / "b", contents);
        });
    }
    CHECK(in_time < 40);
    (void)grove::remove(scratch / "b");
    CHECK(grove::list_directory(scratch.path()).size() == 1);  // no temporary file is left
}

// --- Where io_uring is refused -----------------------------------------------------------------------

namespace {

/// From now on this process is as in a container that forbids io_uring.
void forbid_io_uring() {
    sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{.len = std::size(rules), .filter = rules};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        std::_Exit(2);
    }
}

}  // namespace

TEST_CASE("where io_uring is refused native threads do the work, and the log says so once") {
    const Scratch scratch;
    const ChildEnd end = run_child([&] {
        ::unsetenv("GROVE_FILES");
        forbid_io_uring();
        for (int i = 0; i < 2; ++i) {
            grove::run([&] {
                grove::write_file(scratch / "a", "contents");
                if (grove::read_file(scratch / "a") != "contents") std::_Exit(3);
            });
        }
    });
    CHECK(end.exit_code == 0);
    const auto at = end.errors.find("io_uring is refused: Operation not permitted");
    CHECK(at != std::string::npos);
    CHECK(end.errors.find("io_uring", at + 20) == std::string::npos);
}

TEST_CASE("GROVE_FILES=io_uring takes no replacement; a word that means nothing is told") {
    const ChildEnd strict = run_child([] {
        ::setenv("GROVE_FILES", "io_uring", 1);
        forbid_io_uring();
        grove::run([] {
            try {
                (void)grove::status("/");
            } catch (const std::system_error& error) {
                if (error.code() == std::errc::operation_not_permitted) std::_Exit(7);
            }
        });
    });
    CHECK(strict.exit_code == 7);

    const ChildEnd wrong = run_child([] {
        ::setenv("GROVE_FILES", "magic", 1);
        grove::run([] { (void)grove::status("/"); });
    });
    CHECK(wrong.exit_code == 0);
    CHECK(wrong.errors.find("neither io_uring nor threads, and so means nothing: magic") !=
          std::string::npos);
}

// --- Faults --------------------------------------------------------------------------------------------

TEST_CASE("write_file with a fault at each call: old contents or new, nothing beside, no descriptor lost") {
    constexpr Call calls[] = {
        Call::open, Call::write_at, Call::sync, Call::close, Call::status, Call::set_mode, Call::rename};
    const Scratch scratch;
    int failures = 0;
    for (const Call call : calls) {
        put(scratch / "a", "old");
        const int before = open_descriptors();
        FaultyOs system;
        system.fail(call, 1, EIO, FaultyOs::for_ever);
        std::error_code ec;
        grove::detail::Environment environment;
        environment.os = &system;
        struct Body final : grove::detail::MainBody {
            void call() override { grove::write_file(path, "new", *ec); }
            std::filesystem::path path;
            std::error_code* ec = nullptr;
        } body;
        body.path = scratch / "a";
        body.ec = &ec;
        grove::detail::run_main({.stop_signals = {}}, body, std::move(environment));
        failures += ec == std::errc::io_error;
        CHECK(look(scratch / "a") == "old");
        CHECK(std::distance(std::filesystem::directory_iterator{scratch.path()}, {}) == 1);
        CHECK(open_descriptors() == before);
    }
    CHECK(failures == std::size(calls));
}

GROVE_TEST("short reads and writes, and signals in between, change nothing") {
    const Scratch scratch;
    static FaultyOs system;  // outlives the pool threads
    const OsScope scope{system};
    system.shorten(Call::write_at, 1, 3, 5);
    system.shorten(Call::read_at, 1, 2, 5);
    system.fail(Call::write_at, 6, EINTR);
    system.fail(Call::write_at, 7, EINTR);
    system.fail(Call::read_at, 6, EAGAIN);
    system.fail(Call::read_at, 7, EINTR);
    const std::string contents = noise(1000);
    grove::write_file(scratch / "a", contents);
    CHECK(grove::read_file(scratch / "a") == contents);
    CHECK(system.count(Call::write_at) > 7);
    CHECK(system.count(Call::read_at) > 7);
}

GROVE_TEST("a file system that cannot tell what is in memory is asked once") {
    const Scratch scratch;
    put(scratch / "a", "contents");
    static FaultyOs system;
    const OsScope scope{system};
    File file = File::open(scratch / "a");
    system.fail(Call::read_at, 1, EOPNOTSUPP);
    std::string text(8, '\0');
    CHECK(file.read_at(0, room(text)) == 8);
    CHECK(system.count(Call::read_at) == 2);
    CHECK(file.read_at(0, room(text)) == 8);
    CHECK(system.count(Call::read_at) == 3);
}

GROVE_TEST("an error of the disk is told by close") {
    const Scratch scratch;
    static FaultyOs system;
    const OsScope scope{system};
    File file = File::open(scratch / "a", OpenMode::write);
    system.fail(Call::close, 1, EIO);
    std::error_code ec;
    file.close(ec);
    CHECK(ec == std::errc::io_error);
    CHECK_FALSE(file.is_open());
}

TEST_SUITE_END();
