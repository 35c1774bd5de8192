#include "io/net.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <vector>

#include "base/limits.h"
#include "io/sync.h"
#include "io/task_group.h"
#include "io/udp.h"
#include "tests/io/support.h"

namespace sbot::io {
namespace {

Async<void> serve_echo(Listener& listener, TaskGroup& group, int count) {
    for (int i = 0; i < count; ++i) {
        auto accepted = co_await listener.accept();
        if (!accepted) co_return std::move(accepted).error();
        group.add(echo(std::move(*accepted)));
    }
    co_return {};
}

/// Sends `data`, ends its direction and checks that all of it comes back.
Async<void> expect_echo(std::unique_ptr<Socket> socket, Bytes data) {
    Async<void> writing = socket->write(data);
    Async<Bytes> reading = read_all(*socket);
    auto written = co_await writing;
    if (!written) co_return std::move(written).error();
    auto ended = co_await socket->shutdown();
    if (!ended) co_return std::move(ended).error();
    auto back = co_await reading;
    if (!back) co_return std::move(back).error();
    EXPECT_TRUE(*back == data);
    co_return {};
}

Async<void> tcp_client(Loop& loop, std::string host, std::uint16_t port, Bytes data) {
    auto socket = co_await dial_tcp(loop, host, port, 20'000);
    if (!socket) co_return std::move(socket).error();
    EXPECT_EQ((*socket)->remote().port, port);
    co_return co_await expect_echo(std::move(*socket), std::move(data));
}

Async<void> unix_client(Loop& loop, std::string path, Bytes data) {
    auto socket = co_await dial_unix(loop, path);
    if (!socket) co_return std::move(socket).error();
    co_return co_await expect_echo(std::move(*socket), std::move(data));
}

std::string first_failure;
void note_failure(Error why) { first_failure = std::string(name_of(why.code)) + ": " + why.what; }

TEST(Tcp, echoes_for_many_clients_over_ipv4_and_ipv6) {
    Loop loop;
    // "::" takes both
    auto listener = loop.run(listen_tcp(loop, "::", 0));
    ASSERT_TRUE(listener) << listener.error().what;
    std::uint16_t port = (*listener)->local().port;
    EXPECT_NE(port, 0);
    first_failure.clear();
    TaskGroup group(&note_failure);
    constexpr int clients = 60;
    group.add(serve_echo(**listener, group, clients));
    for (unsigned i = 0; i < clients; ++i) {
        std::string host = i % 2 == 0 ? "127.0.0.1" : "::1";
        group.add(tcp_client(loop, host, port, numbered(i * 3001, i)));
    }
    loop.run(group.idle());
    EXPECT_EQ(first_failure, "");
}

TEST(Tcp, two_listeners_share_a_port_when_one_is_for_ipv6_only) {
    Loop loop;
    auto six = loop.run(listen_tcp(loop, "::", 0, backlog_default, Stack::ipv6_only));
    ASSERT_TRUE(six) << six.error().what;
    auto four = loop.run(listen_tcp(loop, "0.0.0.0", (*six)->local().port));
    EXPECT_TRUE(four) << four.error().what;
    auto again = loop.run(listen_tcp(loop, "0.0.0.0", (*six)->local().port));
    ASSERT_FALSE(again);
    EXPECT_EQ(again.error().code, Errc::io);
}

TEST(Tcp, knows_both_ends_and_shows_ipv4_peers_as_ipv4) {
    Loop loop;
    auto listener = loop.run(listen_tcp(loop, "::", 0));
    ASSERT_TRUE(listener);
    auto accepting = (*listener)->accept();
    auto dialled = loop.run(dial_tcp(loop, "127.0.0.1", (*listener)->local().port, 5000));
    ASSERT_TRUE(dialled);
    auto accepted = loop.run(std::move(accepting));
    ASSERT_TRUE(accepted);
    EXPECT_EQ((*accepted)->remote().host, "127.0.0.1");
    EXPECT_EQ((*accepted)->remote(), (*dialled)->local());
    EXPECT_EQ((*accepted)->local(), (*dialled)->remote());
    EXPECT_FALSE((*accepted)->is_unix());
}

TEST(Tcp, dials_a_name) {
    Loop loop;
    auto listener = loop.run(listen_tcp(loop, "localhost", 0));
    ASSERT_TRUE(listener) << listener.error().what;
    auto accepting = (*listener)->accept();
    auto dialled = loop.run(dial_tcp(loop, "localhost", (*listener)->local().port, 20'000));
    ASSERT_TRUE(dialled) << dialled.error().what;
    EXPECT_TRUE(loop.run(std::move(accepting)));
}

TEST(Tcp, refuses_impossible_names) {
    Loop loop;
    std::string with_zero("local\0host", 10);
    for (const std::string& name : {std::string(), std::string(300, 'a'), with_zero}) {
        auto dialled = loop.run(dial_tcp(loop, name, 8008, 1000));
        ASSERT_FALSE(dialled);
        EXPECT_EQ(dialled.error().code, Errc::invalid);
        EXPECT_FALSE(loop.run(listen_tcp(loop, name, 0)));
    }
}

TEST(Tcp, says_when_nobody_listens) {
    Loop loop;
    std::uint16_t port = 0;
    {
        auto listener = loop.run(listen_tcp(loop, "127.0.0.1", 0));
        ASSERT_TRUE(listener);
        port = (*listener)->local().port;
    }
    auto dialled = loop.run(dial_tcp(loop, "127.0.0.1", port, 5000));
    ASSERT_FALSE(dialled);
    EXPECT_EQ(dialled.error().code, Errc::io);
}

TEST(Tcp, gives_up_dialling_after_the_time) {
    Loop loop;
    // Nobody accepts: once the backlog is full the kernel answers no more.
    auto listener = loop.run(listen_tcp(loop, "127.0.0.1", 0, 0));
    ASSERT_TRUE(listener);
    std::vector<std::unique_ptr<Socket>> held;
    for (int i = 0; i < 20; ++i) {
        auto dialled = loop.run(dial_tcp(loop, "127.0.0.1", (*listener)->local().port, 100));
        if (!dialled) {
            EXPECT_EQ(dialled.error().code, Errc::timeout);
            return;
        }
        held.push_back(std::move(*dialled));
    }
    FAIL() << "the backlog never filled";
}

TEST(Tcp, a_reader_that_does_not_read_suspends_the_writer) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    constexpr std::size_t chunk = 100'000;
    constexpr int chunks = 1000;
    std::size_t accepted_bytes = 0;
    auto send_all = [](Loop& on, Socket& to, std::size_t& count) -> Async<void> {
        for (int i = 0; i < chunks; ++i) {
            auto sent = co_await to.write(Bytes(chunk, static_cast<std::uint8_t>(i)));
            if (!sent) co_return std::move(sent).error();
            count += chunk;
            if (i % 16 == 0) co_await on.yield();
        }
        co_return co_await to.shutdown();
    };
    Async<void> sending = send_all(loop, *both->dialled, accepted_bytes);
    std::size_t before = 1;
    while (before != accepted_bytes) {
        before = accepted_bytes;
        loop.run(turns(loop, 100));
    }
    EXPECT_FALSE(sending.done());
    EXPECT_LT(accepted_bytes, chunk * chunks / 2);  // the kernel's buffers and our mark
    Bytes expected;
    expected.reserve(chunk * chunks);
    for (int i = 0; i < chunks; ++i) {
        base::append(expected, Bytes(chunk, static_cast<std::uint8_t>(i)));
    }
    auto got = loop.run(read_all(*both->accepted));
    ASSERT_TRUE(got);
    EXPECT_TRUE(*got == expected);
    EXPECT_TRUE(loop.run(std::move(sending)));
}

TEST(Tcp, dropped_writes_do_not_pile_up) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    constexpr std::size_t each = 1'000'000;
    for (int i = 0; i < 100; ++i) {
        Async<void> write = both->dialled->write(Bytes(each));
        loop.run(turns(loop, 1));
    }
    Async<void> ending = both->dialled->shutdown();
    auto got = loop.run(read_all(*both->accepted));
    ASSERT_TRUE(got);
    EXPECT_LT(got->size(), 50 * each);  // those that had to wait were never accepted
    EXPECT_EQ(got->size() % each, 0u);  // and none was cut
    EXPECT_TRUE(loop.run(std::move(ending)));
}

TEST(Tcp, closing_ends_reads_and_writes_that_wait) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    Bytes into(10);
    Async<std::size_t> reading = both->dialled->read(into);
    Async<void> writing = both->dialled->write(Bytes(64'000'000));
    loop.run(turns(loop, 3));
    EXPECT_FALSE(reading.done());
    EXPECT_FALSE(writing.done());
    both->dialled->close();
    EXPECT_EQ(loop.run(std::move(reading)).error().code, Errc::closed);
    EXPECT_EQ(loop.run(std::move(writing)).error().code, Errc::closed);
    EXPECT_EQ(loop.run(both->dialled->read(into)).error().code, Errc::closed);
    EXPECT_EQ(loop.run(both->dialled->shutdown()).error().code, Errc::closed);
    EXPECT_EQ(both->dialled->remote().host, "127.0.0.1");  // still known
}

TEST(Tcp, a_lost_peer_shows_in_reads_and_writes) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    EXPECT_TRUE(loop.run(both->dialled->write(numbered(10))));
    loop.run(turns(loop, 3));
    both->accepted.reset();  // unread bytes: the kernel sends a reset
    auto write_on = [](Loop& on, Socket& to) -> Async<void> {
        for (;;) {
            auto sent = co_await to.write(numbered(1000));
            if (!sent) co_return std::move(sent).error();
            co_await on.yield();
        }
    };
    auto written = loop.run(write_on(loop, *both->dialled));
    EXPECT_EQ(written.error().code, Errc::closed);
    Bytes into(10);
    auto got = loop.run(both->dialled->read(into));
    EXPECT_TRUE(!got || *got == 0);
}

TEST(Tcp, reads_stop_while_nobody_waits_and_go_on_in_any_size) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    Bytes data = numbered(300'000);
    Async<void> writing = both->dialled->write(data);
    Bytes got;
    std::size_t size = 1;
    while (got.size() < data.size()) {
        Bytes into(size);
        auto count = loop.run(both->accepted->read(into));
        ASSERT_TRUE(count);
        ASSERT_GT(*count, 0u);
        got.insert(got.end(), into.begin(), into.begin() + static_cast<std::ptrdiff_t>(*count));
        loop.run(turns(loop, static_cast<int>(size % 3)));
        size = size * 3 % 5003;
    }
    EXPECT_TRUE(got == data);
    EXPECT_TRUE(loop.run(std::move(writing)));
}

Async<void> send_pieces(Loop& loop, Socket& socket, Bytes all) {
    for (std::uint8_t byte : all) {
        Bytes piece(1, byte);
        auto written = co_await socket.write(std::move(piece));
        if (!written) co_return std::move(written).error();
        co_await loop.yield();
    }
    co_return co_await socket.shutdown();
}

/// Takes it all in, and tells how many reads that took.
Async<std::size_t> take_pieces(Socket& socket, Bytes all) {
    Bytes got, room(100'000);
    for (std::size_t reads = 0;; ++reads) {
        auto some = co_await socket.read(room);
        if (!some) co_return std::move(some).error();
        if (*some == 0) {
            EXPECT_TRUE(got == all);
            co_return reads;
        }
        got.insert(got.end(), room.begin(), room.begin() + static_cast<std::ptrdiff_t>(*some));
    }
}

TEST(Tcp, who_sends_piece_after_piece_is_read_now_and_then) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    const Bytes all = numbered(5000);
    auto sending = send_pieces(loop, *both->dialled, all);
    auto reads = loop.run(take_pieces(*both->accepted, all));
    ASSERT_TRUE(loop.run(std::move(sending)));
    ASSERT_TRUE(reads);
    EXPECT_LT(*reads, all.size() / 2);
}

TEST(Tcp, closing_ends_a_read_that_lets_pieces_gather) {
    Loop loop;
    auto both = loop.run(connect_pair(loop));
    ASSERT_TRUE(both);
    auto sending = send_pieces(loop, *both->dialled, numbered(5000));
    auto taking = take_pieces(*both->accepted, {});
    loop.run(turns(loop, 300));
    both->accepted->close();
    auto reads = loop.run(std::move(taking));
    ASSERT_FALSE(reads);
    EXPECT_EQ(reads.error().code, Errc::closed);
    both->dialled->close();
    (void)loop.run(std::move(sending)).has_value();
}

TEST(Tcp, accept_survives_a_lack_of_descriptors_and_says_so_once) {
    Loop loop;
    auto listener = loop.run(listen_tcp(loop, "127.0.0.1", 0));
    ASSERT_TRUE(listener);
    int troubles = 0;
    (*listener)->on_trouble([&](const Error&) { ++troubles; });
    auto dialled = loop.run(dial_tcp(loop, "127.0.0.1", (*listener)->local().port, 5000));
    ASSERT_TRUE(dialled);

    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    rlimit few = before;
    few.rlim_cur = 128;
    setrlimit(RLIMIT_NOFILE, &few);
    std::vector<int> filler;
    for (int fd = open("/dev/null", O_RDONLY); fd >= 0; fd = open("/dev/null", O_RDONLY)) {
        filler.push_back(fd);
    }
    auto accepting = (*listener)->accept();
    auto wait = [](Loop& on) -> Task<void> { co_await on.sleep(350); };
    loop.run(wait(loop));
    EXPECT_FALSE(accepting.done());
    EXPECT_EQ(troubles, 1);
    for (int fd : filler) ::close(fd);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_TRUE(loop.run(std::move(accepting)));
}

TEST(Tcp, closing_the_listener_ends_its_accept) {
    Loop loop;
    auto listener = loop.run(listen_tcp(loop, "127.0.0.1", 0));
    ASSERT_TRUE(listener);
    auto accepting = (*listener)->accept();
    { auto dropped = std::move(accepting); }
    accepting = (*listener)->accept();
    (*listener)->close();
    EXPECT_EQ(loop.run(std::move(accepting)).error().code, Errc::closed);
    EXPECT_EQ(loop.run((*listener)->accept()).error().code, Errc::closed);
}

TEST(Unix, echoes_for_many_clients) {
    Loop loop;
    TemporaryFolder folder;
    auto listener = listen_unix(loop, folder / "socket");
    ASSERT_TRUE(listener) << listener.error().what;
    first_failure.clear();
    TaskGroup group(&note_failure);
    constexpr int clients = 40;
    group.add(serve_echo(**listener, group, clients));
    for (unsigned i = 0; i < clients; ++i) {
        group.add(unix_client(loop, folder / "socket", numbered(i * 9001, i)));
    }
    loop.run(group.idle());
    EXPECT_EQ(first_failure, "");
}

TEST(Unix, the_file_has_its_mode_and_goes_with_the_listener) {
    Loop loop;
    TemporaryFolder folder;
    std::string path = folder / "socket";
    mode_t before = umask(0);
    auto listener = listen_unix(loop, path);
    umask(before);
    ASSERT_TRUE(listener);
    struct stat file {};
    ASSERT_EQ(lstat(path.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777u, 0600u);
    listener->reset();
    EXPECT_NE(lstat(path.c_str(), &file), 0);
    EXPECT_EQ(loop.run(dial_unix(loop, path)).error().code, Errc::not_found);
}

TEST(Unix, replaces_a_stale_socket_but_nothing_else) {
    Loop loop;
    TemporaryFolder folder;
    std::string path = folder / "socket";
    std::string kept = folder / "kept";
    auto first = listen_unix(loop, path);
    ASSERT_TRUE(first);
    auto taken = listen_unix(loop, path);  // somebody answers
    ASSERT_FALSE(taken);
    EXPECT_EQ(taken.error().code, Errc::io);
    // moved away and back, the file outlives its listener
    ASSERT_EQ(rename(path.c_str(), kept.c_str()), 0);
    first->reset();
    ASSERT_EQ(rename(kept.c_str(), path.c_str()), 0);
    auto second = listen_unix(loop, path);
    ASSERT_TRUE(second) << second.error().what;
    EXPECT_TRUE(loop.run(dial_unix(loop, path)));
    // a later owner's file is not removed by an earlier one
    ASSERT_EQ(unlink(path.c_str()), 0);
    auto third = listen_unix(loop, path);
    ASSERT_TRUE(third);
    second->reset();
    EXPECT_TRUE(loop.run(dial_unix(loop, path)));
    std::string plain = folder / "plain";
    std::ofstream(plain) << "not a socket";
    EXPECT_FALSE(listen_unix(loop, plain));
    EXPECT_TRUE(std::filesystem::exists(plain));
}

TEST(Unix, refuses_paths_that_do_not_fit) {
    Loop loop;
    for (const std::string& path : {std::string(), "/" + std::string(200, 'x')}) {
        auto listener = listen_unix(loop, path);
        ASSERT_FALSE(listener);
        EXPECT_EQ(listener.error().code, Errc::invalid);
        EXPECT_EQ(loop.run(dial_unix(loop, path)).error().code, Errc::invalid);
    }
}

TEST(Udp, carries_datagrams_and_leaves_out_giants) {
    Loop loop;
    auto here = bind_udp(loop, "127.0.0.1", 0);
    auto there = bind_udp(loop, "127.0.0.1", 0);
    ASSERT_TRUE(here && there);
    Async<Datagram> waiting = (*here)->receive();
    Endpoint to = (*here)->local();
    EXPECT_TRUE((*there)->send(numbered(limits::datagram_bytes_max + 1), to));
    EXPECT_TRUE((*there)->send(numbered(100), to));
    EXPECT_TRUE((*there)->send(Bytes(), to));
    auto first = loop.run(std::move(waiting));
    ASSERT_TRUE(first);
    EXPECT_EQ(first->data, numbered(100));
    EXPECT_EQ(first->from, (*there)->local());
    auto second = loop.run((*here)->receive());
    ASSERT_TRUE(second);
    EXPECT_TRUE(second->data.empty());
    { Async<Datagram> dropped = (*here)->receive(); }
    Async<Datagram> last = (*here)->receive();
    (*here)->close();
    EXPECT_EQ(loop.run(std::move(last)).error().code, Errc::closed);
}

TEST(Udp, shares_its_port_and_refuses_what_is_no_ipv4_address) {
    Loop loop;
    auto first = bind_udp(loop, "0.0.0.0", 0);
    ASSERT_TRUE(first);
    auto second = bind_udp(loop, "0.0.0.0", (*first)->local().port);
    EXPECT_TRUE(second) << second.error().what;
    EXPECT_EQ(bind_udp(loop, "::1", 0).error().code, Errc::invalid);
    Endpoint name;
    name.host = "localhost";
    name.port = 1;
    EXPECT_EQ((*first)->send(numbered(1), name).error().code, Errc::invalid);
}

}  // namespace
}  // namespace sbot::io
