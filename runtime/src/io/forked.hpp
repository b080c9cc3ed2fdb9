#pragma once

#include <sys/types.h>

#include <string>

// For a process that was just forked and goes on with our code, and for those who wait for it.

namespace grove::detail {

/// From now on the system kills this process when the thread ends that forked it. False: it has ended
/// already. Requires: the thread that calls it lives as long as the process.
[[nodiscard]] bool die_with(pid_t parent) noexcept;

/// For ps. Of the process, not of the thread that says so; 15 characters count.
void name_this_process(const std::string& name);

/// Of stdout, stderr and std::cout: what is buffered before a fork, both processes would write. Not of all
/// streams: another thread may wait in stdin for ever, and has locked it.
void flush_output() noexcept;

/// Closes what an exec would close, but one.
void close_as_exec_does(int keep);

/// "ended with status 3", "was ended by signal 11 (Segmentation fault)". Of what Process::wait gives.
[[nodiscard]] std::string how_it_ended(int status);

}  // namespace grove::detail
