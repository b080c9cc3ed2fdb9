#include <grove/base/error.hpp>

#include <doctest/doctest.h>

#include <ostream>
#include <set>
#include <string>
#include <type_traits>

using grove::Errc;

TEST_SUITE_BEGIN("base/error");

TEST_CASE("every Errc has a message of its own, under the name grove") {
    std::set<std::string> messages;
    for (const Errc code : {Errc::eof,
                            Errc::closed,
                            Errc::concurrent_use,
                            Errc::no_such_host,
                            Errc::bad_message,
                            Errc::killed}) {
        const std::error_code ec = code;
        CHECK(ec);
        CHECK(std::string_view{ec.category().name()} == "grove");
        messages.insert(ec.message());
    }
    CHECK(messages.size() == 6);
    CHECK(std::error_code{99, grove::grove_category()}.message() == "unknown grove error 99");
}

TEST_CASE("what unwinds a greenlet is no std::exception") {
    CHECK_FALSE(std::is_base_of_v<std::exception, grove::GreenletExit>);
    CHECK(std::is_base_of_v<grove::Unwind, grove::GreenletExit>);
}

TEST_SUITE_END();
