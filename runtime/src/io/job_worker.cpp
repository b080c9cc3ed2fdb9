#include "io/job_worker.hpp"

#include <grove/core/timeout.hpp>
#include <grove/io/process_pool.hpp>

#include "io/forked.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cxxabi.h>
#include <memory>
#include <string>
#include <typeinfo>
#include <unistd.h>

namespace grove::detail {

using namespace std::chrono_literals;

// --- In the process itself --------------------------------------------------------------------------

namespace {

std::string readable(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> name{
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free};
    return name ? name.get() : type.name();
}

void answer_failure(ByteWriter& answer, const std::string& type, const std::string& text) {
    answer = begin_message();
    Serialize<JobOutcome>::write(answer, JobOutcome::thrown);
    Serialize<std::string>::write(answer, type);
    Serialize<std::string>::write(answer, text);
}

void work_on(std::span<const std::byte> job, ByteWriter& answer) {
    answer = begin_message();
    try {
        ByteReader in{job};
        const auto call = read_function<JobCall>(in);
        Serialize<JobOutcome>::write(answer, JobOutcome::value);
        call(in, answer);
    } catch (const std::exception& error) {
        answer_failure(answer, readable(typeid(error)), error.what());
    } catch (...) {  // no greenlet is here that could be unwound; the caller is told
        const std::type_info* const type = abi::__cxa_current_exception_type();
        answer_failure(answer, type ? readable(*type) : "", "an exception that is no std::exception");
    }
}

/// Until the pool is gone.
void work(JobChannel channel, std::size_t max_message) {
    std::error_code ec;
    ByteWriter answer;
    for (;;) {
        const MessageBytes job = channel.receive(max_message, ec);
        if (!ec) work_on(job.span(), answer);
        flush_output();  // the pool ends its workers by a kill
        if (!ec) channel.send(answer.bytes(), ec);
        if (ec) return;
    }
}

}  // namespace

// --- As the pool sees it ----------------------------------------------------------------------------

JobWorker::Forked JobWorker::fork_worker(std::size_t max_message) {
    auto [ours, theirs] = JobChannel::make_sockets();
    flush_output();
    Process process = fork([&theirs = theirs, parent = ::getpid(), max_message] {
        if (!die_with(parent)) return 0;
        close_as_exec_does(theirs.get());
        name_this_process("grove-pool");
        (void)os().set_non_blocking(theirs.get(), false);  // it has nothing else to wait for
        work(JobChannel{std::move(theirs)}, max_message);
        return 0;
    });
    return {std::move(process), std::move(ours)};
}

JobWorker::JobWorker(std::size_t max_message) : JobWorker{fork_worker(max_message)} {}

JobWorker::JobWorker(Forked forked) : process_{std::move(forked.process)}, channel_{std::move(forked.ours)} {}

JobWorker::~JobWorker() {
    if (!process_) return;  // moved
    const Shield whatever_comes;
    kill();
    try {
        (void)process_.wait();
    } catch (const std::system_error&) {
        // Somebody else has collected it.
    }
}

void JobWorker::kill() noexcept {
    try {
        process_.kill(SIGKILL);
    } catch (const std::system_error&) {
        // It became another user's. The end of the channel ends it, too.
    }
}

int JobWorker::end() {
    if (const auto status = process_.wait(1s)) return *status;
    process_.kill(SIGKILL);  // it closed its end, and does something else
    return process_.wait();
}

}  // namespace grove::detail
