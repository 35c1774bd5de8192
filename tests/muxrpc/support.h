#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.h"
#include "io/loop.h"
#include "io/pipe.h"
#include "io/sync.h"
#include "muxrpc/session.h"

/// What the tests of sessions share: a peer that speaks packets by hand, and methods to call.
namespace sbot::muxrpc {

inline constexpr std::uint64_t patience_ms = 10000;

inline io::Task<void> turns(io::Loop& loop, int count) {
    for (int i = 0; i < count; ++i) co_await loop.yield();
}

/// `-1 stream end {"message":…}`
inline std::string text_of(const Packet& packet) {
    std::string out = std::to_string(packet.request);
    if (packet.stream) out += " stream";
    if (packet.end) out += " end";
    return out + " " + std::string(packet.body.text());
}

/// The other side, packet by packet.
class RawPeer {
 public:
    RawPeer(io::Loop& loop, std::unique_ptr<io::ByteStream> stream)
        : loop_(loop), stream_(std::move(stream)), decoder_(limits::frame_bytes_max_self) {}

    void call(std::int32_t number, std::string_view body) {
        send(number, false, false, Encoding::json, body);
    }
    void open(std::int32_t number, std::string_view body) {
        send(number, true, false, Encoding::json, body);
    }
    void item(std::int32_t number, std::string_view body) {
        send(number, true, false, Encoding::utf8, body);
    }
    void end(std::int32_t number, std::string_view body = "true") {
        send(number, true, true, Encoding::json, body);
    }
    void goodbye() {
        Bytes wire;
        append_goodbye(wire);
        write(std::move(wire));
    }
    void send(std::int32_t number, bool stream, bool end, Encoding encoding,
              std::string_view body) {
        Bytes wire;
        append_packet(wire, number, stream, end, encoding, base::bytes_of(body));
        write(std::move(wire));
    }
    /// Adds to what is on its way; a pipe takes it at once, however much it holds.
    void write(Bytes wire) {
        writing_ = stream_->write(std::move(wire));
        if (!writing_.done()) writing_.drop();
    }

    /// The next packet as text; "goodbye", "closed" at the end of the stream.
    std::string next() {
        auto reading = io::timeout(loop_, patience_ms, read_one());
        auto got = loop_.run(std::move(reading));
        return got ? *got : std::string("nothing");
    }
    /// Nothing came but the answer to what is asked now.
    bool is_quiet() {
        call(900000, R"({"name":["echo"],"args":["quiet"]})");
        last_ = next();
        return last_ == "-900000 \"quiet\"";
    }
    const std::string& last() const { return last_; }
    void hang_up() { stream_->close(); }

 private:
    io::Async<std::string> read_one() {
        Bytes chunk(4096);
        while (true) {
            Packet packet;
            auto state = decoder_.next(packet);
            if (!state) co_return std::move(state).error();
            if (*state == Decoder::State::goodbye) co_return std::string("goodbye");
            if (*state == Decoder::State::packet) co_return text_of(packet);
            auto got = co_await stream_->read(chunk);
            if (!got || *got == 0) co_return std::string("closed");
            decoder_.feed(ByteView(chunk).first(*got));
        }
    }

    io::Loop& loop_;
    std::unique_ptr<io::ByteStream> stream_;
    Decoder decoder_;
    io::Async<void> writing_;
    std::string last_;
};

/// Counts how many of it are alive: the locals of handlers that run.
class Alive {
 public:
    explicit Alive(int& count) : count_(count) { ++count_; }
    ~Alive() { --count_; }
    Alive(const Alive&) = delete;
    Alive& operator=(const Alive&) = delete;

 private:
    int& count_;
};

/// Methods of every kind, and what became of them. Outlives the sessions.
struct Methods {
    Methods();

    Router router;
    io::Event gate;                      // what the waiting ones wait for
    int alive = 0;                       // handlers and sources that have not been destroyed
    std::uint64_t given = 0;             // items that "flood" has given
    std::vector<std::string> collected;  // by sinks, with "end" or the error
};

/// Asks for items until the end; "end", or the error's text, is the last.
inline io::Task<std::vector<std::string>> all_of(Source& source) {
    std::vector<std::string> items;
    while (true) {
        auto item = co_await source.next();
        if (!item) {
            items.push_back(item.error().message);
            co_return items;
        }
        if (!item->has_value()) {
            items.emplace_back("end");
            co_return items;
        }
        items.emplace_back((*item)->text());
    }
}

}  // namespace sbot::muxrpc
