#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

namespace grove::detail {

/// One element of a map with the function, which is shared; the element is its own, so f may have it as an
/// rvalue.
template <class F, class Input>
struct MapCall {
    using Argument = std::conditional_t<std::invocable<F&, Input>, Input&&, Input&>;
    using Output = std::decay_t<std::invoke_result_t<F&, Argument>>;

    Output operator()() { return std::invoke(f, static_cast<Argument>(input)); }

    F& f;
    Input input;
};

template <class F, class Input>
using MapOutput = typename MapCall<F, Input>::Output;

}  // namespace grove::detail
