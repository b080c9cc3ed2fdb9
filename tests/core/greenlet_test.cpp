#include <grove/base/error.hpp>
#include <grove/core/greenlet.hpp>
#include <grove/core/runtime.hpp>

#include "support/grove_test.hpp"

#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using grove::spawn;

TEST_SUITE_BEGIN("core/greenlet");

GROVE_TEST("spawn does not switch, join runs it and get gives its result") {
    bool ran = false;
    auto g = spawn([&] { ran = true; return std::string{"done"}; });
    CHECK_FALSE(ran);
    CHECK_FALSE(g.ready());

    g.join();

    CHECK(ran);
    CHECK(g.successful());
    CHECK(g.get() == "done");
    CHECK(std::move(g).get() == "done");
}

GROVE_TEST_FIFO("greenlets run in the order they were spawned") {
    std::string order;
    std::vector<grove::Greenlet<>> all;
    for (char c = 'a'; c <= 'e'; ++c) all.push_back(spawn([&order](char name) { order += name; }, c));
    grove::join_all(all);
    CHECK(order == "abcde");
}

TEST_SUITE_END();
