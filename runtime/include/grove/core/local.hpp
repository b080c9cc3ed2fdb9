#pragma once

#include <concepts>
#include <cstdint>
#include <memory>

namespace grove {

namespace detail {

/// A greenlet's values of all Locals: each is kept under its Local's key until one of the two ends.
struct LocalValue {
    std::uint64_t key;
    std::shared_ptr<void> value;
};
[[nodiscard]] std::uint64_t new_local_key() noexcept;
/// Null if the running greenlet has none yet. Throws std::logic_error outside of a greenlet.
[[nodiscard]] void* find_local(std::uint64_t key);
void add_local(LocalValue);
/// Takes the key's value from every greenlet of this thread's runtime.
void drop_locals(std::uint64_t key) noexcept;

}  // namespace detail

/// One T per greenlet, made by T{} on first use and destroyed when the greenlet ends. A Local that ends
/// before its greenlets takes its values along.
template <std::default_initializable T>
class Local {
public:
    Local() noexcept : key_{detail::new_local_key()} {}
    ~Local() { detail::drop_locals(key_); }
    Local(const Local&) = delete;
    Local& operator=(const Local&) = delete;

    [[nodiscard]] T& operator*() const;
    [[nodiscard]] T* operator->() const { return std::addressof(**this); }

private:
    std::uint64_t key_;
};

// ---------------------------------------------------------------------------------------------

template <std::default_initializable T>
T& Local<T>::operator*() const {
    if (void* found = detail::find_local(key_)) return *static_cast<T*>(found);
    auto made = std::make_shared<T>();
    T& value = *made;
    detail::add_local({key_, std::move(made)});
    return value;
}

}  // namespace grove
