#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/logger.h"
#include "io/task_group.h"
#include "io/udp.h"
#include "message/keys.h"
#include "sbot/gossip.h"
#include "sbot/settings.h"

namespace sbot::app {

/// Finds servers on this network and is found by them, as long as `gossip.local` says so: announces
/// every address that others on the LAN can dial, to all its networks, every two seconds, in both
/// the old form (UDP 8008) and the newer (26830), and listens for both. Loop thread.
class Lan {
 public:
    /// All outlive this.
    Lan(io::Loop& loop, Gossip& gossip, const message::KeyPair& keys, const Settings& settings,
        base::Logger& log);
    void start();
    void close();

 private:
    struct Announcement {
        std::string address;
        std::string broadcast;  // where to send it
    };

    bool on() const;
    std::vector<Announcement> announcements() const;
    void open_sockets();
    void announce();
    void heard(const io::Datagram& datagram, bool is_signed);
    io::Task<void> run();
    io::Task<void> listen(io::UdpSocket& socket, bool is_signed);

    io::Loop& loop_;
    Gossip& gossip_;
    const message::KeyPair& keys_;
    const Settings& settings_;
    base::Logger& log_;
    bool closed_ = false;
    std::vector<std::unique_ptr<io::UdpSocket>> sockets_;
    std::uint64_t window_ms_ = 0;  // in which beacons are counted
    std::size_t in_window_ = 0;
    io::TaskGroup tasks_;
};

}  // namespace sbot::app
