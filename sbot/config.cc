#include "sbot/config.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "sbot/config_file.h"

extern char** environ;

namespace sbot::app {
namespace {

using base::Tree;

constexpr std::size_t config_bytes_max = 1 << 20;
constexpr int net_port = 8008;
constexpr int ws_port = 8989;

std::string variable(const Surroundings& surroundings, std::string_view name) {
    for (const std::string& each : surroundings.environment) {
        if (each.size() > name.size() && each.compare(0, name.size(), name) == 0 &&
            each[name.size()] == '=') {
            return each.substr(name.size() + 1);
        }
    }
    return {};
}

/// The nearest `.ssbrc` from the working folder up.
std::string nearest_rc(const std::string& app, const Surroundings& surroundings) {
    std::error_code none;
    for (std::filesystem::path at = surroundings.working_folder;; at = at.parent_path()) {
        auto file = at / ("." + app + "rc");
        if (std::filesystem::is_regular_file(file, none)) return file.string();
        if (at == at.parent_path()) return {};
    }
}

/// The names of files, weakest first; some may not be there.
std::vector<std::string> config_files(const CommandLine& line, const Surroundings& surroundings,
                                      const std::string& app, const Tree& environment) {
    std::vector<std::string> files = {"/etc/" + app + "/config", "/etc/" + app + "rc"};
    const std::string& given = line.command.options["path"].text();
    const std::string& folder = given.empty() ? line.weak_settings()["path"].text() : given;
    std::string dot = surroundings.home + "/." + app;
    std::string main =
        folder.empty() ? dot + "/config" : absolute_path(folder, surroundings) + "/config";
    if (!surroundings.home.empty()) {
        std::string config = surroundings.home + "/.config/" + app;
        files.insert(files.end(), {config + "/config", config, main, dot + "rc"});
    } else {
        files.push_back(main);
    }
    files.push_back(nearest_rc(app, surroundings));
    files.push_back(environment["config"].text());
    files.push_back(line.command.options["config"].text());
    return files;
}

/// Whether there is a file of this name. Anything else would be passed over, and the node would run
/// on another network than it was told to: it is refused, but for a folder of other names.
Result<bool> is_there(const std::string& name, const std::vector<std::string>& names) {
    namespace fs = std::filesystem;
    std::error_code none;
    const fs::file_type link = fs::symlink_status(name, none).type();
    const fs::file_type type = fs::status(name, none).type();
    if (type == fs::file_type::regular) return true;
    const bool of_others = std::any_of(names.begin(), names.end(), [&](const std::string& each) {
        return each.starts_with(name + "/");
    });
    const bool missing = type == fs::file_type::not_found && link != fs::file_type::symlink;
    if (missing || type == fs::file_type::none || (type == fs::file_type::directory && of_others)) {
        return false;
    }
    const char* what = link == fs::file_type::symlink && type == fs::file_type::not_found
                           ? " is a link that leads nowhere"
                           : " is no regular file";
    return error(Errc::invalid,
                 "the configuration file " + name + what + ": put a file there, or move it away");
}

/// One layer for each file that is there and not empty. A missing one is fine.
Result<void> read_files(Config& config, const std::vector<std::string>& names) {
    base::PosixFiles files;
    for (const std::string& name : names) {
        if (name.empty()) continue;
        auto there = is_there(name, names);
        if (!there) return std::move(there).error();
        if (!*there) continue;
        if (std::any_of(config.layers.begin(), config.layers.end(),
                        [&](const Config::Layer& each) { return each.from == name; })) {
            continue;
        }
        auto text = base::read_file(files, name, config_bytes_max);
        if (!text) {
            Error why = std::move(text).error().in("the configuration cannot be read");
            return error(why.code, why.what + "; make it readable for this user, or move it away");
        }
        if (text->empty()) continue;
        auto tree = parse_config_file(base::text_of(*text));
        if (!tree) return std::move(tree).error().in("the configuration file " + name);
        config.layers.push_back({name, std::move(*tree), true});
    }
    return {};
}

Tree defaults(const Config& config, const Surroundings& surroundings) {
    auto shs = [] {
        Tree entry = Tree::object();
        entry.set("transform", "shs");
        return Tree(Tree::List{entry});
    };
    Tree out = Tree::object();
    std::string folder = surroundings.home.empty() ? "browser" : surroundings.home;
    out.set("path", folder + "/." + config.app);
    out.set("party", true);
    out.set("timeout", 0);
    out.set("pub", true);
    out.set("local", true);
    auto set = [&out](std::string_view path, Tree value) {
        [[maybe_unused]] auto ok = out.set_at(path, std::move(value));  // not deep
    };
    set("friends.dunbar", 150);
    set("friends.hops", 2);
    set("gossip.connections", 3);
    set("connections.outgoing.net", shs());
    set("connections.outgoing.onion", shs());
    set("timers.connection", 0);
    set("timers.reconnect", 5000);
    set("timers.ping", 300000);
    set("timers.handshake", 5000);
    set("caps.shs", "1KHLiKZvAvjbY1ziZEHMXawbCEIM6qwjCDm3VYRan/s=");
    set("caps.sign", Tree());
    set("caps.invite", "HT0wIYuk3OWc2FtaCfHNnakV68jSGRrjRMP9Kos7IQc=");
    out.set("master", Tree::List());
    set("logging.level", "notice");
    return out;
}

Tree listener(Tree host, Tree port, Tree scopes) {
    Tree entry = Tree::object();
    entry.set("host", std::move(host));
    entry.set("port", std::move(port));
    entry.set("scope", std::move(scopes));
    entry.set("transform", "shs");
    return entry;
}

/// Where to listen if nothing is said: on the host that is named, else on every interface.
Tree default_incoming(const Tree& all, const Surroundings& surroundings) {
    Tree out = Tree::object();
    for (const char* service : {"net", "ws"}) {
        bool is_net = std::string_view(service) == "net";
        const Tree* given = is_net ? all.find("port") : all["ws"].find("port");
        Tree port = given != nullptr ? *given : Tree(is_net ? net_port : ws_port);
        Tree::List entries;
        if (all["host"].truthy()) {
            entries.push_back(listener(all["host"], port, Tree::List{"device", "local", "public"}));
        } else {
            for (const net::InterfaceAddress& each : surroundings.interfaces) {
                if (each.zone != 0) continue;
                bool is_public = net::scope_of(each.address) == "public";
                const char* scope = each.internal ? "device" : is_public ? "public" : "local";
                entries.push_back(listener(each.address, port, Tree::List{scope}));
            }
        }
        out.set(service, std::move(entries));
    }
    Tree unix_entry = Tree::object();
    unix_entry.set("scope", "device");
    unix_entry.set("transform", "noauth");
    out.set("unix", Tree::List{unix_entry});
    return out;
}

bool has_scope(const Tree& entry, std::string_view scope) {
    const Tree& given = entry["scope"];
    if (given.is_text()) return given.text().find(scope) != std::string::npos;
    return std::any_of(given.items().begin(), given.items().end(),
                       [&](const Tree& each) { return each.text() == scope; });
}

/// The entry that host and port are taken from: a public one if there is any, else …
const Tree* best(const Tree::List& entries) {
    for (const std::vector<std::string_view>& scopes :
         {std::vector<std::string_view>{"public"}, {"local", "private"}, {"device"}}) {
        for (const Tree& entry : entries) {
            for (std::string_view scope : scopes) {
                if (has_scope(entry, scope)) return &entry;
            }
        }
    }
    return nullptr;
}

Result<void> check_incoming(const Config& config) {
    const Tree& incoming = config.all.at("connections.incoming");
    if (!incoming.is_object()) return config.wrong("connections.incoming", "an object");
    for (const char* service : {"net", "ws", "unix"}) {
        const Tree& list = incoming[service];
        std::string key = std::string("connections.incoming.") + service;
        if (list.is_null()) continue;
        if (!list.is_list()) return config.wrong(key, "a list");
        for (const Tree& entry : list.items()) {
            if (!entry.is_object()) return config.wrong(key, "a list of objects");
            const Tree& scope = entry["scope"];
            if (!scope.is_text() && !scope.is_list()) {
                return config.wrong(key, "a list of objects with a scope each");
            }
        }
    }
    return {};
}

bool same_value(const Tree& a, const Tree& b) {
    auto text = [](const Tree& tree) { return tree.is_text() ? tree.text() : tree.to_json(); };
    return text(a) == text(b);
}

void put_or_remove(Tree& all, std::string_view name, const Tree& value) {
    if (value.is_null()) {
        all.remove(name);
    } else {
        all.set(name, value);
    }
}

/// Gives the best entry of a service its port, in its place too, and returns a copy.
Tree with_port(Tree& all, std::string_view service, int port_default) {
    Tree* list = all.find("connections")->find("incoming")->find(service);
    const Tree* found = list != nullptr ? best(list->items()) : nullptr;
    if (found == nullptr) return Tree::object();
    Tree entry = *found;
    if (!entry["host"].truthy() || entry["port"].truthy()) return entry;
    entry.set("port", all["port"].truthy() ? all["port"] : Tree(port_default));
    Tree::List changed = list->items();
    changed[static_cast<std::size_t>(found - list->items().data())] = entry;
    *list = std::move(changed);
    return entry;
}

/// Makes host, port and ws say what the listeners say.
Result<void> settle_connections(Config& config) {
    Tree& all = config.all;
    Tree net = with_port(all, "net", net_port);
    Tree ws = with_port(all, "ws", ws_port);
    std::string conflicts;
    auto compare = [&](const Tree& one, const Tree& other, std::string_view what) {
        if (!one.truthy() || !other.truthy() || same_value(one, other)) return;
        conflicts += (conflicts.empty() ? "" : ", ") + std::string(what) + " (" + one.to_json() +
                     " and " + other.to_json() + ")";
    };
    compare(all["host"], net["host"], "net host");
    compare(all["port"], net["port"], "net port");
    compare(all["ws"]["port"], ws["port"], "ws port");
    if (!conflicts.empty()) {
        return error(Errc::invalid,
                     "configuration: conflicting connection settings for: " + conflicts +
                         "; take host, port or ws.port away, or change connections.incoming");
    }
    put_or_remove(all, "host", net["host"].truthy() ? net["host"] : ws["host"]);
    put_or_remove(all, "port", net["port"]);
    all.set("ws", std::move(ws));
    return {};
}

/// Whether something was set at a path, null too.
bool holds(const Tree& tree, std::string_view path) {
    const Tree* at = &tree;
    for (const std::string& name : base::split_path(path)) {
        if (at != nullptr) at = at->find(name);
    }
    return at != nullptr;
}

Tree list_of_files(const Config& config, const std::vector<std::string>& names) {
    Tree::List read;
    for (const Config::Layer& each : config.layers) {
        if (std::find(names.begin(), names.end(), each.from) != names.end()) {
            read.emplace_back(each.from);
        }
    }
    return read;
}

}  // namespace

Surroundings Surroundings::of_process() {
    Surroundings out;
    for (char** each = environ; *each != nullptr; ++each) out.environment.emplace_back(*each);
    out.home = variable(out, "HOME");
    std::error_code none;
    out.working_folder = std::filesystem::current_path(none).string();
    out.interfaces = net::interface_addresses();
    return out;
}

std::string absolute_path(const std::string& path, const Surroundings& surroundings) {
    std::filesystem::path full =
        std::filesystem::path(surroundings.working_folder) / std::filesystem::path(path);
    std::string text = full.lexically_normal().string();
    while (text.size() > 1 && text.back() == '/') text.pop_back();
    return text;
}

Error Config::wrong(std::string_view key, std::string_view expected) const {
    return wrong_in(key, key, merged.at(key), expected);
}

Error Config::wrong_in(std::string_view key, std::string_view name, const Tree& value,
                       std::string_view expected) const {
    std::string text = "configuration";
    for (const Layer& layer : layers) {
        if (holds(layer.tree, key)) text = layer.from;
    }
    text += ": " + std::string(name) + " must be " + std::string(expected);
    std::string shown = value.to_json();
    if (shown.size() <= 100 && !key.starts_with("caps")) text += ", not " + shown;
    return error(Errc::invalid, text);
}

Result<Config> read_config(const CommandLine& line, const Surroundings& surroundings) {
    Config config;
    if (auto app = variable(surroundings, "ssb_appname"); !app.empty()) config.app = app;
    Tree environment = config_of_environment(surroundings.environment, config.app + "_");
    config.layers.push_back({"the command line, behind --", line.weak_settings()});
    auto names = config_files(line, surroundings, config.app, environment);
    if (auto ok = read_files(config, names); !ok) return std::move(ok).error();
    config.layers.push_back({"the environment", std::move(environment)});
    config.layers.push_back({"the command line", line.command.options});

    Tree given = Tree::object();
    given.set("_", line.all_words());
    for (const Config::Layer& layer : config.layers) given.merge(layer.tree);
    given.set("_", line.all_words());
    if (Tree read = list_of_files(config, names); !read.items().empty()) {
        given.set("configs", read);
        given.set("config", read.items().back());
    }
    config.all = defaults(config, surroundings);
    config.all.merge(given);
    config.merged = config.all;
    if (!config.all["connections"].is_object()) return config.wrong("connections", "an object");
    config.incoming_given = config.all.at("connections.incoming").truthy();
    if (!config.incoming_given) {
        config.all.find("connections")->set("incoming", default_incoming(config.all, surroundings));
    }
    if (auto ok = check_incoming(config); !ok) return std::move(ok).error();
    if (auto ok = settle_connections(config); !ok) return std::move(ok).error();
    return config;
}

}  // namespace sbot::app
