#pragma once

#include <grove/base/timer.hpp>
#include <grove/base/unique_function.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/local.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace grove::detail {

/// What few greenlets have.
struct GreenletExtras {
    struct Link {
        LinkId id;
        UniqueFunction<void(GreenletRef)> call;
    };
    struct LateStart : Timer {
        LateStart(GreenletState& g, Fire f) noexcept : Timer{f}, greenlet{g} {}
        GreenletState& greenlet;
    };

    std::string name;
    std::exception_ptr exception_signal;  ///< what kill(exception) asks for
    std::vector<Link> links;              ///< a link leaves when its function begins to run
    std::vector<LocalValue> locals;
    std::optional<std::stop_source> stop;
    std::unique_ptr<LateStart> late_start;  ///< spawn_later(): until the time has come
};

[[nodiscard]] GreenletExtras& extras_of(GreenletState&);

}  // namespace grove::detail
