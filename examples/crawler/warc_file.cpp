#include "warc_file.hpp"

#include <grove/core/offload.hpp>

#include "digest.hpp"
#include "names.hpp"
#include "text.hpp"
#include "url.hpp"

#include <boost/beast/http/status.hpp>

#include <stdexcept>
#include <utility>
#include <vector>
#include <zlib.h>

namespace crawler {

namespace {

struct Record {
    std::string_view type;
    std::string id;
    std::string date;
    std::string content_type;
    std::string block;
    std::string more{};  // further fields, each with its line end
};

/// The whole of it as a gzip member.
std::string compressed(std::string_view text) {
    z_stream stream{};
    constexpr int gzip = 15 + 16;
    if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, gzip, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        throw std::runtime_error{"zlib has no memory"};
    }
    std::string result(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));  // zlib only reads it
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(result.size());
    deflate(&stream, Z_FINISH);
    result.resize(stream.total_out);
    deflateEnd(&stream);
    return result;
}

std::string text_of(const Record& record) {
    std::string text = "WARC/1.1\r\nWARC-Type: ";
    text.append(record.type).append("\r\nWARC-Record-ID: ").append(record.id);
    text.append("\r\nWARC-Date: ").append(record.date).append("\r\n").append(record.more);
    text.append("WARC-Block-Digest: ").append(sha1_base32(record.block));
    text.append("\r\nContent-Type: ").append(record.content_type);
    text.append("\r\nContent-Length: ").append(std::to_string(record.block.size()));
    return text.append("\r\n\r\n").append(record.block).append("\r\n\r\n");
}

std::string field(std::string_view name, std::string_view value) {
    return std::string{name}.append(": ").append(value).append("\r\n");
}

std::string response_block(const Visit& visit) {
    const auto reason =
        boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(visit.status));
    std::string text = "HTTP/1.1 " + std::to_string(visit.status) + " ";
    text.append(reason.data(), reason.size()).append("\r\n");
    for (const auto& [name, value] : visit.headers) {
        const bool framing = is_word(name, "transfer-encoding");
        text += field(framing ? "X-Crawler-" + name : name, value);
    }
    return text.append("\r\n").append(visit.body);
}

std::string request_block(const Visit& visit) {
    const std::string_view origin = origin_of(visit.page.url);
    std::string text = "GET " + std::string{target_of(visit.page.url)} + " HTTP/1.1\r\n";
    text += field("Host", origin.substr(origin.find("//") + 2));
    for (const auto& [name, value] : visit.request) text += field(name, value);
    return text += "\r\n";
}

std::string metadata_block(const Visit& visit) {
    std::string text;
    if (!visit.page.referrer.empty()) text += field("via", visit.page.referrer);
    text += field("hopsFromSeed", std::to_string(visit.page.depth));
    return text += field("fetchTimeMs", std::to_string(milliseconds(visit.took)));
}

class Records {
public:
    explicit Records(bool gzip) : gzip_{gzip} {}

    void add_info(const WarcFile::Info& info) {
        add({.type = "warcinfo",
             .id = record_id(),
             .date = utc(std::chrono::system_clock::now()),
             .content_type = "application/warc-fields",
             .block = field("software", info.software) + field("format", "WARC File Format 1.1") +
                      field("robots", info.obeys_robots ? "obey" : "ignore")});
    }

    void add(const Visit& visit) {
        const std::string id = record_id();
        const std::string date = utc(visit.at);
        const std::string target = field("WARC-Target-URI", visit.page.url);
        add({.type = "response",
             .id = id,
             .date = date,
             .content_type = "application/http;msgtype=response",
             .block = response_block(visit),
             .more = target + field("WARC-Payload-Digest", sha1_base32(visit.body))});
        const auto add_beside = [&](std::string_view type, const char* content_type, std::string block) {
            add({.type = type,
                 .id = record_id(),
                 .date = date,
                 .content_type = content_type,
                 .block = std::move(block),
                 .more = target + field("WARC-Concurrent-To", id)});
        };
        add_beside("request", "application/http;msgtype=request", request_block(visit));
        add_beside("metadata", "application/warc-fields", metadata_block(visit));
    }

    std::string text{};

private:
    void add(const Record& record) {
        const std::string plain = text_of(record);
        text += gzip_ ? compressed(plain) : plain;
    }
    static std::string record_id() { return "<urn:uuid:" + random_uuid() + ">"; }

    bool gzip_;
};

}  // namespace

void WarcFile::write(std::span<const Visit> visits) {
    std::vector<const Visit*> kept;
    for (const Visit& visit : visits) {
        if (visit.answered() && visit.outcome != Outcome::excluded) kept.push_back(&visit);
    }
    const bool gzip = journal_.path().extension() == ".gz";
    std::string text;
    if (journal_.position() == 0) {
        Records first{gzip};
        first.add_info(info_);
        text = std::move(first.text);
    }
    for (const auto& records : grove::offload_map(kept, [&](const Visit* visit) {
             Records records_of_page{gzip};
             records_of_page.add(*visit);
             return std::move(records_of_page.text);
         })) {
        text += records;
    }
    if (!text.empty()) journal_.append(text);
}

}  // namespace crawler
