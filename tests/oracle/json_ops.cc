#include "base/base64.h"
#include "tests/oracle/ops.h"

namespace sbot::oracle {
namespace {

bool print(json::Value request, json::Writer& answer, bool indented) {
    Bytes text = base::from_base64_lenient(request["json"].string());
    auto document = json::Document::parse(ByteView(text));
    if (!document) return false;
    std::string out;
    if (indented) {
        json::append_pretty(out, document->root());
    } else {
        json::append_compact(out, document->root());
    }
    answer.member("out", base::to_base64(base::bytes_of(out)));
    return true;
}

bool canonical(json::Value request, json::Writer& answer) { return print(request, answer, true); }
bool compact(json::Value request, json::Writer& answer) { return print(request, answer, false); }

constexpr NamedOp ops[] = {{"canonical", canonical}, {"compact", compact}};

}  // namespace

std::span<const NamedOp> json_ops() { return ops; }

}  // namespace sbot::oracle
