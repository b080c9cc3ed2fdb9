#pragma once

#include "crawl.hpp"

#include <string>

namespace crawler {

/// Keeps one line of a terminal, on stderr, up to date; wipes it when killed. Blocks.
void show_progress(const Crawl&);

/// What came out, for a person.
void print_summary(const Crawl&);

}  // namespace crawler
