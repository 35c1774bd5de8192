#include "sbot/usage.h"

#include <algorithm>
#include <array>

namespace sbot::app {
namespace {

/// How JavaScript puts a value into a text.
std::string in_text(json::Value value) {
    if (!value.exists()) return "undefined";
    return value.is_string() ? std::string(value.string()) : json::compact(value);
}

Path with(Path path, std::string_view last) {
    path.emplace_back(last);
    return path;
}

/// Columns as wide as their widest cell.
std::string aligned(const std::vector<std::array<std::string, 3>>& rows) {
    std::array<std::size_t, 3> widths{};
    for (const auto& row : rows) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string out;
    for (const auto& row : rows) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            if (i > 0) line += ' ';
            line += row[i];
            line.append(widths[i] - row[i].size(), ' ');
        }
        while (line.ends_with(' ')) line.pop_back();
        if (!out.empty()) out += '\n';
        out += line;
    }
    return out;
}

std::string command_usage(json::Value command, const Path& path) {
    json::Value arguments = command["args"];
    std::vector<std::array<std::string, 3>> rows;
    for (json::Member each : arguments.members()) {
        std::string type = "[" + in_text(each.value["type"]);
        if (each.value["default"].exists()) type += "=" + in_text(each.value["default"]);
        type += each.value["optional"].truthy() ? "]?" : "]";
        rows.push_back(
            {"  --" + std::string(each.name), type, "# " + in_text(each.value["description"])});
    }
    std::string single;
    if (!rows.empty() && command["single"].truthy()) {
        single = " {" + in_text(command["single"]) + "}";
    }
    std::string out = dotted(path) + single + " # " + in_text(command["description"]);
    if (!rows.empty()) out += "\n" + aligned(rows);
    return out + "\n";
}

Path joined(Path one, const Path& other) {
    one.insert(one.end(), other.begin(), other.end());
    return one;
}

}  // namespace

std::string dotted(const Path& path) {
    std::string out;
    for (const std::string& each : path) out += (&each == &path.front() ? "" : ".") + each;
    return out;
}

json::Value at_path(json::Value object, const Path& path) {
    for (const std::string& name : path) object = object[name];
    return object;
}

json::Value find_help(json::Value help, const Path& path) {
    for (const std::string& name : path) help = help["commands"][name];
    return help;
}

bool is_command(json::Value help) { return help["type"].truthy() && help["args"].truthy(); }

std::string quick_usage(json::Value help, const Path& path) {
    json::Value found = find_help(help, path);
    bool command = is_command(found);
    std::string out;
    for (json::Member each : found[command ? "args" : "commands"].members()) {
        out += (out.empty() ? (command ? "--" : "") : "|") + std::string(each.name);
    }
    return out;
}

std::string deep_usage(json::Value help, const Path& path, const Path& before) {
    json::Value found = find_help(help, path);
    if (is_command(found)) return command_usage(found, joined(before, path));
    std::string out;
    for (json::Member each : found["commands"].members()) {
        if (!out.empty()) out += '\n';
        // Groups have no groups in them; what claims to is not followed.
        if (is_command(each.value)) {
            out += command_usage(each.value, joined(before, with(path, each.name)));
        }
    }
    return out;
}

}  // namespace sbot::app
