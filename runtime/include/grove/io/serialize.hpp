#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

namespace grove {

/// Bytes that grow at the end.
class ByteWriter {
public:
    void write(std::span<const std::byte> bytes) {
        bytes_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
    [[nodiscard]] std::span<std::byte> bytes() noexcept { return std::as_writable_bytes(std::span{bytes_}); }

private:
    std::string bytes_;
};

/// Bytes taken from the front.
class ByteReader {
public:
    /// Requires: the bytes outlive the reader, and the views that were read from it.
    explicit ByteReader(std::span<const std::byte> bytes) noexcept : rest_{bytes} {}

    /// The next n. Throws Errc::bad_message if there are not so many.
    std::span<const std::byte> take(std::size_t n) {
        if (n > rest_.size()) throw_too_short();
        const auto taken = rest_.first(n);
        rest_ = rest_.subspan(n);
        return taken;
    }
    [[nodiscard]] std::size_t left() const noexcept { return rest_.size(); }

private:
    [[noreturn]] static void throw_too_short();
    std::span<const std::byte> rest_;
};

/// How values of a type become bytes and come back, between processes of one program on one machine: nothing
/// is said of other machines, or versions. There are: numbers, enumerations, std::string, std::vector,
/// std::pair, std::tuple, std::optional; and std::string_view and std::span<const std::byte>, which come back
/// as views of the bytes. For a type of your own, specialise it with two static functions
///
///     static void write(ByteWriter&, const T&);
///     static T read(ByteReader&);
///
/// or name its members: `template <> struct grove::Serialize<Point> : SerializeMembers<&Point::x, &Point::y>
/// {};`
template <class T>
struct Serialize;

template <class T>
concept Serializable = requires(ByteWriter& out, ByteReader& in, const T& value) {
    Serialize<T>::write(out, value);
    { Serialize<T>::read(in) } -> std::convertible_to<T>;
};

/// For a struct that can be made empty, by its members in that order.
template <auto First, auto... Rest>
struct SerializeMembers;

// ---------------------------------------------------------------------------------------------

template <class T>
requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) struct Serialize<T> {
    static void write(ByteWriter& out, const T& value) { out.write(std::as_bytes(std::span{&value, 1})); }
    static T read(ByteReader& in) {
        T value;
        std::memcpy(&value, in.take(sizeof value).data(), sizeof value);
        return value;
    }
};

template <>
struct Serialize<std::span<const std::byte>> {
    static void write(ByteWriter& out, std::span<const std::byte> bytes) {
        Serialize<std::uint64_t>::write(out, bytes.size());
        out.write(bytes);
    }
    static std::span<const std::byte> read(ByteReader& in) {
        return in.take(Serialize<std::uint64_t>::read(in));
    }
};

template <>
struct Serialize<std::string_view> {
    static void write(ByteWriter& out, std::string_view text) {
        Serialize<std::span<const std::byte>>::write(out, std::as_bytes(std::span{text}));
    }
    static std::string_view read(ByteReader& in) {
        const auto bytes = Serialize<std::span<const std::byte>>::read(in);
        return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    }
};

template <>
struct Serialize<std::string> {
    static void write(ByteWriter& out, std::string_view text) {
        Serialize<std::string_view>::write(out, text);
    }
    static std::string read(ByteReader& in) { return std::string{Serialize<std::string_view>::read(in)}; }
};

/// Numbers as a whole, others one by one.
template <Serializable T>
struct Serialize<std::vector<T>> {
    static_assert(!std::is_empty_v<T>, "elements that take no bytes cannot be counted by them");
    static constexpr bool as_a_whole =
        (std::is_arithmetic_v<T> || std::is_enum_v<T>)&&!std::is_same_v<T, bool>;

    static void write(ByteWriter& out, const std::vector<T>& all) {
        Serialize<std::uint64_t>::write(out, all.size());
        if constexpr (as_a_whole) {
            out.write(std::as_bytes(std::span{all}));
        } else {
            for (const auto& each : all) Serialize<T>::write(out, each);
        }
    }
    static std::vector<T> read(ByteReader& in) {
        const std::uint64_t n = Serialize<std::uint64_t>::read(in);
        std::vector<T> all;
        if constexpr (as_a_whole) {
            // Too many for the bytes there are is too many for take().
            const auto bytes = in.take(n > in.left() / sizeof(T) ? in.left() + 1 : n * sizeof(T));
            all.resize(n);
            if (n > 0) std::memcpy(all.data(), bytes.data(), bytes.size());
        } else {
            if (n > in.left()) (void)in.take(n);  // throws
            all.reserve(n);
            for (std::uint64_t i = 0; i < n; ++i) all.push_back(Serialize<T>::read(in));
        }
        return all;
    }
};

template <Serializable T>
struct Serialize<std::optional<T>> {
    static void write(ByteWriter& out, const std::optional<T>& value) {
        Serialize<bool>::write(out, value.has_value());
        if (value) Serialize<T>::write(out, *value);
    }
    static std::optional<T> read(ByteReader& in) {
        std::optional<T> value;
        if (Serialize<std::uint8_t>::read(in) != 0) value.emplace(Serialize<T>::read(in));
        return value;
    }
};

template <Serializable... T>
struct Serialize<std::tuple<T...>> {
    static void write(ByteWriter& out, const std::tuple<T...>& values) {
        std::apply([&out](const T&... each) { (Serialize<T>::write(out, each), ...); }, values);
    }
    static std::tuple<T...> read([[maybe_unused]] ByteReader& in) {
        return std::tuple<T...>{Serialize<T>::read(in)...};  // braces: in this order
    }
};

template <Serializable A, Serializable B>
struct Serialize<std::pair<A, B>> {
    static void write(ByteWriter& out, const std::pair<A, B>& both) {
        Serialize<A>::write(out, both.first);
        Serialize<B>::write(out, both.second);
    }
    static std::pair<A, B> read(ByteReader& in) {
        return std::pair<A, B>{Serialize<A>::read(in), Serialize<B>::read(in)};
    }
};

namespace detail {
template <class Class, class Member>
Class class_of(Member Class::*);
template <class Class, class Member>
Member member_of(Member Class::*);
}  // namespace detail

template <auto First, auto... Rest>
struct SerializeMembers {
    using T = decltype(detail::class_of(First));

    static void write(ByteWriter& out, const T& object) {
        Serialize<decltype(detail::member_of(First))>::write(out, object.*First);
        (Serialize<decltype(detail::member_of(Rest))>::write(out, object.*Rest), ...);
    }
    static T read(ByteReader& in) {
        T object{};
        object.*First = Serialize<decltype(detail::member_of(First))>::read(in);
        ((object.*Rest = Serialize<decltype(detail::member_of(Rest))>::read(in)), ...);
        return object;
    }
};

}  // namespace grove
