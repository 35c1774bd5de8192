#include "muxrpc/router.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace sbot::muxrpc {
namespace {

std::string join(const std::vector<std::string>& path, char between) {
    std::string out;
    for (const auto& part : path) {
        if (!out.empty()) out += between;
        out += part;
    }
    return out;
}

bool is_stream(MethodKind kind) { return kind >= MethodKind::source; }

}  // namespace

std::string_view name_of(MethodKind kind) {
    switch (kind) {
        case MethodKind::sync: return "sync";
        case MethodKind::async: return "async";
        case MethodKind::source: return "source";
        case MethodKind::sink: return "sink";
        case MethodKind::duplex: return "duplex";
    }
    return "";
}

void Router::sync(std::string path, Allow allow, AsyncHandler handler) {
    add(std::move(path), {MethodKind::sync, allow, std::move(handler), {}, {}, {}});
}
void Router::async(std::string path, Allow allow, AsyncHandler handler) {
    add(std::move(path), {MethodKind::async, allow, std::move(handler), {}, {}, {}});
}
void Router::source(std::string path, Allow allow, SourceHandler handler) {
    add(std::move(path), {MethodKind::source, allow, {}, std::move(handler), {}, {}});
}
void Router::sink(std::string path, Allow allow, SinkHandler handler) {
    add(std::move(path), {MethodKind::sink, allow, {}, {}, std::move(handler), {}});
}
void Router::duplex(std::string path, Allow allow, DuplexHandler handler) {
    add(std::move(path), {MethodKind::duplex, allow, {}, {}, {}, std::move(handler)});
}

void Router::add(std::string path, Method method) {
    order_.push_back(path);
    bool added = methods_.emplace(std::move(path), std::move(method)).second;
    SBOT_ASSERT(added);
}

void Router::adapt(std::string_view path, std::function<void(Request&)> change) {
    auto found = methods_.find(path);
    SBOT_ASSERT(found != methods_.end() && found->second.async);
    AsyncHandler& handler = found->second.async;
    handler = [change = std::move(change), inner = std::move(handler)](Request request) {
        change(request);
        return inner(std::move(request));
    };
}

Reply<const Method*> Router::find(const std::vector<std::string>& path, std::string_view type,
                                  Rights rights) const {
    auto found = methods_.find(join(path, '.'));
    // A name with a point in it is not the path that it spells.
    bool known = found != methods_.end() &&
                 std::none_of(path.begin(), path.end(),
                              [](const auto& part) { return part.find('.') != part.npos; });
    if (rights != Rights::local && (!known || !allows(found->second.allow, rights))) {
        return RemoteError{"method:" + join(path, ',') + " is not in list of allowed methods"};
    }
    bool plain = type == "async" || type == "sync";
    if (known && (plain ? !is_stream(found->second.kind) : name_of(found->second.kind) == type)) {
        return &found->second;
    }
    return RemoteError{"no " + std::string(type) + ":" + join(path, ',')};
}

std::string Router::manifest() const {
    // Groups come out where their first method stands; there is one level of them.
    json::Writer out;
    out.begin_object();
    std::vector<std::string_view> done;
    for (const auto& path : order_) {
        auto point = path.find('.');
        if (point == path.npos) {
            out.member(path, name_of(methods_.find(path)->second.kind));
            continue;
        }
        std::string_view group = std::string_view(path).substr(0, point);
        if (std::find(done.begin(), done.end(), group) != done.end()) continue;
        done.push_back(group);
        out.name(group).begin_object();
        for (const auto& other : order_) {
            if (other.size() > point && other.compare(0, point, group) == 0 &&
                other[point] == '.') {
                out.member(std::string_view(other).substr(point + 1),
                           name_of(methods_.find(other)->second.kind));
            }
        }
        out.end_object();
    }
    out.end_object();
    return std::move(out).text();
}

}  // namespace sbot::muxrpc
