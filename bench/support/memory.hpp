#pragma once

#include <fstream>
#include <limits>
#include <string>

/// What this process holds, as the kernel counts it.
struct Memory {
    long resident = 0;     ///< KiB
    long page_tables = 0;  ///< KiB
    long maps = 0;

    [[nodiscard]] static Memory now() {
        Memory memory;
        std::ifstream status{"/proc/self/status"};
        for (std::string key; status >> key;) {
            if (key == "VmRSS:") status >> memory.resident;
            if (key == "VmPTE:") status >> memory.page_tables;
            status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
        }
        std::ifstream maps{"/proc/self/maps"};
        for (std::string line; std::getline(maps, line);) ++memory.maps;
        return memory;
    }
};
