#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "io/loop.h"
#include "io/net.h"
#include "io/stream.h"
#include "io/task.h"

/// What the tests of io/ share.
namespace sbot::io {

/// Lets everybody have a turn so many times: enough for everything ready to have happened.
inline Task<void> turns(Loop& loop, int count) {
    for (int i = 0; i < count; ++i) co_await loop.yield();
}

/// A counter that goes up when it is destroyed: the proof that a coroutine's locals were.
class Witness {
 public:
    explicit Witness(int& count) : count_(&count) {}
    Witness(Witness&& other) noexcept : count_(std::exchange(other.count_, nullptr)) {}
    Witness& operator=(Witness&&) = delete;
    ~Witness() {
        if (count_ != nullptr) ++*count_;
    }

 private:
    int* count_;
};

class TemporaryFolder {
 public:
    TemporaryFolder() {
        std::string pattern = (std::filesystem::temp_directory_path() / "sbot-io-XXXXXX").string();
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
    std::string path_;
};

inline Bytes numbered(std::size_t size, unsigned seed = 1) {
    Bytes data(size);
    std::uint32_t state = seed;
    for (auto& byte : data) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<std::uint8_t>(state >> 24);
    }
    return data;
}

/// Sends back what comes, until the end.
inline Async<void> echo(std::unique_ptr<ByteStream> stream) {
    Bytes buffer(65536);
    for (;;) {
        auto got = co_await stream->read(buffer);
        if (!got) co_return std::move(got).error();
        if (*got == 0) break;
        Bytes back(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
        auto sent = co_await stream->write(std::move(back));
        if (!sent) co_return std::move(sent).error();
    }
    co_return co_await stream->shutdown();
}

/// Everything up to the end.
inline Async<Bytes> read_all(ByteStream& stream) {
    Bytes all;
    Bytes buffer(8192);
    for (;;) {
        auto got = co_await stream.read(buffer);
        if (!got) co_return std::move(got).error();
        if (*got == 0) co_return all;
        all.insert(all.end(), buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*got));
    }
}

/// Two ends of one TCP connection over loopback.
struct Connection {
    std::unique_ptr<Socket> dialled;
    std::unique_ptr<Socket> accepted;
};

inline Async<Connection> connect_pair(Loop& loop) {
    auto listener = co_await listen_tcp(loop, "127.0.0.1", 0);
    if (!listener) co_return std::move(listener).error();
    auto accepting = (*listener)->accept();
    auto dialled = co_await dial_tcp(loop, "127.0.0.1", (*listener)->local().port, 5000);
    if (!dialled) co_return std::move(dialled).error();
    auto accepted = co_await accepting;
    if (!accepted) co_return std::move(accepted).error();
    Connection both;
    both.dialled = std::move(*dialled);
    both.accepted = std::move(*accepted);
    co_return std::move(both);
}

}  // namespace sbot::io
