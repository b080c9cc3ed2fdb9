#pragma once

#include <grove/base/value_slot.hpp>

#include <algorithm>
#include <atomic>
#include <concepts>
#include <exception>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <span>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove {

namespace detail {
template <class F>
struct OffloadResult : std::invoke_result<F> {};
template <std::invocable<std::stop_token> F>
struct OffloadResult<F> : std::invoke_result<F, std::stop_token> {};
}  // namespace detail

/// Runs f on a native pool thread, without the Gil, while this greenlet waits and others run; then
/// gives its result or rethrows. On a plain thread, and in another offload(), f runs right there. Blocks.
///
/// f may refer to the caller's locals: if this greenlet is killed or times out, offload() still
/// waits for f before it unwinds. An f that takes a std::stop_token is told to hurry.
template <class F>
typename detail::OffloadResult<F>::type offload(F&& f);

/// offload() for many: applies f to each element on the pool, as many at once as it has threads, and gives
/// the results in order. An exception stops what has not started and is rethrown, one of them if there
/// are several; a kill waits for all. Blocks.
template <std::ranges::input_range R, class F>
auto offload_map(R&& range, F f);

// ---------------------------------------------------------------------------------------------

namespace detail {

/// Told of a kill or time-out while its greenlet waits for native work. Any thread may be at that work.
struct Hurry {
    std::stop_source source;
};

/// One piece of native work; lies on the waiting greenlet's stack.
class OffloadJob {
public:
    virtual void work() noexcept = 0;  ///< on a pool thread, or the caller's own

    OffloadJob* next = nullptr;

protected:
    ~OffloadJob() = default;
};

/// Runs them on the pool and waits for all, however often this greenlet is killed meanwhile.
void run_offloaded(std::span<OffloadJob* const>, Hurry*);
/// How many pool threads there may be. 1 on a plain thread.
[[nodiscard]] std::size_t offload_width();

/// Calls f, and keeps its result or exception.
template <class R, class F>
class CallJob final : public OffloadJob {
public:
    explicit CallJob(F& f) noexcept : f_{f} {}

    void work() noexcept override {
        try {
            value_.fill([this]() -> R { return f_(); });
        } catch (...) {  // kept, and rethrown by result()
            error_ = std::current_exception();
        }
    }
    R result() {
        if (error_) std::rethrow_exception(error_);
        return value_.take();
    }

private:
    F& f_;
    ValueSlot<R> value_;
    std::exception_ptr error_;
};

template <class R, class F>
R offload_call(F&& f, Hurry* hurry) {
    CallJob<R, std::remove_reference_t<F>> job{f};
    OffloadJob* const jobs[] = {&job};
    run_offloaded(jobs, hurry);
    return job.result();
}

}  // namespace detail

template <class F>
typename detail::OffloadResult<F>::type offload(F&& f) {
    using R = typename detail::OffloadResult<F>::type;
    if constexpr (std::invocable<F, std::stop_token>) {
        detail::Hurry hurry;
        return detail::offload_call<R>(
            [&f, &hurry]() -> R { return std::invoke(std::forward<F>(f), hurry.source.get_token()); },
            &hurry);
    } else {
        return detail::offload_call<R>([&f]() -> R { return std::invoke(std::forward<F>(f)); }, nullptr);
    }
}

template <std::ranges::input_range R, class F>
auto offload_map(R&& range, F f) {
    using Input = std::ranges::range_value_t<R>;
    using Output = std::decay_t<std::invoke_result_t<F&, Input&>>;
    static_assert(!std::is_void_v<Output>, "offload_map collects results: f must return one");

    std::vector<Input> inputs;
    for (auto&& input : range) inputs.emplace_back(std::forward<decltype(input)>(input));
    std::vector<std::optional<Output>> outputs(inputs.size());
    std::atomic<std::size_t> next{0};
    detail::Hurry hurry;

    auto take_and_work = [&] {
        for (;;) {
            const std::size_t i = next.fetch_add(1, std::memory_order_relaxed);
            if (i >= inputs.size() || hurry.source.stop_requested()) return;
            try {
                outputs[i].emplace(std::invoke(f, inputs[i]));
            } catch (...) {
                hurry.source.request_stop();
                throw;
            }
        }
    };
    using Job = detail::CallJob<void, decltype(take_and_work)>;
    std::vector<Job> workers(std::min(inputs.size(), detail::offload_width()), Job{take_and_work});
    std::vector<detail::OffloadJob*> jobs;
    jobs.reserve(workers.size());
    for (Job& worker : workers) jobs.push_back(&worker);
    detail::run_offloaded(jobs, nullptr);
    for (Job& worker : workers) worker.result();

    std::vector<Output> results;
    results.reserve(outputs.size());
    for (auto& output : outputs) results.push_back(std::move(*output));
    return results;
}

}  // namespace grove
