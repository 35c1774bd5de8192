// sbot-oracle: answers questions about the pure cores, one JSON object a line, so that thousands of
// cases can be held against another implementation. Ends at the end of its input.

#include <cstdio>
#include <iostream>
#include <string>
#include <unordered_map>

#include "tests/oracle/ops.h"

namespace {

using namespace sbot;

std::unordered_map<std::string_view, oracle::Op> all_ops() {
    std::unordered_map<std::string_view, oracle::Op> ops;
    for (auto group : {
             oracle::ebt_ops(),
             oracle::flumelog_ops(),
             oracle::json_ops(),
             oracle::refs_ops(),
             oracle::packet_ops(),
             oracle::boxstream_ops(),
             oracle::message_ops(),
             oracle::graph_ops(),
         }) {
        for (const auto& named : group) ops.emplace(named.name, named.op);
    }
    return ops;
}

std::string answer(const std::unordered_map<std::string_view, oracle::Op>& ops,
                   json::Value request) {
    auto with = [&](std::string_view name) {
        json::Writer flag;
        flag.begin_object().member("n", request["n"]).member(name, true).end_object();
        return std::move(flag).text();
    };
    auto found = ops.find(request["op"].string());
    if (found == ops.end()) return with("unsupported");
    json::Writer writer;
    writer.begin_object().member("n", request["n"]);
    if (!found->second(request, writer)) return with("threw");
    writer.end_object();
    return std::move(writer).text();
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    const auto ops = all_ops();
    std::string line;
    while (std::getline(std::cin, line)) {
        if (line.empty()) continue;
        auto request = json::Document::parse(line);
        if (!request) {
            std::cerr << "not JSON: " << request.error().what << '\n';
            return 2;
        }
        std::cout << answer(ops, request->root()) << std::endl;
    }
    return 0;
}
