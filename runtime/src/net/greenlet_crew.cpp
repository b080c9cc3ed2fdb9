#include <grove/core/greenlet.hpp>
#include <grove/core/wait_list.hpp>

#include "core/block_cache.hpp"
#include "core/scheduler.hpp"
#include "net/crew.hpp"

#include <utility>

namespace grove::detail {

namespace {

class GreenletCrew final : public Crew {
public:
    explicit GreenletCrew(Handler& handler) noexcept : handler_{handler} {}

    void serve(net::Socket) override;
    std::size_t size() const noexcept override { return size_; }
    bool wait_until_left(std::size_t n, Deadline) override;
    void hurry() noexcept override;
    bool includes_caller() const noexcept override;

private:
    /// Told of the end of its greenlet also when that is killed before it begins.
    struct Member final : EndWatch, InBlocks<> {
        explicit Member(GreenletCrew& c) noexcept : EndWatch{&left}, crew{c} {}
        static void left(EndWatch&, GreenletState&) noexcept;

        GreenletCrew& crew;
        Member* before = nullptr;
        Member* after = nullptr;
    };

    void add(Member&) noexcept;
    void remove(Member&) noexcept;

    Handler& handler_;
    Member* first_ = nullptr;
    std::size_t size_ = 0;
    WaitList one_left_;
};

void GreenletCrew::serve(net::Socket socket) {
    auto member = std::make_unique<Member>(*this);
    const auto greenlet =
        spawn([this, own = std::move(socket)]() mutable { serve_connection(handler_, std::move(own)); });
    add_end_watch(*GreenletAccess::state(greenlet), *member);
    add(*member.release());
}

void GreenletCrew::Member::left(EndWatch& watch, GreenletState&) noexcept {
    const std::unique_ptr<Member> member{&static_cast<Member&>(watch)};
    member->crew.remove(*member);
}

void GreenletCrew::add(Member& member) noexcept {
    member.after = first_;
    if (first_) first_->before = &member;
    first_ = &member;
    ++size_;
}

void GreenletCrew::remove(Member& member) noexcept {
    (member.before ? member.before->after : first_) = member.after;
    if (member.after) member.after->before = member.before;
    --size_;
    one_left_.notify_all();
}

bool GreenletCrew::wait_until_left(std::size_t n, Deadline by) {
    while (size_ > n) {
        if (!detail::wait(one_left_, by, "StreamServer: the end of a connection")) return false;
    }
    return true;
}

void GreenletCrew::hurry() noexcept {
    for (const Member* member = first_; member; member = member->after) {
        if (member->greenlet != running_greenlet) GreenletRef{GreenletPtr{member->greenlet}}.kill();
    }
}

bool GreenletCrew::includes_caller() const noexcept {
    const Member* member = first_;
    while (member && member->greenlet != running_greenlet) member = member->after;
    return member != nullptr;
}

}  // namespace

std::unique_ptr<Crew> make_greenlet_crew(Crew::Handler& handler) {
    return std::make_unique<GreenletCrew>(handler);
}

}  // namespace grove::detail
