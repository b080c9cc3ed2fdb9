#pragma once

#include "http/client_connection.hpp"

#include <string>

namespace grove::detail {

/// Puts a request's head into `out`, in place of what was there.
void format_request_head(std::string& out, const HttpCall&);

}  // namespace grove::detail
