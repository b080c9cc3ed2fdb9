#include <grove/base/error.hpp>
#include <grove/core/gil.hpp>
#include <grove/core/wait_list.hpp>
#include <grove/net/dns.hpp>

#include "core/scheduler.hpp"
#include "net/resolver.hpp"
#include "net/sockaddr.hpp"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <netdb.h>
#include <stdexcept>
#include <string_view>
#include <utility>

namespace grove {

namespace detail {

namespace {

// So many look-ups may hang on a dead server before the others queue. A thread that waits costs little.
constexpr unsigned pool_threads = 8;

// A name in DNS has 253 characters at most.
constexpr std::size_t longest_host = 253;

/// RFC 6761, 6.3: these names mean this machine, whatever a hosts file or a server may say.
bool is_localhost(std::string_view host) noexcept {
    constexpr std::string_view name = "localhost";
    if (host.ends_with('.')) host.remove_suffix(1);
    if (host.size() < name.size()) return false;
    const std::string_view labels = host.substr(0, host.size() - name.size());
    const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + ('a' - 'A') : a) == b; };
    return std::ranges::equal(host.substr(labels.size()), name, same) &&
           (labels.empty() || (labels.size() > 1 && labels.ends_with('.')));
}

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
    Job(Resolver& r, const std::string& h) : PoolJob{&work}, InboxNode{&arrive}, resolver{r}, host{h} {}

    Resolver& resolver;
    const std::string host;
    Resolved resolved;
    WaitList askers;

private:
    static void work(PoolJob& node) noexcept {
        Job& job = static_cast<Job&>(node);
        try {
            job.resolved = job.resolver.look_up_(job.host);
        } catch (const std::bad_alloc&) {
            job.resolved.ec = std::make_error_code(std::errc::not_enough_memory);
        }
        job.resolver.scheduler_.post(job);
    }
    static void arrive(InboxNode& node) noexcept {
        Job& job = static_cast<Job&>(node);
        job.resolver.arrived(job);
    }
};

Resolver::Resolver() : scheduler_{*Scheduler::here()}, pool_{pool_threads, "grove-dns"} {}
Resolver::~Resolver() = default;

void Resolver::set_options(const net::DnsOptions& options) noexcept {
    options_ = options;
    cache_.clear();
}

Resolved Resolver::resolve(const std::string& host, Deadline by) {
    if (const auto* known = cache_.find(host, scheduler_.now())) return {.addresses = *known, .ec = {}};
    std::shared_ptr<Job> job;
    try {
        job = join_or_start(host);
    } catch (const std::system_error& error) {  // no thread
        return {.addresses = {}, .ec = error.code()};
    }
    const OutsideWork outside{scheduler_};
    if (detail::wait(job->askers, by, "resolve")) return job->resolved;
    return {.addresses = {}, .ec = std::make_error_code(std::errc::timed_out)};
}

std::shared_ptr<Resolver::Job> Resolver::join_or_start(const std::string& host) {
    auto& place = in_flight_[host];
    if (place) return place;
    try {
        place = std::make_shared<Job>(*this, host);
        pool_.submit(*place);
        return place;
    } catch (...) {
        in_flight_.erase(host);
        throw;
    }
}

void Resolver::remember(const Job& job) noexcept {
    const auto& [cache_time, cache_size] = options_;
    if (cache_time <= Clock::duration::zero()) return;
    try {
        cache_.put(job.host, job.resolved.addresses, Deadline{cache_time}.at(), cache_size);
    } catch (const std::bad_alloc&) {
        // Asked again, then.
    }
}

void Resolver::arrived(Job& job) noexcept {
    const auto keep = in_flight_.extract(job.host);
    if (!job.resolved.ec) remember(job);
    job.askers.notify_all();
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

void set_dns_options(const DnsOptions& options) {
    if (!detail::running_greenlet) throw std::logic_error{"set_dns_options: only in a runtime"};
    detail::Scheduler::here()->service<detail::Resolver>().set_options(options);
}

std::vector<IpAddress> resolve(std::string_view host, std::error_code& ec, Deadline by) {
    if (const IpAddress literal = IpAddress::parse(host, ec); !ec) return {literal};
    ec = Errc::no_such_host;
    if (detail::is_localhost(host)) {
        ec.clear();
        return {IpAddress::loopback(), IpAddress::parse("::1")};
    }
    if (host.empty() || host.size() > detail::longest_host || host.find('\0') != host.npos) return {};
    auto resolved = detail::resolve_name(std::string{host}, by);
    ec = resolved.ec;
    return std::move(resolved.addresses);
}

std::vector<IpAddress> resolve(std::string_view host, Deadline by) {
    std::error_code ec;
    auto addresses = resolve(host, ec, by);
    const bool nobody = ec == std::errc::resource_unavailable_try_again;
    if (ec) {
        throw std::system_error{ec,
                                "resolve " + std::string{host} + (nobody ? ": no name server answers" : "")};
    }
    return addresses;
}

}  // namespace net
}  // namespace grove
