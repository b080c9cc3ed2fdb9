#include <grove/base/error.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/net/dns.hpp>

#include "core/scheduler.hpp"
#include "net/resolver.hpp"
#include "net/sockaddr.hpp"

#include <cerrno>
#include <iterator>
#include <memory>
#include <netdb.h>
#include <utility>

namespace grove {

namespace detail {

namespace {

// So many look-ups may hang on a dead server before the others queue. A thread that waits costs little.
constexpr unsigned pool_threads = 8;

// A name in DNS has 253 characters at most.
constexpr std::size_t longest_host = 253;

std::error_code to_error(int code) noexcept {
    switch (code) {
        case 0:
            return {};
        case EAI_AGAIN:
            return std::make_error_code(std::errc::resource_unavailable_try_again);
        case EAI_MEMORY:
            return std::make_error_code(std::errc::not_enough_memory);
        case EAI_SYSTEM:
            return {errno, std::generic_category()};
        default:
            return Errc::no_such_host;
    }
}

}  // namespace

Resolved look_up(const std::string& host) {
    struct Free {
        void operator()(addrinfo* list) const noexcept { ::freeaddrinfo(list); }
    };
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;  // else each address comes once per kind of socket
    hints.ai_flags = AI_ADDRCONFIG;
    addrinfo* found = nullptr;
    const std::error_code ec = to_error(::getaddrinfo(host.c_str(), nullptr, &hints, &found));
    if (ec) return {.addresses = {}, .ec = ec};
    const std::unique_ptr<addrinfo, Free> list{found};
    Resolved resolved;
    for (const addrinfo* entry = list.get(); entry; entry = entry->ai_next) {
        const int family = entry->ai_family;
        if (family == AF_INET || family == AF_INET6) resolved.addresses.push_back(to_ip(*entry->ai_addr));
    }
    if (resolved.addresses.empty()) resolved.ec = Errc::no_such_host;
    return resolved;
}

// --- In a runtime ---------------------------------------------------------------------------------

class Resolver::Job : public PoolJob, public InboxNode {
public:
    Job(Resolver& resolver, const std::string& host)
        : PoolJob{&work}, InboxNode{&arrive}, resolver_{resolver}, host_{host} {}

    void submit() {
        place_ = std::prev(resolver_.jobs_.end());
        resolver_.pool_.submit(*this);
    }
    /// False at the deadline. Blocks.
    [[nodiscard]] bool wait(Deadline by) {
        const OutsideWork outside{resolver_.scheduler_};
        return detail::wait(waiter_, by, "resolve");
    }
    [[nodiscard]] Resolved take() noexcept { return std::move(resolved_); }

    /// Walks away from it.
    struct Leave {
        void operator()(Job* job) const noexcept {
            job->abandoned_ = true;
            if (job->done_) job->resolver_.jobs_.erase(job->place_);
        }
    };

private:
    static void work(PoolJob& node) noexcept {
        Job& job = static_cast<Job&>(node);
        try {
            job.resolved_ = job.resolver_.look_up_(job.host_);
        } catch (const std::bad_alloc&) {
            job.resolved_.ec = std::make_error_code(std::errc::not_enough_memory);
        }
        job.resolver_.scheduler_.post(job);
    }
    static void arrive(InboxNode& node) noexcept {
        Job& job = static_cast<Job&>(node);
        job.done_ = true;
        job.waiter_.notify_all();
        if (job.abandoned_) job.resolver_.jobs_.erase(job.place_);
    }

    Resolver& resolver_;
    std::list<Job>::iterator place_{};
    std::string host_;
    Resolved resolved_;
    WaitList waiter_;
    bool done_ = false;
    bool abandoned_ = false;
};

Resolver::Resolver() : scheduler_{*Scheduler::here()}, pool_{pool_threads, "grove-dns"} {}
Resolver::~Resolver() = default;

Resolved Resolver::resolve(const std::string& host, Deadline by) {
    Job& made = jobs_.emplace_back(*this, host);
    try {
        made.submit();
    } catch (const std::system_error& error) {  // no thread
        jobs_.pop_back();
        return {.addresses = {}, .ec = error.code()};
    }
    const std::unique_ptr<Job, Job::Leave> job{&made};
    if (job->wait(by)) return job->take();
    return {.addresses = {}, .ec = std::make_error_code(std::errc::timed_out)};
}

namespace {

Resolved resolve_name(const std::string& host, Deadline by) {
    if (running_greenlet) return Scheduler::here()->service<Resolver>().resolve(host, by);
    const GilReleased released;
    return look_up(host);
}

}  // namespace
}  // namespace detail

namespace net {

std::vector<IpAddress> resolve(std::string_view host, std::error_code& ec, Deadline by) {
    if (const IpAddress literal = IpAddress::parse(host, ec); !ec) return {literal};
    ec = Errc::no_such_host;
    if (host.empty() || host.size() > detail::longest_host || host.find('\0') != host.npos) return {};
    auto resolved = detail::resolve_name(std::string{host}, by);
    ec = resolved.ec;
    return std::move(resolved.addresses);
}

std::vector<IpAddress> resolve(std::string_view host, Deadline by) {
    std::error_code ec;
    auto addresses = resolve(host, ec, by);
    if (ec) throw std::system_error{ec, "resolve " + std::string{host}};
    return addresses;
}

}  // namespace net
}  // namespace grove
