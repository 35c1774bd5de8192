#include "sbot/peers_view.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "sbot/output.h"

namespace sbot::app {
namespace {

constexpr std::uint64_t look_ms = 1000;
constexpr std::size_t width_default = 80;

std::string with_unit(double value, const char* unit) {
    char text[32];
    std::snprintf(text, sizeof text,
                  value < 9.95 && value != std::floor(value) ? "%.1f %s" : "%.0f %s", value, unit);
    return text;
}

std::string bytes_text(double bytes) {
    const char* units[] = {"B", "KB", "MB", "GB", "TB"};
    std::size_t unit = 0;
    while (bytes >= 1000 && unit + 1 < std::size(units)) {
        bytes /= 1000;
        ++unit;
    }
    return with_unit(unit == 0 ? std::round(bytes) : bytes, units[unit]);
}

std::string time_text(double ms) {
    double seconds = std::max(0.0, ms / 1000);
    if (seconds < 90) return with_unit(std::round(seconds), "s");
    if (seconds < 90 * 60) return with_unit(std::round(seconds / 60), "min");
    if (seconds < 48 * 3600) return with_unit(std::round(seconds / 3600), "h");
    return with_unit(std::round(seconds / 86400), "d");
}

/// What a peer could have written goes to a terminal: printable ASCII, no more than that.
std::string plain(std::string_view text, std::size_t count_max) {
    std::string out;
    for (char c : text.substr(0, count_max)) out += c >= ' ' && c <= '~' ? c : '?';
    return out;
}

/// `net:host:port~shs:KEY` without what everybody knows.
std::string place_of(std::string_view address) {
    if (address.starts_with("net:")) address.remove_prefix(4);
    return plain(address.substr(0, address.find('~')), 32);
}

std::string padded(std::string text, std::size_t width) {
    if (text.size() < width) text.append(width - text.size(), ' ');
    return text;
}

/// What no terminal takes is not cut: it goes to a file, or to another program.
std::size_t terminal_width() {
    if (isatty(STDOUT_FILENO) == 0) return SIZE_MAX;
    winsize size{};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20;
    return known ? size.ws_col : width_default;
}

std::string counted_text(double count, const char* what) {
    return std::to_string(std::llround(count)) + " " + what + (count == 1 ? "" : "s");
}

class Lines {
 public:
    explicit Lines(std::size_t width) : width_(width) {}
    void add(std::string line) {
        while (line.ends_with(' ')) line.pop_back();
        out_ += line.substr(0, width_) + "\n";
    }
    std::string text() && { return std::move(out_); }

 private:
    std::size_t width_;
    std::string out_;
};

}  // namespace

std::string PeersView::look(json::Value status, json::Value progress, double now,
                            std::size_t width) {
    Lines out(width);
    double seconds = last_ > 0 ? std::max(0.001, (now - last_) / 1000) : 0;
    auto rate = [seconds](double bytes) {
        return seconds > 0 ? bytes_text(bytes / seconds) + "/s" : std::string();
    };
    std::map<std::string, Seen> seen;
    std::vector<std::string> rows;
    double all_received = 0, all_sent = 0;
    for (json::Value link : status["connections"].elements()) {
        std::string id(link["id"].string()), address(link["address"].string());
        Seen total{link["received"].number(), link["sent"].number()};
        auto before = seen_.find(id + address);
        Seen moved;
        if (before != seen_.end()) {
            moved.received = std::max(0.0, total.received - before->second.received);
            moved.sent = std::max(0.0, total.sent - before->second.sent);
        }
        seen[id + address] = total;
        all_received += moved.received;
        all_sent += moved.sent;
        std::string row = link["client"].is_true() ? "> " : "< ";
        row += padded(plain(id, 12), 14) + padded(place_of(address), 26);
        row += padded(time_text(now - link["since"].number()), 8);
        row += padded("in " + bytes_text(total.received), 11) + padded(rate(moved.received), 10);
        row += padded("out " + bytes_text(total.sent), 12) + rate(moved.sent);
        rows.push_back(std::move(row));
    }
    std::string head = std::to_string(rows.size()) + " connected, " +
                       plain(json::compact(status["knownPeers"]), 10) + " known";
    if (seconds > 0) head += ", in " + rate(all_received) + ", out " + rate(all_sent);
    out.add(std::move(head));
    for (std::string& row : rows) out.add(std::move(row));
    for (std::string& line : left(status, progress, seconds)) out.add(std::move(line));
    seen_ = std::move(seen);
    last_ = now;
    return std::move(out).text();
}

/// What is left of each kind of work, and how long it takes if it goes on as since the last look.
std::vector<std::string> PeersView::left(json::Value status, json::Value progress, double seconds) {
    std::vector<std::string> lines;
    auto end_in_sight = [this, seconds](const std::string& kind, double now) {
        auto before = left_.find(kind);
        double done = before != left_.end() ? before->second - now : 0;
        left_[kind] = now;
        if (now <= 0 || done <= 0 || seconds <= 0) return std::string();
        return ", about " + time_text(now / done * seconds * 1000);
    };
    json::Value replication = status["replication"];
    bool counted = replication["missing"].is_number();
    for (json::Member kind : progress.members()) {
        if (counted && kind.name == "ebt") continue;  // it counts notes besides messages
        double current = kind.value["current"].number(), target = kind.value["target"].number();
        double rest = std::max(0.0, target - current);
        std::string line = plain(kind.name, 20) + ": ";
        line += rest == 0 ? "up to date"
                          : plain(json::compact(kind.value["target"]), 20) + " in all, " +
                                std::to_string(std::llround(rest)) + " left";
        lines.push_back(line + end_in_sight(std::string(kind.name), rest));
    }
    // With nobody there nobody knows what is missing.
    if (counted && status["connections"].size() > 0) {
        double missing = replication["missing"].number(), to_send = replication["toSend"].number();
        std::string line = "replication: ";
        line += missing > 0
                    ? counted_text(missing, "message") + " of " +
                          counted_text(replication["missingFeeds"].number(), "feed") + " to come"
                    : "nothing to come";
        line += end_in_sight("replication", missing);
        if (to_send > 0) line += ", " + counted_text(to_send, "message") + " to send";
        lines.push_back(std::move(line));
    }
    json::Value waits = status["publishingWaits"];
    if (waits.is_string()) lines.push_back("publishing waits " + plain(waits.string(), 200));
    return lines;
}

io::Task<int> show_peers(io::Loop& loop, muxrpc::Session& session, bool live) {
    PeersView view;
    std::size_t lines = 0;
    while (true) {
        auto asking = session.async("status", "[]");
        auto status = co_await asking;
        auto asking_progress = session.async("progress", "[]");
        auto progress = co_await asking_progress;
        if (!status || !progress) {
            const auto& why = status ? progress.error() : status.error();
            std::fprintf(stderr, "Error: %s\n", why.message.c_str());
            co_return 1;
        }
        auto parsed = json::Document::parse(status->text());
        auto parsed_progress = json::Document::parse(progress->text());
        if (!parsed || !parsed_progress) co_return 1;
        std::string text = view.look(parsed->root(), parsed_progress->root(),
                                     base::SystemClock().wall_ms(), terminal_width());
        // Over the picture before, whose rest is wiped.
        if (lines > 0) std::printf("\x1b[%zuA\x1b[J", lines);
        put(text);
        if (!live || output_failed()) co_return 0;
        lines = static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
        auto nap = loop.sleep(look_ms);
        co_await nap;
    }
}

}  // namespace sbot::app
