#include <grove/http/client.hpp>

namespace grove::http {

namespace {

class ClientCategory final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "grove.http.client"; }

    [[nodiscard]] std::string message(int value) const override {
        switch (static_cast<ClientErrc>(value)) {
            case ClientErrc::connect_timed_out:
                return "connecting took longer than ClientOptions::connect_timeout";
            case ClientErrc::header_timed_out:
                return "no response within ClientOptions::header_timeout";
            case ClientErrc::request_timed_out:
                return "the request took longer than ClientOptions::request_timeout";
            case ClientErrc::too_many_redirects:
                return "more redirects than ClientOptions::max_redirects; perhaps they go round in a circle";
            case ClientErrc::bad_redirect:
                return "redirected to what is no http:// or https:// URL";
            case ClientErrc::proxy_refused:
                return "the proxy refused to connect to the host";
            case ClientErrc::bad_encoding:
                return "the body is not compressed as its Content-Encoding says";
        }
        return "unknown error " + std::to_string(value);
    }

    [[nodiscard]] std::error_condition default_error_condition(int value) const noexcept override {
        switch (static_cast<ClientErrc>(value)) {
            case ClientErrc::connect_timed_out:
            case ClientErrc::header_timed_out:
            case ClientErrc::request_timed_out:
                return std::errc::timed_out;
            default:
                return {value, *this};
        }
    }
};

}  // namespace

const std::error_category& client_category() noexcept {
    static const ClientCategory category;
    return category;
}

std::error_code make_error_code(ClientErrc code) noexcept {
    return {static_cast<int>(code), client_category()};
}

}  // namespace grove::http
