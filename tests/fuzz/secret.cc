// A `secret` file: what is read is written to a file that reads the same; errors are short and are
// made of our own words.

#include "base/assert.h"
#include "message/keys.h"

using namespace sbot;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto keys = message::parse_secret_file(base::text_of({data, size}));
    if (!keys) {
        SBOT_ASSERT(!keys.error().what.empty() && keys.error().what.size() < 100);
        return 0;
    }
    auto again = message::parse_secret_file(message::secret_file_text(*keys));
    SBOT_ASSERT(again.has_value());
    SBOT_ASSERT(again->id == keys->id);
    auto signature = message::sign(*again, {}, "text");
    SBOT_ASSERT(message::verify(keys->id, {}, signature, "text"));
    return 0;
}
