#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace grove::detail {

/// Room for what a function will have returned: a value, a reference or nothing.
template <class T>
class ValueSlot {
public:
    template <class F>
    void fill(F&& f) {
        value_.emplace(std::invoke(std::forward<F>(f)));
    }
    [[nodiscard]] bool filled() const noexcept { return value_.has_value(); }
    [[nodiscard]] const T& get() const noexcept { return *value_; }
    [[nodiscard]] T take() { return std::move(*value_); }
    void clear() noexcept { value_.reset(); }

private:
    std::optional<T> value_;
};

template <class T>
class ValueSlot<T&> {
public:
    template <class F>
    void fill(F&& f) {
        value_ = std::addressof(std::invoke(std::forward<F>(f)));
    }
    [[nodiscard]] bool filled() const noexcept { return value_ != nullptr; }
    [[nodiscard]] T& get() const noexcept { return *value_; }
    [[nodiscard]] T& take() noexcept { return *value_; }
    void clear() noexcept { value_ = nullptr; }

private:
    T* value_ = nullptr;
};

template <>
class ValueSlot<void> {
public:
    template <class F>
    void fill(F&& f) {
        std::invoke(std::forward<F>(f));
        filled_ = true;
    }
    [[nodiscard]] bool filled() const noexcept { return filled_; }
    void get() const noexcept {}
    void take() noexcept {}
    void clear() noexcept { filled_ = false; }

private:
    bool filled_ = false;
};

}  // namespace grove::detail
