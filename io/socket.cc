#include "io/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "base/limits.h"
#include "io/address.h"
#include "io/in_flight.h"
#include "io/loop.h"

namespace sbot::io {

namespace {

// Reads that found bytes waiting and did not suspend, in a row: after so many the others get a
// turn.
constexpr int eager_reads_max = 16;

// A peer that sends and sends, in small pieces, is read once in a millisecond and acknowledged
// then: its kernel puts the pieces together meanwhile, and neither side wakes for each. One who
// waits for answers is not meant, so that a write of ours outweighs some reads.
constexpr int hasty_reads_min = 16;
constexpr int hasty_reads_max = 32;
constexpr int hasty_reads_a_write = 8;
constexpr std::uint64_t streaming_pause_ms = 1;

Error closed_error(std::string_view what) {
    return base::error(Errc::closed, std::string(what) + ": the socket was closed");
}

}  // namespace

/// A read that waits for libuv. Data is taken only while one exists, straight into its memory.
class ReadWait {
 public:
    ReadWait(Socket::Handle& handle, MutableBytes into) : handle_(handle), into_(into) {
        handle_.reader = this;
    }
    ~ReadWait() { handle_.reader = nullptr; }
    ReadWait(const ReadWait&) = delete;
    ReadWait& operator=(const ReadWait&) = delete;

    bool await_ready() const noexcept { return false; }
    template <TaskPromise P>
    bool await_suspend(std::coroutine_handle<P> awaiting) noexcept {
        who_ = &awaiting.promise().wakeup();
        if (handle_.flowing) return true;
        int failed = uv_read_start(handle_.stream(), &ReadWait::room, &ReadWait::arrived);
        handle_.flowing = failed == 0;
        if (failed != 0) got_ = failed;
        return handle_.flowing;
    }
    /// Bytes read, or libuv's error.
    ssize_t await_resume() const noexcept { return got_; }

    bool waiting() const noexcept { return waiting_; }
    void finish(ssize_t got) noexcept {
        got_ = got;
        waiting_ = false;
        who_->wake();
    }

 private:
    static Socket::Handle& of(void* data) { return *static_cast<Socket::Handle*>(data); }

    static void room(uv_handle_t* any, std::size_t, uv_buf_t* into) {
        ReadWait* reader = of(any->data).reader;
        *into = uv_buf_init(nullptr, 0);
        if (reader == nullptr || !reader->waiting_) return;
        into->base = reinterpret_cast<char*>(reader->into_.data());
        into->len = reader->into_.size();
    }

    static void arrived(uv_stream_t* stream, ssize_t got, const uv_buf_t* into) {
        Socket::Handle& handle = of(stream->data);
        if (got == 0) return;  // nothing after all
        if (got == UV_ENOBUFS) {
            // Something came and nobody waits for it: it stays in the kernel, and TCP slows the
            // peer.
            handle.hold_back();
            handle.maybe_more = true;
            return;
        }
        if (got < 0) {
            handle.hold_back();
            handle.read_end = static_cast<int>(got);
        } else {
            handle.maybe_more = static_cast<std::size_t>(got) == into->len;
            handle.acknowledge_now();
        }
        if (handle.reader != nullptr && handle.reader->waiting_) handle.reader->finish(got);
    }

