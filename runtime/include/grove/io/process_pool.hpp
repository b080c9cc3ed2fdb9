#pragma once

#include <grove/io/serialize.hpp>
#include <grove/sync/group.hpp>

#include <concepts>
#include <cstddef>
#include <cstring>
#include <functional>
#include <memory>
#include <ranges>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace grove {

namespace detail {
class ProcessPoolState;
}

/// The process that worked on a job has ended.
class WorkerDied : public std::runtime_error {
public:
    WorkerDied(int pid, int status);
    [[nodiscard]] int status() const noexcept { return status_; }  ///< as Process::wait: -n is signal n

private:
    int status_;
};

/// What a job threw in its process. what() is its text.
class RemoteError : public std::runtime_error {
public:
    RemoteError(std::string type, const std::string& text)
        : std::runtime_error{text}, type_{std::move(type)} {}
    [[nodiscard]] const std::string& type() const noexcept { return type_; }  ///< "std::out_of_range"

private:
    std::string type_;
};

struct ProcessPoolOptions {
    std::size_t workers = 0;              ///< processes; 0: one per core
    std::size_t max_message = 256 << 20;  ///< bytes of a job's arguments, or of its result
};

/// Functions run in processes of their own, Python's multiprocessing.Pool: one that crashes, leaks or
/// never returns harms nobody else. The price is that arguments and results are turned into bytes
/// (Serialize), copied to another process and back; offload() runs f in this one, without a copy.
///
/// The processes are forked by the constructor, and when one has to be replaced: see fork() for what that
/// means. Of the descriptors a worker keeps those that an exec would keep. In it there is no runtime; a job
/// may run() one. The system kills the workers when the thread ends that made the pool. For the greenlets of
/// one runtime.
class ProcessPool {
public:
    /// Throws std::system_error if there are no processes to be had.
    explicit ProcessPool(const ProcessPoolOptions& = {});
    ~ProcessPool();  ///< Kills the workers. Requires: no call is under way. Blocks.
    ProcessPool(const ProcessPool&) = delete;
    ProcessPool& operator=(const ProcessPool&) = delete;

    /// f(args...) in a process that is free, first come first served; its result. f is a function, or a
    /// lambda without captures: what it needs are arguments. Blocks.
    ///
    /// Throws RemoteError if f throws, WorkerDied if its process ends, errc::message_size past the limit. A
    /// caller that is killed, or whose Timeout expires, takes the process with it, by SIGKILL, and f with
    /// that; another takes its place.
    template <class F, class... Args>
    auto apply(F f, const Args&... args);

    /// apply(f, input) for each, as many at once as there are workers; Pool's maps. Blocks.
    template <std::ranges::input_range R, class F>
    auto map(R&& inputs, F f) {
        return callers_.map(std::forward<R>(inputs), caller_of(f));
    }
    template <std::ranges::input_range R, class F>
    [[nodiscard]] auto imap(R&& inputs, F f) {
        return callers_.imap(std::forward<R>(inputs), caller_of(f));
    }
    template <std::ranges::input_range R, class F>
    [[nodiscard]] auto imap_unordered(R&& inputs, F f) {
        return callers_.imap_unordered(std::forward<R>(inputs), caller_of(f));
    }

    [[nodiscard]] std::size_t workers() const noexcept;

private:
    template <class F>
    auto caller_of(F f) {
        return [this, f](const auto& input) { return this->apply(f, input); };
    }

    std::unique_ptr<detail::ProcessPoolState> state_;
    Pool callers_;  // of the maps
};

// ---------------------------------------------------------------------------------------------

namespace detail {

/// Reads f and its arguments, calls it, writes its result. The same address in both processes: they are
/// forks.
using JobCall = void (*)(ByteReader& in, ByteWriter& out);

/// A message begins with its length, which is filled in when it is sent.
[[nodiscard]] ByteWriter begin_message();

/// A result as it came, with its first byte read.
struct JobResult {
    std::unique_ptr<std::byte[]> bytes;
    std::span<const std::byte> value;
};
[[nodiscard]] JobResult exchange(ProcessPoolState&, ByteWriter& message);

/// What an argument is on the other side.
template <class T>
using JobArgument =
    std::conditional_t<std::is_convertible_v<T, const char*>, std::string, std::remove_cvref_t<T>>;

template <class T>
inline constexpr bool is_view =
    std::is_same_v<T, std::string_view> || std::is_same_v<T, std::span<const std::byte>>;

template <class F>
concept Stateless = std::is_empty_v<F> && std::default_initializable<F>;
template <class F>
concept FunctionPointer = std::is_pointer_v<F> && std::is_function_v<std::remove_pointer_t<F>>;

template <FunctionPointer F>
void write_function(ByteWriter& out, F f) {
    out.write(std::as_bytes(std::span{&f, 1}));
}
template <FunctionPointer F>
F read_function(ByteReader& in) {
    F f = nullptr;
    std::memcpy(&f, in.take(sizeof f).data(), sizeof f);
    return f;
}

template <class F, class... Args>
void call_job(ByteReader& in, ByteWriter& out) {
    F f{};
    if constexpr (FunctionPointer<F>) f = read_function<F>(in);
    auto args = Serialize<std::tuple<Args...>>::read(in);
    using R = std::decay_t<decltype(std::apply(f, std::move(args)))>;
    if constexpr (std::is_void_v<R>) {
        std::apply(f, std::move(args));
    } else {
        Serialize<R>::write(out, std::apply(f, std::move(args)));
    }
}

}  // namespace detail

template <class F, class... Args>
auto ProcessPool::apply(F f, const Args&... args) {
    static_assert(detail::Stateless<F> || detail::FunctionPointer<F>,
                  "what f captures is in this process: pass it as arguments");
    static_assert((Serializable<detail::JobArgument<Args>> && ...), "an argument needs a grove::Serialize");
    static_assert(std::invocable<F&, detail::JobArgument<Args>...>, "f cannot be called with these");
    using R = std::decay_t<std::invoke_result_t<F&, detail::JobArgument<Args>...>>;

    ByteWriter message = detail::begin_message();
    const detail::JobCall call = &detail::call_job<F, detail::JobArgument<Args>...>;
    detail::write_function(message, call);
    if constexpr (detail::FunctionPointer<F>) detail::write_function(message, f);
    (Serialize<detail::JobArgument<Args>>::write(message, args), ...);
    const detail::JobResult result = detail::exchange(*state_, message);
    if constexpr (!std::is_void_v<R>) {
        static_assert(Serializable<R>, "the result needs a grove::Serialize");
        static_assert(!detail::is_view<R>, "a view of what was left in another process");
        ByteReader in{result.value};
        return Serialize<R>::read(in);
    }
}

}  // namespace grove
