// Reads of regular files beside the bare system calls.

#include <grove/core/greenlet.hpp>
#include <grove/io/file.hpp>

#include "support/bench.hpp"

#include <sys/uio.h>

#include <cstddef>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t pages = 16 * 1024;  // 64 MiB
constexpr int at_once = 64;
constexpr int reads_each = 16;

/// A file of 64 MiB on a disk, which goes with the object.
class BigFile {
public:
    BigFile() {
        descriptor_ = ::mkstemp(path_.data());
        const std::string part(1 << 20, 'x');
        for (std::size_t i = 0; i < pages * page; i += part.size()) {
            if (::write(descriptor_, part.data(), part.size()) < 0) throw std::runtime_error{"no room"};
        }
        ::fsync(descriptor_);
    }
    ~BigFile() {
        ::close(descriptor_);
        ::unlink(path_.c_str());
    }
    BigFile(const BigFile&) = delete;
    BigFile& operator=(const BigFile&) = delete;

    [[nodiscard]] int descriptor() const { return descriptor_; }
    [[nodiscard]] const std::string& path() const { return path_; }
    /// Out of the page cache with it, and no reading ahead.
    void make_cold() const {
        ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_DONTNEED);
        ::posix_fadvise(descriptor_, 0, 0, POSIX_FADV_RANDOM);
    }

private:
    std::string path_ = "/var/tmp/grove-bench-XXXXXX";
    int descriptor_ = -1;
};

/// Somewhere else each time, and never twice in the memory of one round.
std::vector<std::size_t> random_offsets() {
    static std::minstd_rand random{42};
    std::vector<std::size_t> offsets(reads_each);
    for (auto& offset : offsets) offset = random() % pages * page;
    return offsets;
}

}  // namespace

// What is in the page cache: one system call, no switch.
void file_cached_read(benchmark::State& state) {
    const BigFile big;
    grove::File file = grove::File::open(big.path());
    std::vector<std::byte> buffer(page);
    (void)file.read_at(0, buffer);
    Counted counted{state};
    for (auto _ : state) benchmark::DoNotOptimize(file.read_at(0, buffer));
}
GROVE_BENCHMARK(file_cached_read);

// Its floor: the same call, bare.
void file_bare_preadv2(benchmark::State& state) {
    const BigFile big;
    std::vector<std::byte> buffer(page);
    const iovec part{buffer.data(), buffer.size()};
    for (auto _ : state) benchmark::DoNotOptimize(::preadv2(big.descriptor(), &part, 1, 0, RWF_NOWAIT));
}
GROVE_BENCHMARK(file_bare_preadv2);

void file_bare_pread(benchmark::State& state) {
    const BigFile big;
    std::vector<std::byte> buffer(page);
    for (auto _ : state) {
        benchmark::DoNotOptimize(::pread(big.descriptor(), buffer.data(), buffer.size(), 0));
    }
}
GROVE_BENCHMARK(file_bare_pread);

// 64 greenlets, each 16 reads in a row of what is on the disk alone.
void file_cold_reads(benchmark::State& state) {
    const BigFile big;
    grove::File file = grove::File::open(big.path());
    for (auto _ : state) {
        state.PauseTiming();
        big.make_cold();
        state.ResumeTiming();
        std::vector<grove::GreenletRef> readers;
        for (int i = 0; i < at_once; ++i) {
            readers.push_back(grove::spawn([&, offsets = random_offsets()] {
                const auto buffer = std::make_unique<std::byte[]>(page);
                for (const std::size_t offset : offsets) (void)file.read_at(offset, {buffer.get(), page});
            }));
        }
        grove::join_all(readers);
    }
    show_each(state, "read", at_once * reads_each);
}
GROVE_BENCHMARK(file_cold_reads)->UseRealTime();

// The same by 64 threads, who are started anew each round.
void file_cold_reads_by_threads(benchmark::State& state) {
    const BigFile big;
    for (auto _ : state) {
        state.PauseTiming();
        big.make_cold();
        state.ResumeTiming();
        std::vector<std::jthread> readers;
        for (int i = 0; i < at_once; ++i) {
            readers.emplace_back([&, offsets = random_offsets()] {
                const auto buffer = std::make_unique<std::byte[]>(page);
                for (const std::size_t offset : offsets) {
                    benchmark::DoNotOptimize(
                        ::pread(big.descriptor(), buffer.get(), page, static_cast<off_t>(offset)));
                }
            });
        }
    }
    show_each(state, "read", at_once * reads_each);
}
GROVE_BENCHMARK(file_cold_reads_by_threads)->UseRealTime();

// A whole small file that is in memory: open, read, close.
void file_read_small_file(benchmark::State& state) {
    const std::string path = "/var/tmp/grove-bench-small";
    grove::write_file(path, std::string(1000, 'x'));
    for (auto _ : state) benchmark::DoNotOptimize(grove::read_file(path));
    (void)grove::remove(path);
}
GROVE_BENCHMARK(file_read_small_file)->UseRealTime();
