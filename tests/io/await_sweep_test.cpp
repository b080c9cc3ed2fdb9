#include "support/await_sweep.hpp"

#include <grove/io/file.hpp>
#include <grove/io/pipe.hpp>
#include <grove/io/process.hpp>
#include <grove/io/stream.hpp>

#include "io/scratch.hpp"
#include "io/stream_calls.hpp"
#include "support/faulty_os.hpp"

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace grove::testing;
using grove::Deadline;

namespace {

// --- Pipes and processes ----------------------------------------------------------------------------

using PipeEnds = Both<grove::ReadPipe, grove::WritePipe, &grove::make_pipe>;
using ReadPipe = ReadFrom<PipeEnds>;
using WritePipe = WriteTo<PipeEnds>;

struct WaitForChild {
    std::error_code run(Deadline by) {
        return cat.wait(by) ? std::error_code{} : std::make_error_code(std::errc::timed_out);
    }
    void help() { cat.input().close(); }
    void check() {
        help();
        CHECK(cat.wait() == 0);
    }
    static constexpr bool is_silent = true;
    grove::Process cat = grove::Process::start({.argv = {"cat"}, .input = grove::Stdio::pipe()});
};

/// It takes no more than fits into a pipe before the parent waits.
const std::vector<std::string> late_cat{"sh", "-c", "sleep 0.005; exec cat"};

struct Communicate {
    std::error_code run(Deadline by) {
        std::error_code ec;
        try {
            (void)child.communicate(by.is_never() && !begun ? std::string(200'000, 'x') : "", by);
        } catch (const std::system_error& error) {
            ec = error.code();
        }
        return ec;
    }
    void help() {}
    void check() {
        begun = true;
        CHECK_FALSE(run({}));
    }
    bool begun = false;
    grove::Process child = grove::Process::start({.argv = late_cat,
                                                  .input = grove::Stdio::pipe(),
                                                  .output = grove::Stdio::pipe(),
                                                  .errors = grove::Stdio::pipe()});
};

struct RunProcess {
    std::error_code run(Deadline by) {
        (void)grove::run_process(late_cat, std::string(200'000, 'x'), by);
        return {};
    }
    void help() {}
    void check() {}
};

// --- Files ------------------------------------------------------------------------------------------

/// A system that never says what memory holds: each read is io_uring's, however much the disk read ahead.
class ForgetfulOs final : public grove::detail::Os {
    ssize_t read_at(
        int fd, const iovec* parts, std::size_t count, std::uint64_t offset, int flags) noexcept override {
        return flags != 0 ? -EAGAIN : Os::read_at(fd, parts, count, offset, flags);
    }
};

/// The call reads what memory does not hold.
struct ReadColdFile {
    ReadColdFile() {
        put(scratch / "a", contents);
        file = grove::File::open(scratch / "a");
        make_cold(scratch / "a");
    }
    std::error_code run(Deadline by) { return read_one(file, by); }
    void help() {}
    void check() {
        file.seek(0);
        CHECK_FALSE(run(patience));
        CHECK_NOTHROW(file.close());
        CHECK(look(scratch / "a") == contents);
    }
    const std::string contents = noise(1 << 16);
    ForgetfulOs forgetful;
    OsScope forgets{forgetful};
    Scratch scratch;
    grove::File file;
};

/// The same by threads, and the system says at first that memory does not hold it.
struct ReadFileByThread : ReadColdFile {
    ReadFileByThread() { system.fail(Call::read_at, 1, EAGAIN); }
    FaultyOs system;
    OsScope scope{system};
};

struct Sync : ReadColdFile {
    Sync() { file = grove::File::open(scratch / "a", grove::OpenMode::read_write); }
    std::error_code run(Deadline) {
        std::error_code ec;
        if (file.write_at(0, bytes(contents), ec); !ec) file.sync(ec);
        return ec;
    }
};

struct ReplaceFile : ReadColdFile {
    std::error_code run(Deadline) {
        std::error_code ec;
        grove::write_file(scratch / "a", contents, ec);
        return ec;
    }
    void check() {
        CHECK(look(scratch / "a") == contents);
        CHECK(std::distance(std::filesystem::directory_iterator{scratch.path()}, {}) == 1);
    }
};

}  // namespace

TEST_SUITE_BEGIN("io/await_sweep");

SWEEP_AND_DEADLINE(ReadPipe)
SWEEP_AND_DEADLINE(WritePipe)
SWEEP_AND_DEADLINE(WaitForChild)
SWEEP(Communicate)
SWEEP(RunProcess)
SWEEP(ReadColdFile)
SWEEP(ReadFileByThread)
SWEEP(Sync)
SWEEP(ReplaceFile)

TEST_SUITE_END();
