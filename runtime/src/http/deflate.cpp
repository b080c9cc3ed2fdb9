#include "http/deflate.hpp"

#include <grove/base/assert.hpp>

#include "http/access.hpp"

#include <algorithm>
#include <new>
#include <optional>
#include <zlib.h>

namespace grove::detail {

// --- what a client takes --------------------------------------------------------------------------

namespace {

/// "q=0.5" in thousandths; 1000 if it says something else.
int weight_of(std::string_view parameters) noexcept {
    while (!parameters.empty()) {
        const auto each = take_until(parameters, ';');
        if (each.size() < 3 || !equal_without_case(each.substr(0, 2), "q=")) continue;
        if (each[2] != '0') return 1000;
        int weight = 0;
        int unit = 100;
        for (const char digit : each.substr(std::min<std::size_t>(4, each.size()), 3)) {
            if (digit < '0' || digit > '9') break;
            weight += (digit - '0') * unit;
            unit /= 10;
        }
        return weight;
    }
    return 1000;
}

struct Weights {
    std::optional<int> gzip, deflate, identity, others;
};

void take_weights(Weights& weights, std::string_view list) noexcept {
    while (!list.empty()) {
        auto element = take_until(list, ',');
        const auto name = take_until(element, ';');
        const int weight = weight_of(element);
        if (equal_without_case(name, "gzip") || equal_without_case(name, "x-gzip")) weights.gzip = weight;
        if (equal_without_case(name, "deflate")) weights.deflate = weight;
        if (equal_without_case(name, "identity")) weights.identity = weight;
        if (name == "*") weights.others = weight;
    }
}

}  // namespace

std::string_view name_of(Coding coding) noexcept {
    switch (coding) {
        case Coding::gzip:
            return "gzip";
        case Coding::deflate:
            return "deflate";
        case Coding::identity:
            break;
    }
    return "identity";
}

std::optional<AcceptedCodings> accepted_codings(const http::Headers& headers) noexcept {
    std::optional<Weights> weights;
    for (const auto& [name, value] : headers) {
        if (!equal_without_case(name, "accept-encoding")) continue;
        if (!weights) weights.emplace();
        take_weights(*weights, value);
    }
    if (!weights) return std::nullopt;
    const auto& [gzip, deflate, identity, others] = *weights;
    const int of_gzip = gzip.value_or(others.value_or(0));
    const int of_deflate = deflate.value_or(others.value_or(0));
    // Nobody has to name identity: it is taken unless it is refused.
    const int of_identity = identity.value_or(others == 0 ? 0 : 1);

    AcceptedCodings accepted{.identity = of_identity > 0};
    const int best = std::max(of_gzip, of_deflate);
    if (best > 0 && best >= of_identity) {
        accepted.best = of_gzip >= of_deflate ? Coding::gzip : Coding::deflate;
    }
    return accepted;
}

// --- compressing ----------------------------------------------------------------------------------

struct Deflater::State : z_stream {};

void Deflater::End::operator()(State* state) const noexcept {
    deflateEnd(state);
    delete state;
}

void Deflater::start(Coding coding) {
    GROVE_ASSERT(coding != Coding::identity, "nothing compresses to identity");
    if (state_ && coding == coding_) {
        deflateReset(state_.get());
        return;
    }
    constexpr int gzip_header = 16;  // zlib's way to ask for one
    constexpr int window = 15;
    constexpr int memory = 8;
    state_.reset();
    auto made = std::make_unique<State>();
    const int bits = coding == Coding::gzip ? window + gzip_header : window;
    if (deflateInit2(made.get(), level_, Z_DEFLATED, bits, memory, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::bad_alloc{};
    state_.reset(made.release());
    coding_ = coding;
}

void Deflater::compress(std::string_view piece, Flush flush, std::string& out) {
    constexpr std::size_t most_at_once = 1 << 30;  // zlib counts in 32 bits
    State& z = *state_;
    do {
        const auto part = piece.substr(0, most_at_once);
        piece.remove_prefix(part.size());
        z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));  // only read
        z.avail_in = static_cast<uInt>(part.size());
        const int mode = flush == Flush::finish && piece.empty() ? Z_FINISH : Z_SYNC_FLUSH;
        do {
            const std::size_t size = out.size();
            const std::size_t room = deflateBound(&z, z.avail_in) + 16;
            out.resize(size + room);
            z.next_out = reinterpret_cast<Bytef*>(out.data() + size);
            z.avail_out = static_cast<uInt>(room);
            ::deflate(&z, mode);
            out.resize(size + room - z.avail_out);
        } while (z.avail_out == 0);
    } while (!piece.empty());
}

}  // namespace grove::detail
