#include "io/file_service.hpp"

#include <grove/core/gil.hpp>
#include <grove/core/runtime.hpp>

#include "base/log.hpp"
#include "core/greenlet_internal.hpp"

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <system_error>

namespace grove::detail {

namespace {

/// Once per process, not with each runtime; again only if there is something else to say.
void say_once(Level level, const std::string& text) noexcept {
    static std::atomic<std::size_t> said{0};
    const std::size_t saying = std::hash<std::string>{}(text);
    if (said.exchange(saying) != saying) log(level, text);
}

std::unique_ptr<FileRing> choose_ring() {
    const char* const text = std::getenv("GROVE_FILES");
    const std::string_view wish = text ? text : "";
    if (wish == "threads") {
        say_once(Level::info, "files: native threads work on them, as GROVE_FILES says");
        return nullptr;
    }
    if (!wish.empty() && wish != "io_uring") {
        say_once(Level::warning,
                 "GROVE_FILES is neither io_uring nor threads, and so means nothing: " + std::string{wish});
    }
    std::error_code ec;
    auto ring = FileRing::make(ec);
    if (ec && wish == "io_uring") throw std::system_error{ec, "GROVE_FILES=io_uring"};
    if (ec)
        say_once(Level::info, "files: native threads work on them, for io_uring is refused: " + ec.message());
    return ring;
}

}  // namespace

FileService::FileService() : scheduler_{*Scheduler::here()}, ring_{choose_ring()} {
    scheduler_.set_file_backend(ring_ ? "io_uring" : "threads");
}

ssize_t FileService::perform(FileCall& call, Deadline by) {
    throw_if_signalled(*running_greenlet);
    if (ring_ && call.suits_ring() && os().allows_ring()) {
        const ssize_t result = ring_->perform(call, by);
        if (result != -EAGAIN) return result;
    }
    return perform_on_thread(call, by);
}

// --- on a pool thread -------------------------------------------------------------------------------

/// A call on its way to the pool and back.
class FileService::Errand final : public FileOperation, public PoolJob, public InboxNode {
public:
    Errand(Scheduler& scheduler, FileCall& call) noexcept
        : FileOperation{scheduler, call}, PoolJob{&work}, InboxNode{&come_back}, system_{os()} {}

private:
    static void work(PoolJob& job) noexcept {
        auto& self = static_cast<Errand&>(job);
        const bool cancelled = self.cancelled_.load(std::memory_order_relaxed);
        self.answer_ = cancelled ? -ECANCELED : self.call_.make(self.system_);
        self.scheduler_.post(self);
    }
    static void come_back(InboxNode& node) noexcept {
        auto& self = static_cast<Errand&>(node);
        self.finish(self.answer_);
    }
    /// A thread that has begun cannot be called back.
    void cancel() noexcept override { cancelled_.store(true, std::memory_order_relaxed); }

    Os& system_;
    std::atomic<bool> cancelled_{false};
    ssize_t answer_ = 0;
};

ssize_t FileService::perform_on_thread(FileCall& call, Deadline by) {
    if (!pool_) pool_ = std::make_unique<NativePool>(threads, "grove files");
    Errand errand{scheduler_, call};
    try {
        pool_->submit(errand);
    } catch (const std::system_error& error) {  // not even one thread could be started
        return -error.code().value();
    }
    return errand.wait(by);
}

// -----------------------------------------------------------------------------------------------------

ssize_t perform(FileCall& call, Deadline by) {
    Scheduler* const scheduler = Scheduler::here();
    if (scheduler && running_greenlet) return scheduler->service<FileService>().perform(call, by);
    const GilReleased released;
    return call.make(os());
}

}  // namespace grove::detail
