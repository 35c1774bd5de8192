#include "base/result.h"

#include <cstring>

namespace sbot::base {

std::string_view name_of(Errc code) {
    switch (code) {
        case Errc::closed: return "closed";
        case Errc::cancelled: return "cancelled";
        case Errc::timeout: return "timeout";
        case Errc::io: return "io";
        case Errc::corrupt: return "corrupt";
        case Errc::invalid: return "invalid";
        case Errc::denied: return "denied";
        case Errc::limit: return "limit";
        case Errc::not_found: return "not found";
        case Errc::unsupported: return "unsupported";
    }
    return "unknown";
}

Error errno_error(std::string_view what, int error_number) {
    std::string text(what);
    text += ": ";
    text += std::strerror(error_number);
    return Error{Errc::io, std::move(text)};
}

}  // namespace sbot::base
