#pragma once

#include <grove/base/error.hpp>
#include <grove/base/time.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/io/stream.hpp>

#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <concepts>
#include <cstddef>
#include <exception>
#include <optional>
#include <span>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

// Boost.Asio as a guest: its objects live in the event loop of the runtime, on the same thread, and its
// asynchronous operations block a greenlet like any other call:
//
//     boost::asio::steady_timer timer{grove::asio_context(), 50ms};
//     timer.async_wait(grove::use_greenlet);
//
// So do the libraries that are built on it.

namespace boost::beast {
enum class role_type;  // NOLINT(readability-identifier-naming): Beast's
}

namespace grove {

namespace detail {
template <class... Results>
class AsioOperation;
}

/// Where Asio's objects of this runtime live; made on first use. Whatever handler is not a use_greenlet runs
/// in the event loop with the Gil held, and may call all that does not block: spawn() a greenlet for the
/// rest. What it throws is logged. Throws std::logic_error on a plain thread.
[[nodiscard]] boost::asio::io_context& asio_context();

/// A completion token: the operation blocks this greenlet, then gives its result. What it reports as an
/// error_code is thrown as std::system_error, an exception_ptr is rethrown; several values come as a tuple.
///
/// A greenlet that is killed or times out meanwhile cancels the operation through its cancellation slot
/// (terminal) and waits for it to end, so buffers on its stack are safe; an operation that cannot be
/// cancelled is waited for. Needs a greenlet. Completions may come from any thread. Blocks.
class UseGreenlet {
public:
    constexpr UseGreenlet() noexcept = default;

    /// The same, but an error is put there instead of being thrown: `stream.async_connect(to,
    /// use_greenlet[ec])`.
    [[nodiscard]] constexpr UseGreenlet operator[](std::error_code& ec) const noexcept {
        return {&ec, nullptr};
    }
    [[nodiscard]] constexpr UseGreenlet operator[](boost::system::error_code& ec) const noexcept {
        return {nullptr, &ec};
    }

private:
    template <class...>
    friend class detail::AsioOperation;
    constexpr UseGreenlet(std::error_code* ec, boost::system::error_code* boosts) noexcept
        : error_{ec}, boosts_{boosts} {}

    void report(const boost::system::error_code& ec) const {
        if (error_) *error_ = ec;
        if (boosts_) *boosts_ = ec;
        if (ec && !error_ && !boosts_) throw std::system_error{ec, "an Asio operation"};
    }

    std::error_code* error_ = nullptr;
    boost::system::error_code* boosts_ = nullptr;
};

inline constexpr UseGreenlet use_greenlet{};

/// Shows a grove stream as Asio's SyncReadStream and SyncWriteStream: the synchronous half of a library on
/// Asio (Beast's WebSocket, asio::ssl::stream) then blocks just the greenlet. `by` holds for each call.
template <class S>
requires ReadStream<S> && WriteStream<S>
class AsioStream {
public:
    using next_layer_type = S;
    using lowest_layer_type = AsioStream;  // asio::ssl asks it for its executor
    using executor_type = boost::asio::io_context::executor_type;

    explicit AsioStream(S stream) noexcept(std::is_nothrow_move_constructible_v<S>)
        : stream_{std::move(stream)} {}

    [[nodiscard]] S& next_layer() noexcept { return stream_; }
    [[nodiscard]] AsioStream& lowest_layer() noexcept { return *this; }
    [[nodiscard]] executor_type get_executor() const { return asio_context().get_executor(); }
    /// The most a call may take from now on; std::errc::timed_out then. Never, at first.
    void expires_after(std::optional<Clock::duration> delay) noexcept { delay_ = delay; }

    /// Throws std::system_error. Blocks.
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers) {
        boost::system::error_code ec;
        const std::size_t n = read_some(buffers, ec);
        if (ec) throw std::system_error{ec, "read_some"};
        return n;
    }
    /// boost::asio::error::eof at the end. Blocks.
    template <class Buffers>
    std::size_t read_some(const Buffers& buffers, boost::system::error_code& ec);
    /// Throws std::system_error. Blocks.
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        boost::system::error_code ec;
        const std::size_t n = write_some(buffers, ec);
        if (ec) throw std::system_error{ec, "write_some"};
        return n;
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, boost::system::error_code& ec);  ///< Blocks.

private:
    [[nodiscard]] Deadline by() const { return delay_ ? Deadline{*delay_} : Deadline{}; }

    S stream_;
    std::optional<Clock::duration> delay_;
};

/// What Beast calls when a WebSocket is closed in good order: the connection is left to its owner.
template <class S>
void teardown(boost::beast::role_type, AsioStream<S>&, boost::system::error_code& ec) {
    ec = {};
}

// ---------------------------------------------------------------------------------------------

