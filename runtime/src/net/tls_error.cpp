#include "net/tls_error.hpp"

#include <grove/base/error.hpp>
#include <grove/net/tls.hpp>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace grove {

namespace {

class TlsCategory final : public std::error_category {
public:
    const char* name() const noexcept override { return "tls"; }

    std::string message(int code) const override {
        const auto packed = static_cast<unsigned long>(code);
        if (const char* const reason = ERR_reason_error_string(packed)) return reason;
        const char* const library = ERR_lib_error_string(packed);
        return std::string{library ? library : "unknown library"} + ": reason " +
               std::to_string(ERR_GET_REASON(packed));
    }
};

class CertificateCategory final : public std::error_category {
public:
    const char* name() const noexcept override { return "certificate"; }

    std::string message(int code) const override {
        return std::string{"certificate verify failed ("} + X509_verify_cert_error_string(code) + ")";
    }
};

static_assert(int(net::CertificateErrc::not_yet_valid) == X509_V_ERR_CERT_NOT_YET_VALID);
static_assert(int(net::CertificateErrc::expired) == X509_V_ERR_CERT_HAS_EXPIRED);
static_assert(int(net::CertificateErrc::self_signed) == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT);
static_assert(int(net::CertificateErrc::self_signed_in_chain) == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
static_assert(int(net::CertificateErrc::unknown_issuer) == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY);
static_assert(int(net::CertificateErrc::revoked) == X509_V_ERR_CERT_REVOKED);
static_assert(int(net::CertificateErrc::host_mismatch) == X509_V_ERR_HOSTNAME_MISMATCH);
static_assert(int(net::CertificateErrc::ip_mismatch) == X509_V_ERR_IP_ADDRESS_MISMATCH);

}  // namespace

namespace net {

const std::error_category& tls_category() noexcept {
    static const TlsCategory category;
    return category;
}

const std::error_category& certificate_category() noexcept {
    static const CertificateCategory category;
    return category;
}

std::error_code make_error_code(CertificateErrc code) noexcept {
    return {static_cast<int>(code), certificate_category()};
}

}  // namespace net

namespace detail {

namespace {

std::error_code as_error_code(unsigned long packed) noexcept {
    if (packed == 0) return Errc::bad_message;
    if (ERR_SYSTEM_ERROR(packed)) return {ERR_GET_REASON(packed), std::generic_category()};
    return {static_cast<int>(packed), net::tls_category()};
}

}  // namespace

std::error_code tls_error() noexcept {
    const unsigned long first = ERR_get_error();  // the cause; those after it only say who passed it on
    ERR_clear_error();
    return as_error_code(first);
}

std::error_code tls_error(const ssl_st& ssl) noexcept {
    const unsigned long first = ERR_get_error();
    unsigned long of_tls = first;  // what TLS makes of it says more than the failure inside a cipher
    while (of_tls != 0 && ERR_GET_LIB(of_tls) != ERR_LIB_SSL) of_tls = ERR_get_error();
    ERR_clear_error();
    if (of_tls == 0) return as_error_code(first);
    const long verified = SSL_get_verify_result(&ssl);
    if (ERR_GET_REASON(of_tls) == SSL_R_CERTIFICATE_VERIFY_FAILED && verified != X509_V_OK) {
        return {static_cast<int>(verified), net::certificate_category()};
    }
    return as_error_code(of_tls);
}

void throw_tls_error(const std::string& what) {
    const std::error_code ec = tls_error();
    throw std::system_error{ec, what};
}

}  // namespace detail
}  // namespace grove
