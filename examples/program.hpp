#pragma once

#include <grove/core/runtime.hpp>
#include <grove/net/address.hpp>

#include <CLI/CLI.hpp>

#include <cstdint>
#include <exception>
#include <iostream>
#include <string>
#include <system_error>

// What the example programs share: the command line, and errors of one line.

/// Reads the command line, then calls main; what this returns is the program's exit status.
template <class F>
int call_program(CLI::App& app, int argc, char** argv, F&& main) {
    app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
        return failed->get_name() + ": " + error.what() + " (see --help)\n";
    });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 1;  // --help, or an error like others
    }

    std::string hint;
    const bool has_port = app.get_option_no_throw("--port") != nullptr;
    try {
        main();
        return 0;
    } catch (const std::system_error& error) {
        if (has_port && error.code() == std::errc::address_in_use)
            hint = "; choose another --port, or 0 for any free one";
        if (has_port && error.code() == std::errc::permission_denied) hint = "; ports below 1024 need root";
        std::cerr << app.get_name() << ": " << error.what() << hint << '\n';
    } catch (const std::exception& error) {
        std::cerr << app.get_name() << ": " << error.what() << '\n';
    }
    return 1;
}

/// The same, with main in a runtime.
template <class F>
int run_program(CLI::App& app, int argc, char** argv, F&& main) {
    return call_program(app, argc, argv, [&main] { grove::run(main); });
}

inline void add_port(CLI::App& app, std::uint16_t& port) {
    app.add_option("--port", port, "port of 127.0.0.1; 0: any free one")
        ->capture_default_str()
        ->check(CLI::Range(0, 65535));
}

/// The line a script waits for before it connects.
inline void announce(const grove::net::Endpoint& endpoint) {
    std::cout << "listening on " << endpoint.to_string() << std::endl;
}