namespace detail {

class Scheduler;

/// A greenlet waits for an operation of Asio's.
class AsioWait {
public:
    AsioWait();  // Throws std::logic_error on a plain thread.
    AsioWait(const AsioWait&) = delete;
    AsioWait& operator=(const AsioWait&) = delete;

    /// It has ended, or never will. Any thread.
    void complete() noexcept;
    [[nodiscard]] boost::asio::cancellation_slot cancellation_slot() noexcept { return cancel_.slot(); }

protected:
    ~AsioWait() = default;
    void wait();  // Blocks.

private:
    void arrived() noexcept;

    Scheduler& scheduler_;
    boost::asio::cancellation_signal cancel_;
    WaitList waiters_;
    bool done_ = false;
};

/// The same with what the operation gives.
template <class... Results>
class AsioOperation : public AsioWait {
public:
    /// Called by the operation, or destroyed with it.
    class Handler {
    public:
        using cancellation_slot_type = boost::asio::cancellation_slot;

        explicit Handler(AsioOperation& operation) noexcept : operation_{&operation} {}
        Handler(Handler&& other) noexcept : operation_{std::exchange(other.operation_, nullptr)} {}
        Handler& operator=(Handler&&) = delete;
        ~Handler() {
            if (operation_) operation_->complete();
        }

        [[nodiscard]] cancellation_slot_type get_cancellation_slot() const noexcept {
            return operation_->cancellation_slot();
        }
        void operator()(Results... results) {
            operation_->results_.emplace(std::move(results)...);
            std::exchange(operation_, nullptr)->complete();
        }

    private:
        AsioOperation* operation_;
    };

    /// Blocks.
    auto result(UseGreenlet token) {
        wait();
        if (!results_)
            throw std::system_error{std::make_error_code(std::errc::operation_canceled), "an Asio operation"};
        return split(token, std::move(*results_));
    }

private:
    template <class First, class... Rest>
    static auto split(UseGreenlet token, std::tuple<First, Rest...> all) {
        if constexpr (std::same_as<First, boost::system::error_code>) {
            token.report(std::get<0>(all));
            return values(
                std::apply([](First&, Rest&... rest) { return std::tuple{std::move(rest)...}; }, all));
        } else if constexpr (std::same_as<First, std::exception_ptr>) {
            if (std::get<0>(all)) std::rethrow_exception(std::get<0>(all));
            return values(
                std::apply([](First&, Rest&... rest) { return std::tuple{std::move(rest)...}; }, all));
        } else {
            return values(std::move(all));
        }
    }
    static void split(UseGreenlet, std::tuple<>) noexcept {}

    template <class First, class... Rest>
    static auto values(std::tuple<First, Rest...> all) {
        if constexpr (sizeof...(Rest) == 0) {
            return std::get<0>(std::move(all));
        } else {
            return all;
        }
    }
    static void values(std::tuple<>) noexcept {}

    std::optional<std::tuple<Results...>> results_;
};

}  // namespace detail

template <class S>
requires ReadStream<S> && WriteStream<S>
template <class Buffers>
std::size_t AsioStream<S>::read_some(const Buffers& buffers, boost::system::error_code& ec) {
    ec = {};
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
        const boost::asio::mutable_buffer into{*it};
        if (into.size() == 0) continue;
        std::error_code error;
        const std::size_t n =
            stream_.read_some(std::span{static_cast<std::byte*>(into.data()), into.size()}, error, by());
        ec = error;
        if (!error && n == 0) ec = boost::asio::error::eof;
        return n;
    }
    return 0;
}

template <class S>
requires ReadStream<S> && WriteStream<S>
template <class Buffers>
std::size_t AsioStream<S>::write_some(const Buffers& buffers, boost::system::error_code& ec) {
    ec = {};
    const auto end = boost::asio::buffer_sequence_end(buffers);
    for (auto it = boost::asio::buffer_sequence_begin(buffers); it != end; ++it) {
        const boost::asio::const_buffer from{*it};
        if (from.size() == 0) continue;
        std::error_code error;
        const std::size_t n = stream_.write_some(
            std::span{static_cast<const std::byte*>(from.data()), from.size()}, error, by());
        ec = error;
        return n;
    }
    return 0;
}

}  // namespace grove

template <class R, class... Results>
class boost::asio::async_result<grove::UseGreenlet, R(Results...)> {
public:
    template <class Initiation, class... Args>
    static auto initiate(Initiation&& initiation, grove::UseGreenlet token, Args&&... args) {
        using Operation = grove::detail::AsioOperation<std::decay_t<Results>...>;
        Operation operation;
        std::forward<Initiation>(initiation)(typename Operation::Handler{operation},
                                             std::forward<Args>(args)...);
        return operation.result(token);
    }
};
