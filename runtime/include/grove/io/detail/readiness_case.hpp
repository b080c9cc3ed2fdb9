#pragma once

#include <grove/sync/detail/select_case.hpp>

#include <functional>
#include <utility>

namespace grove::detail {

class Descriptor;

/// A descriptor of which a call would not wait.
class ReadinessCaseBase : public SelectCaseBase {
public:
    enum class Direction { reading, writing };

    [[nodiscard]] bool ready() const override;
    void enroll(Waiter&) override;
    void leave() noexcept override;

protected:
    ReadinessCaseBase(Descriptor& descriptor, Direction direction) noexcept
        : descriptor_{&descriptor}, direction_{direction} {}
    ReadinessCaseBase(ReadinessCaseBase&&) noexcept = default;
    ReadinessCaseBase& operator=(ReadinessCaseBase&&) noexcept = default;
    ~ReadinessCaseBase() = default;

private:
    Descriptor* descriptor_;
    Direction direction_;
    const Waiter* waiter_ = nullptr;  // while it stands in line
};

template <class F>
class ReadinessCase final : public ReadinessCaseBase {
public:
    ReadinessCase(Descriptor& descriptor, Direction direction, F f)
        : ReadinessCaseBase{descriptor, direction}, f_{std::move(f)} {}

    void act() override { std::invoke(f_); }

private:
    F f_;
};

}  // namespace grove::detail
