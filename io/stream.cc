#include "io/stream.h"

#include <string>

namespace sbot::io {

Async<void> read_exactly(ByteStream& stream, MutableBytes into) {
    std::size_t have = 0;
    while (have < into.size()) {
        Result<std::size_t> got = co_await stream.read(into.subspan(have));
        if (!got) co_return std::move(got).error();
        if (*got == 0) {
            co_return base::error(Errc::closed, "ended after " + std::to_string(have) + " of " +
                                                    std::to_string(into.size()) + " bytes");
        }
        have += *got;
    }
    co_return Result<void>();
}

}  // namespace sbot::io
