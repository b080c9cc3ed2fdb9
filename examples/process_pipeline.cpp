// process_pipeline [COMMAND...]: runs the commands as a shell would run "a | b | c", and says how each ended.
// Without any: a pipeline of its own. Try it with `process_pipeline "ls /usr/bin" "grep z" "wc -l"`.
#include <grove/io/process.hpp>
#include <grove/io/stream.hpp>

#include "program.hpp"

#include <array>
#include <span>
#include <sstream>
#include <string>
#include <vector>

namespace {

std::vector<std::string> words(const std::string& command) {
    std::istringstream in{command};
    std::vector<std::string> result;
    for (std::string word; in >> word;) result.push_back(word);
    return result;
}

/// The output of the last is ours to read; each other's is the next one's input.
std::vector<grove::Process> start(const std::vector<std::string>& commands) {
    std::vector<grove::Process> children;
    for (const std::string& command : commands) {
        grove::ProcessOptions options{.argv = words(command), .output = grove::Stdio::pipe()};
        if (!children.empty()) options.input = std::move(children.back().output());
        children.push_back(grove::Process::start(std::move(options)));
    }
    return children;
}

void run_pipeline(const std::vector<std::string>& commands) {
    auto children = start(commands);
    auto out = grove::standard_output();
    std::array<std::byte, 4096> piece;
    while (const auto n = children.back().output().read_some(piece)) {
        grove::write(out, std::span{piece}.first(n));
    }
    auto errors = grove::standard_error();
    for (std::size_t i = 0; i < children.size(); ++i) {
        const int status = children[i].wait();
        grove::write(errors, commands[i] + ": " + std::to_string(status) + "\n");
    }
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Runs commands, each one's output the next one's input.", "process_pipeline"};
    std::vector<std::string> commands{"seq 1 100000", "grep 7", "sort -rn", "head -n 3"};
    app.add_option("commands", commands, "each of them one argument, its words separated by spaces");

    return run_program(app, argc, argv, [&] { run_pipeline(commands); });
}