    Socket::Handle& handle_;
    MutableBytes into_;
    Wakeup* who_ = nullptr;
    ssize_t got_ = 0;
    bool waiting_ = true;
};

Socket::Handle::Handle(Loop& its_loop, bool unix_socket) : loop(its_loop), is_unix(unix_socket) {
    int failed = is_unix ? uv_pipe_init(loop.uv(), &uv.pipe, 0) : uv_tcp_init(loop.uv(), &uv.tcp);
    SBOT_ASSERT(failed == 0);
    any()->data = this;
}

int Socket::Handle::fd() {
    uv_os_fd_t descriptor = -1;
    return uv_fileno(any(), &descriptor) == 0 ? descriptor : -1;
}

Result<void> Socket::Handle::open(int descriptor) {
    int failed = is_unix ? uv_pipe_open(&uv.pipe, descriptor) : uv_tcp_open(&uv.tcp, descriptor);
    if (failed != 0) {
        ::close(descriptor);
        return uv_error("open a socket", failed);
    }
    connected();
    return {};
}

void Socket::Handle::connected() {
    if (is_unix) return;
    uv_tcp_nodelay(&uv.tcp, 1);
    Address there;
    if (getpeername(fd(), there.raw(), &there.size) == 0) remote = there.endpoint();
    Address here;
    if (getsockname(fd(), here.raw(), &here.size) == 0) local = here.endpoint();
    acknowledge_now();
}

void Socket::Handle::acknowledge_now() {
    if (is_unix) return;
    // 1 lasts only until the kernel thinks otherwise, so it is said again every time; 2 is for what
    // has come alone.
    int on = is_streaming() ? 2 : 1;
    setsockopt(fd(), IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
}

void Socket::Handle::hold_back() {
    if (std::exchange(flowing, false)) uv_read_stop(stream());
}

bool Socket::Handle::is_streaming() const { return hasty_reads >= hasty_reads_min; }

void Socket::Handle::count_read(std::uint64_t waited_ms) {
    hasty_reads = waited_ms > 1 ? 0 : std::min(hasty_reads + 1, hasty_reads_max);
}

void Socket::Handle::count_write() { hasty_reads = std::max(hasty_reads - hasty_reads_a_write, 0); }

void Socket::Handle::close() noexcept {
    if (std::exchange(closed, true)) return;
    if (reader != nullptr && reader->waiting()) reader->finish(UV_ECANCELED);
    if (writer != nullptr) writer->finish(UV_ECANCELED);
    uv_close(any(), [](uv_handle_t* freed_handle) {
        auto* self = static_cast<Handle*>(freed_handle->data);
        self->freed = true;
        if (!self->owned) delete self;
    });
}

Socket::~Socket() {
    SBOT_ASSERT(!handle_->reading && !handle_->writing);
    handle_->close();
    handle_->owned = false;
    if (handle_->freed) delete handle_;
}

void Socket::close() noexcept { handle_->close(); }
const Endpoint& Socket::remote() const noexcept { return handle_->remote; }
const Endpoint& Socket::local() const noexcept { return handle_->local; }
bool Socket::is_unix() const noexcept { return handle_->is_unix; }

/// What is in the kernel already, without a trip through the loop; 0 if nothing is.
static ssize_t read_now(Socket::Handle& handle, MutableBytes into) {
    if (!handle.maybe_more || handle.eager_reads >= eager_reads_max) return 0;
    ++handle.eager_reads;
    handle.maybe_more = false;
    ssize_t got = recv(handle.fd(), into.data(), into.size(), MSG_DONTWAIT);
    if (got > 0) {
        handle.maybe_more = static_cast<std::size_t>(got) == into.size();
        handle.acknowledge_now();
        return got;
    }
    if (got == 0) return handle.read_end = UV_EOF;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return 0;
    return handle.read_end = -errno;  // libuv's error numbers are errno's, negative
}

Async<std::size_t> Socket::read(MutableBytes into) {
    Handle& handle = *handle_;
    SBOT_ASSERT(!into.empty());
    InFlight in_flight(handle.reading);
    if (handle.closed) co_return closed_error("read");
    ssize_t got = handle.read_end != 0 ? handle.read_end : read_now(handle, into);
    if (got == 0) {
        handle.eager_reads = 0;
        if (handle.is_streaming()) {
            handle.hold_back();
            co_await handle.loop.sleep(streaming_pause_ms);
            if (handle.closed) co_return closed_error("read");
        }
        const std::uint64_t since_ms = handle.loop.now_ms();
        ReadWait arrival(handle, into);
        got = co_await arrival;
        handle.count_read(handle.loop.now_ms() - since_ms);
    }
    if (handle.closed) co_return closed_error("read");
    if (got == UV_EOF) co_return std::size_t{0};
    if (got < 0) co_return uv_error("read", static_cast<int>(got));
    co_return static_cast<std::size_t>(got);
}

/// Bytes that libuv sends when it can; it has them for itself until then.
struct Unsent {
    uv_write_t uv{};
    Bytes data;

    static void sent(uv_write_t* uv, int status) {
        auto* self = static_cast<Unsent*>(uv->data);
        auto& handle = *static_cast<Socket::Handle*>(uv->handle->data);
        delete self;
        if (status < 0 && handle.write_error == 0) handle.write_error = status;
        bool low = uv_stream_get_write_queue_size(handle.stream()) <= limits::send_low_bytes;
        if (handle.writer != nullptr && (low || status < 0)) handle.writer->finish(status);
    }
};

static bool above_the_mark(Socket::Handle& handle) {
    return !handle.closed && handle.write_error == 0 &&
           uv_stream_get_write_queue_size(handle.stream()) > limits::send_high_bytes;
}

/// As much as the kernel takes now, the rest through libuv's queue. Gives libuv's error or 0.
static int send(Socket::Handle& handle, Bytes data) {
    uv_buf_t all =
        uv_buf_init(reinterpret_cast<char*>(data.data()), static_cast<unsigned int>(data.size()));
    int sent = uv_try_write(handle.stream(), &all, 1);
    if (sent < 0 && sent != UV_EAGAIN) return sent;
    std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    if (done == data.size()) return 0;
    auto* unsent = new Unsent;
    unsent->uv.data = unsent;
    unsent->data = std::move(data);
    uv_buf_t rest = uv_buf_init(reinterpret_cast<char*>(unsent->data.data() + done),
                                static_cast<unsigned int>(unsent->data.size() - done));
    int refused = uv_write(&unsent->uv, handle.stream(), &rest, 1, &Unsent::sent);
    if (refused != 0) delete unsent;
    return refused;
}

Async<void> Socket::write(Bytes data) {
    Handle& handle = *handle_;
    SBOT_ASSERT(data.size() <= limits::write_bytes_max);
    InFlight in_flight(handle.writing);
    // Only after a write that was dropped while it waited.
    while (above_the_mark(handle)) {
        Completion less_unsent;
        less_unsent.attach(handle.writer);
        co_await less_unsent;
    }
    if (handle.closed || handle.output_ended) co_return closed_error("write");
    if (handle.write_error == 0 && !data.empty()) {
        handle.count_write();
        handle.write_error = send(handle, std::move(data));
    }
    while (above_the_mark(handle)) {
        Completion less_unsent;
        less_unsent.attach(handle.writer);
        co_await less_unsent;
    }
    if (handle.closed) co_return closed_error("write");
    if (handle.write_error != 0) co_return uv_error("write", handle.write_error);
    co_return Result<void>();
}

Async<void> Socket::shutdown() {
    Handle& handle = *handle_;
    if (handle.closed || handle.output_ended) co_return closed_error("shutdown");
    if (handle.write_error != 0) co_return uv_error("shutdown", handle.write_error);
    handle.output_ended = true;
    Completion ended;
    auto* request = new Request<uv_shutdown_t>(ended);
    int refused = uv_shutdown(&request->uv, handle.stream(), &Request<uv_shutdown_t>::finished);
    if (refused != 0) request->refused(refused);
    int status = co_await ended;
    if (status != 0) co_return uv_error("shutdown", status);
    co_return Result<void>();
}

}  // namespace sbot::io
