#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

// Certificates for the tests of TLS, made when they are needed, in a folder that goes at the end.

namespace grove::testing {

template <auto Free>
struct FreeWith {
    void operator()(auto* object) const noexcept { Free(object); }
};
using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

/// Two PEM files.
struct Files {
    std::string certificate;
    std::string key;
};

struct Wanted {
    std::string name = "localhost";
    std::string alternatives = "DNS:localhost,IP:127.0.0.1";  ///< subjectAltName; empty: none
    long valid_from = -3600;                                  ///< seconds from now
    long valid_until = 3600;
    bool is_authority = false;
};

/// Who signs certificates; `certificate()` is its own.
class Authority {
public:
    explicit Authority(const std::string& name)
        : own_{make({.name = name, .alternatives = "", .is_authority = true}, nullptr)} {
        files_ = write(own_, name);
    }

    [[nodiscard]] const std::string& file() const { return files_.certificate; }

    /// Writes what it signs into files of that name.
    [[nodiscard]] Files issue(const std::string& file_name, const Wanted& wanted = {}) const {
        return write(make(wanted, &own_), file_name);
    }
    /// Signed by itself.
    [[nodiscard]] static Files self_signed(const std::string& file_name) {
        return write(make({}, nullptr), file_name);
    }

    [[nodiscard]] static const std::filesystem::path& folder() {
        static const Folder made;
        return made.path;
    }

private:
    struct Pair {
        Certificate certificate;
        Key key;
    };
    struct Folder {
        Folder() {
            std::string name = (std::filesystem::temp_directory_path() / "grove_tls_XXXXXX").string();
            if (!::mkdtemp(name.data())) throw std::runtime_error{"mkdtemp"};
            path = name;
        }
        Folder(const Folder&) = delete;
        Folder& operator=(const Folder&) = delete;
        ~Folder() {
            std::error_code ec;
            std::filesystem::remove_all(path, ec);
        }
        std::filesystem::path path;
    };

    static void extend(X509* certificate, int what, const std::string& value) {
        if (value.empty()) return;
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, what, value.c_str());
        if (!extension) throw std::runtime_error{"X509V3_EXT_conf_nid " + value};
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }

    static Pair make(const Wanted& wanted, const Pair* issuer) {
        static long serial = 0;
        Pair made{Certificate{X509_new()}, Key{EVP_EC_gen("P-256")}};
        X509* const x = made.certificate.get();
        X509_set_version(x, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(x), wanted.valid_from);
        X509_gmtime_adj(X509_getm_notAfter(x), wanted.valid_until);
        X509_set_pubkey(x, made.key.get());
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x),
                                   "CN",
                                   MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(wanted.name.c_str()),
                                   -1,
                                   -1,
                                   0);
        X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
        extend(x, NID_basic_constraints, wanted.is_authority ? "critical,CA:TRUE" : "CA:FALSE");
        extend(x, NID_subject_alt_name, wanted.alternatives);
        if (X509_sign(x, issuer ? issuer->key.get() : made.key.get(), EVP_sha256()) == 0)
            throw std::runtime_error{"X509_sign"};
        return made;
    }

    static Files write(const Pair& pair, const std::string& name) {
        Files files{(folder() / (name + ".pem")).string(), (folder() / (name + ".key")).string()};
        std::FILE* out = std::fopen(files.certificate.c_str(), "w");
        PEM_write_X509(out, pair.certificate.get());
        std::fclose(out);
        out = std::fopen(files.key.c_str(), "w");
        PEM_write_PrivateKey(out, pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
        std::fclose(out);
        return files;
    }

    Pair own_;
    Files files_;
};

}  // namespace grove::testing
