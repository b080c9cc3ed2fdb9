#pragma once

namespace grove::detail {

class Descriptor;

/// For std::unique_ptr: closes. Greenlets that wait leave with Errc::closed, and find the object there until
/// then.
struct CloseDescriptor {
    void operator()(Descriptor*) const noexcept;
};

}  // namespace grove::detail
