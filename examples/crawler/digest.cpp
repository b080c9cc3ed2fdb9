#include "digest.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <cstdint>
#include <span>
#include <stdexcept>

namespace crawler {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::string hex(std::span<const unsigned char> bytes) {
    std::string text;
    for (const auto byte : bytes) text += {hex_digits[byte >> 4], hex_digits[byte & 15]};
    return text;
}

template <std::size_t N>
std::array<unsigned char, N> hash(std::string_view text, const EVP_MD* kind) {
    std::array<unsigned char, N> digest{};
    if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, kind, nullptr) != 1) {
        throw std::runtime_error{"OpenSSL cannot hash"};
    }
    return digest;
}

/// Five bits a character. Requires: a multiple of five bytes.
std::string base32(std::span<const unsigned char> bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    std::string text;
    std::uint32_t bits = 0;
    int count = 0;
    for (const auto byte : bytes) {
        bits = bits << 8 | byte;
        for (count += 8; count >= 5; count -= 5) text += digits[bits >> (count - 5) & 31];
    }
    return text;
}

}  // namespace

std::string sha1_base32(std::string_view text) {
    return "sha1:" + base32(hash<20>(text, EVP_sha1()));
}

std::string sha256(std::string_view text) {
    return hex(hash<32>(text, EVP_sha256()));
}

std::string random_uuid() {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error{"OpenSSL has no randomness"};
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3f) | 0x80);
    std::string text = hex(bytes);
    for (const std::size_t at : {8, 13, 18, 23}) text.insert(at, "-");
    return text;
}

}  // namespace crawler
