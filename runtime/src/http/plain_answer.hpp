#pragma once

#include <grove/http/server.hpp>

#include "http/head_text.hpp"

namespace grove::detail {

/// That status, and its name as text. Blocks.
inline void answer_plainly(http::ResponseWriter& response, int status) {
    response.status = status;
    response.headers.set("Content-Type", "text/plain");
    response.send(status_text(status));
}

}  // namespace grove::detail
