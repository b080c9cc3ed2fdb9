#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace grove {

template <class Signature>
class UniqueFunction;

/// A move-only std::function: holds any callable, also one that owns a Socket or a unique_ptr. Callables of
/// up to four words that move without throwing are kept inside, others on the heap.
/// Calling an empty one throws std::bad_function_call.
template <class R, class... Args>
class UniqueFunction<R(Args...)> {
public:
    UniqueFunction() noexcept = default;
    UniqueFunction(std::nullptr_t) noexcept {}

    template <class F>
    requires(!std::same_as<std::remove_cvref_t<F>, UniqueFunction> &&
             std::is_invocable_r_v<R, std::decay_t<F>&, Args...>) UniqueFunction(F&& f) {
        using Callable = std::decay_t<F>;
        constexpr bool may_be_null =
            std::is_pointer_v<std::remove_cvref_t<F>> || std::is_member_pointer_v<Callable>;
        if constexpr (may_be_null) {
            if (f == nullptr) return;
        }
        if constexpr (fits_inside<Callable>) {
            ::new (static_cast<void*>(room_)) Callable(std::forward<F>(f));
            verbs_ = &Inside<Callable>::verbs;
        } else {
            ::new (static_cast<void*>(room_)) Callable*(new Callable(std::forward<F>(f)));
            verbs_ = &OnHeap<Callable>::verbs;
        }
    }

    UniqueFunction(UniqueFunction&& other) noexcept { take(other); }
    UniqueFunction& operator=(UniqueFunction&& other) noexcept;
    UniqueFunction& operator=(std::nullptr_t) noexcept;
    ~UniqueFunction() { reset(); }

    [[nodiscard]] explicit operator bool() const noexcept { return verbs_ != nullptr; }
    R operator()(Args... args) {
        return verbs_ ? verbs_->call(*this, std::forward<Args>(args)...) : empty_call();
    }

private:
    struct Verbs {
        R (*call)(UniqueFunction&, Args&&...);
        void (*move)(UniqueFunction& from, UniqueFunction& to) noexcept;  // leaves `from` without an object
        void (*destroy)(UniqueFunction&) noexcept;
    };
    template <class F>
    static constexpr bool fits_inside =
        sizeof(F) <= 4 * sizeof(void*) &&
        alignof(F) <= alignof(void*) && std::is_nothrow_move_constructible_v<F>;
    template <class F>
    struct Inside;
    template <class F>
    struct OnHeap;

    template <class F>
    static R invoke(F& f, Args&&... args) {
        if constexpr (std::is_void_v<R>) {
            std::invoke(f, std::forward<Args>(args)...);
        } else {
            return std::invoke(f, std::forward<Args>(args)...);
        }
    }
    [[noreturn]] static R empty_call() { throw std::bad_function_call{}; }
    void take(UniqueFunction& other) noexcept;
    void reset() noexcept;

    const Verbs* verbs_ = nullptr;
    alignas(void*) std::byte room_[4 * sizeof(void*)];
};

// ---------------------------------------------------------------------------------------------

template <class R, class... Args>
template <class F>
struct UniqueFunction<R(Args...)>::Inside {
    static F& in(UniqueFunction& self) noexcept { return *std::launder(reinterpret_cast<F*>(self.room_)); }
    static R call(UniqueFunction& self, Args&&... args) {
        return invoke(in(self), std::forward<Args>(args)...);
    }
    static void move(UniqueFunction& from, UniqueFunction& to) noexcept {
        ::new (static_cast<void*>(to.room_)) F(std::move(in(from)));
        in(from).~F();
    }
    static void destroy(UniqueFunction& self) noexcept { in(self).~F(); }
    static constexpr Verbs verbs{call, move, destroy};
};

template <class R, class... Args>
template <class F>
struct UniqueFunction<R(Args...)>::OnHeap {
    static F*& in(UniqueFunction& self) noexcept { return *std::launder(reinterpret_cast<F**>(self.room_)); }
    static R call(UniqueFunction& self, Args&&... args) {
        return invoke(*in(self), std::forward<Args>(args)...);
    }
    static void move(UniqueFunction& from, UniqueFunction& to) noexcept {
        ::new (static_cast<void*>(to.room_)) F*(in(from));
    }
    static void destroy(UniqueFunction& self) noexcept { delete in(self); }
    static constexpr Verbs verbs{call, move, destroy};
};

template <class R, class... Args>
UniqueFunction<R(Args...)>& UniqueFunction<R(Args...)>::operator=(UniqueFunction&& other) noexcept {
    if (this != &other) {
        reset();
        take(other);
    }
    return *this;
}

template <class R, class... Args>
UniqueFunction<R(Args...)>& UniqueFunction<R(Args...)>::operator=(std::nullptr_t) noexcept {
    reset();
    return *this;
}

template <class R, class... Args>
void UniqueFunction<R(Args...)>::take(UniqueFunction& other) noexcept {
    verbs_ = std::exchange(other.verbs_, nullptr);
    if (verbs_) verbs_->move(other, *this);
}

template <class R, class... Args>
void UniqueFunction<R(Args...)>::reset() noexcept {
    if (const Verbs* verbs = std::exchange(verbs_, nullptr)) verbs->destroy(*this);
}

}  // namespace grove
