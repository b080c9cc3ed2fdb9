// Process::communicate(): all pipes of a child at once.

#include <grove/io/process.hpp>

#include "core/gil_state.hpp"
#include "io/pipe_state.hpp"
#include "io/process_state.hpp"

#include <array>
#include <memory>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <vector>

namespace grove {

namespace detail {

namespace {

constexpr std::size_t piece_size = 64 * 1024;  // what a pipe holds

/// A pipe on which there is more to be done.
struct Side {
    Descriptor* descriptor;
    Descriptor::Direction direction;
};

/// A place in the line of a side, as in select().
class Place {
public:
    Place(Scheduler& scheduler, Side side, Waiter& waiter) : side_{side}, waiter_{waiter} {
        waiter_.list = &side_.descriptor->stand_in_line(scheduler, side_.direction);
    }
    ~Place() { side_.descriptor->leave_line(side_.direction, waiter_.outcome == Waiter::Outcome::notified); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

private:
    Side side_;
    Waiter& waiter_;
};

[[noreturn]] void throw_timed_out() {
    throw std::system_error{std::make_error_code(std::errc::timed_out), "Process::communicate"};
}

void wait_on_thread(std::span<const Side> sides, Deadline by) {
    std::vector<pollfd> entries;
    for (const Side& side : sides) {
        const short events = side.direction == Descriptor::reading ? short{POLLIN} : short{POLLOUT};
        entries.push_back({.fd = side.descriptor->fd(), .events = events, .revents = 0});
    }
    const GilReleased released;
    if (os().poll(entries.data(), entries.size(), by) == 0) throw_timed_out();
}

/// Until a call on one of them is worth a try.
void wait_for_any(std::span<const Side> sides, Deadline by) {
    Scheduler* const scheduler = Scheduler::here();
    if (!scheduler) return wait_on_thread(sides, by);
    for (const Side& side : sides) {
        if (side.descriptor->look(side.direction)) return;
    }
    std::array<Waiter, 3> waiters;
    std::array<std::optional<Place>, 3> places;
    for (std::size_t i = 0; i < sides.size(); ++i) places[i].emplace(*scheduler, sides[i], waiters[i]);
    if (!wait_any(std::span{waiters}.first(sides.size()), by, "Process::communicate")) throw_timed_out();
}

/// One talk with the child, from where the last one was broken off.
class Talk {
public:
    explicit Talk(ProcessState& state) : state_{state} {}

    void go_on(Deadline by) {
        for (;;) {
            sides_.clear();
            progress_ = false;
            feed();
            drain(state_.output, state_.conversation.output);
            drain(state_.errors, state_.conversation.errors);
            if (sides_.empty()) return;
            if (!progress_) {
                wait_for_any(sides_, by);
            } else if (by.passed()) {
                throw_timed_out();
            }
        }
    }

private:
    void feed() {
        Conversation& told = state_.conversation;
        if (!state_.input) return;
        std::error_code ec;
        const auto rest = std::as_bytes(std::span{told.input}).subspan(told.written);
        const std::size_t n = state_.input.write_some(rest, ec, at_once);
        told.written += n;
        const bool unwanted = ec == std::errc::broken_pipe;
        if (unwanted || told.written == told.input.size()) return state_.input.close();
        note(state_.input, Descriptor::writing, n, ec);
    }

    void drain(ReadPipe& pipe, std::string& all) {
        if (!pipe) return;
        std::error_code ec;
        const std::size_t n = pipe.read_some({piece_.get(), piece_size}, ec, at_once);
        all.append(reinterpret_cast<const char*>(piece_.get()), n);
        if (n == 0 && !ec) return pipe.close();
        note(pipe, Descriptor::reading, n, ec);
    }

    template <class Pipe>
    void note(const Pipe& pipe, Descriptor::Direction direction, std::size_t n, std::error_code ec) {
        if (ec && ec != std::errc::timed_out) throw std::system_error{ec, "Process::communicate"};
        if (n > 0) progress_ = true;
        sides_.push_back({PipeAccess::state(pipe), direction});
    }

    static constexpr Clock::time_point at_once{};

    ProcessState& state_;
    std::unique_ptr<std::byte[]> piece_{new std::byte[piece_size]};
    std::vector<Side> sides_;
    bool progress_ = false;
};

}  // namespace
}  // namespace detail

Output Process::communicate(std::string_view input, Deadline by) {
    if (!state_) throw std::system_error{Errc::closed, "Process::communicate"};
    detail::Conversation& told = state_->conversation;
    if (!input.empty()) {
        if (told.begun) throw std::logic_error{"Process::communicate: the input was given before"};
        if (!state_->input) throw std::logic_error{"Process::communicate: input, but no pipe to write it to"};
        told.input = input;
    }
    told.begun = true;
    detail::Talk{*state_}.go_on(by);
    const std::optional<int> status = wait(by);
    if (!status) detail::throw_timed_out();
    return {*status, std::move(told.output), std::move(told.errors)};
}

}  // namespace grove
