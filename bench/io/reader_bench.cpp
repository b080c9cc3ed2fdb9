#include <grove/io/stream.hpp>

#include "support/bench.hpp"

#include <algorithm>
#include <string>

namespace {

/// The same bytes again and again, 4 KiB at a time.
class Repeated {
public:
    explicit Repeated(const std::string& record) {
        while (text_.size() < 4096) text_ += record;
    }
    std::size_t read_some(std::span<std::byte> into, std::error_code& ec, grove::Deadline = {}) {
        ec.clear();
        if (at_ == text_.size()) at_ = 0;
        const std::size_t n = std::min(into.size(), text_.size() - at_);
        std::copy_n(std::as_bytes(std::span{text_}).data() + at_, n, into.data());
        at_ += n;
        return n;
    }

private:
    std::string text_;
    std::size_t at_ = 0;
};

}  // namespace

// A line of 40 characters is found by memchr and handed out as a view: nothing is allocated.
void reader_line(benchmark::State& state) {
    Repeated stream{std::string(40, 'x') + "\n"};
    grove::BufferedReader reader{stream};
    (void)reader.read_line();
    Counted counted{state};
    for (auto _ : state) benchmark::DoNotOptimize(reader.read_line());
}
GROVE_BENCHMARK(reader_line);

// A delimiter of four characters, as after an HTTP header.
void reader_blank_line(benchmark::State& state) {
    Repeated stream{std::string(400, 'x') + "\r\n\r\n"};
    grove::BufferedReader reader{stream};
    (void)reader.read_until("\r\n\r\n");
    Counted counted{state};
    for (auto _ : state) benchmark::DoNotOptimize(reader.read_until("\r\n\r\n"));
}
GROVE_BENCHMARK(reader_blank_line);
