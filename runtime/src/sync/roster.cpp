#include <grove/core/timeout.hpp>
#include <grove/sync/detail/roster.hpp>

namespace grove::detail {

Roster::Member* Roster::find(const GreenletState& g) const noexcept {
    for (EndWatch* watch = g.first_watch; watch; watch = watch->next) {
        if (watch->ended != &member_ended) continue;
        auto& member = static_cast<Member&>(*watch);
        if (&member.roster == this) return &member;
    }
    return nullptr;
}

bool Roster::contains(const GreenletState& g) const noexcept {
    return find(g) != nullptr;
}

void Roster::discard(GreenletState& g) noexcept {
    Member* const member = find(g);
    if (!member) return;
    remove_end_watch(*member);
    remove(*member, g);
}

void Roster::member_ended(EndWatch& watch, GreenletState& g) noexcept {
    auto& member = static_cast<Member&>(watch);
    member.roster.remove(member, g);
}

void Roster::remove(Member& member, const GreenletState& g) noexcept {
    member.home->erase(member.self);
    vacated(&g);
    if (!empty()) return;
    killing_ = doomed_;
    joiners_.notify_all();
}

void Roster::kill() noexcept {
    killing_ = doomed_ || !empty();
    while (!untroubled_.empty()) ask_first_to_end();
}

void Roster::ask_first_to_end() noexcept {
    Member& member = untroubled_.front();
    dying_.splice(dying_.end(), untroubled_, untroubled_.begin());
    member.home = &dying_;
    GreenletRef{GreenletPtr{member.greenlet}}.kill();
}

void Roster::set_doomed(bool doomed) noexcept {
    doomed_ = doomed;
    killing_ = doomed_ || (killing_ && !empty());
    if (doomed_) kill();
}

bool Roster::join(Deadline by, const char* what) {
    return empty() || wait(joiners_, by, what);
}

void Roster::end_all() noexcept {
    if (empty()) return;
    const Shield shield;
    while (!empty()) {
        kill();
        (void)join({}, "the end of a group");
    }
}

Roster::Seat::Seat(Roster& roster) : roster_{roster} {
    try {
        member_.emplace_back(roster);
    } catch (...) {
        roster_.vacated(nullptr);
        throw;
    }
}

Roster::Seat::~Seat() {
    if (!member_.empty()) roster_.vacated(nullptr);
}

void Roster::Seat::take(GreenletState& g) noexcept {
    Member& member = member_.front();
    member.home = &roster_.untroubled_;
    member.self = member_.begin();
    roster_.untroubled_.splice(roster_.untroubled_.end(), member_);
    add_end_watch(g, member);
    if (roster_.killing_) roster_.kill();
}

}  // namespace grove::detail
