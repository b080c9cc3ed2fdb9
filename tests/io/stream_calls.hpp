#pragma once

#include <grove/io/stream.hpp>

#include "net/loopback.hpp"

#include <array>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

// The calls of streams, for support/await_sweep.hpp.

namespace grove::testing {

inline constexpr Clock::time_point at_once{};

/// Reads one piece, in a call that may be interrupted.
template <class Stream>
std::error_code read_one(Stream& stream, Deadline by) {
    std::array<std::byte, 256> buffer;
    std::error_code ec;
    (void)stream.read_some(buffer, ec, by);
    return ec;
}

/// Writes until the stream takes no more.
template <class Stream>
void fill_up(Stream& stream) {
    const std::string much(1 << 16, 'x');
    std::error_code ec;
    while (!ec) stream.write_some(bytes(much), ec, at_once);
}

template <class Stream>
void drain(Stream& stream) {
    std::vector<std::byte> buffer(1 << 16);
    std::error_code ec;
    while (!ec) stream.read_some(buffer, ec, at_once);
}

/// Ends: two streams, of which `near` reads what `far` writes.
template <class Ends>
struct ReadFrom : Ends {
    std::error_code run(Deadline by) { return read_one(this->near, by); }
    void help() { grove::write(this->far, "x"); }
    void check() {
        help();
        CHECK_FALSE(run(patience));
        CHECK(run(at_once) == std::errc::timed_out);
    }
    static constexpr bool is_silent = true;
};

/// `far` has written until nothing more is taken.
template <class Ends>
struct WriteTo : Ends {
    WriteTo() { fill_up(this->far); }
    std::error_code run(Deadline by) {
        std::error_code ec;
        (void)this->far.write_some(bytes("x"), ec, by);
        return ec;
    }
    void help() { drain(this->near); }
    void check() {
        help();
        CHECK_FALSE(run(patience));
    }
    static constexpr bool is_silent = true;
};

template <class Near, class Far, auto Make>
struct Both {
    std::pair<Near, Far> both = Make();
    Near& near = both.first;
    Far& far = both.second;
};
}  // namespace grove::testing
