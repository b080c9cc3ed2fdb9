#include "http/request_head.hpp"

#include "http/access.hpp"
#include "http/head_text.hpp"

namespace grove::detail {

namespace {

bool is_framing(std::string_view name) noexcept {
    return equal_without_case(name, "content-length") || equal_without_case(name, "transfer-encoding");
}

void append_length(std::string& out, std::uint64_t length) {
    out += "Content-Length: ";
    append_number(out, length);
    out += "\r\n";
}

void append_framing(std::string& out, const HttpCall& call) {
    const bool expects_body = call.method == "POST" || call.method == "PUT" || call.method == "PATCH";
    if (call.produce && !call.body_length) {
        append_field(out, "Transfer-Encoding", "chunked");
    } else if (call.produce) {
        append_length(out, *call.body_length);
    } else if (expects_body || !call.body.empty()) {
        append_length(out, call.body.size());
    }
    if (call.expect_continue) append_field(out, "Expect", "100-continue");
}

}  // namespace

void format_request_head(std::string& out, const HttpCall& call) {
    out.assign(call.method).append(" ");
    if (call.forwarder) out.append("http://").append(call.url.authority);
    out.append(call.url.target).append(" HTTP/1.1\r\n");

    if (!call.headers.get("host")) append_field(out, "Host", call.url.authority);
    if (call.decompress) append_field(out, "Accept-Encoding", "gzip, deflate");
    if (!call.url.credentials.empty() && !call.headers.get("authorization")) {
        append_field(out, "Authorization", basic_credentials(call.url.credentials));
    }
    if (!call.cookies.empty() && !call.headers.get("cookie")) append_field(out, "Cookie", call.cookies);
    if (call.forwarder && !call.forwarder->credentials.empty()) {
        append_field(out, "Proxy-Authorization", basic_credentials(call.forwarder->credentials));
    }
    for (const auto& [name, value] : call.headers) {
        if (!is_framing(name)) append_field(out, name, value);
    }
    append_framing(out, call);
    out += "\r\n";
}

}  // namespace grove::detail
