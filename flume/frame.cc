#include "flume/frame.h"

namespace sbot::flume {

void append_record(Bytes& out, ByteView data, Offset start, Mode mode) {
    SBOT_ASSERT(is_length(data.size()));
    const std::size_t at = out.size();
    const std::size_t width = end_bytes(mode);
    out.resize(at + data.size() + overhead(mode));
    MutableBytes record = MutableBytes(out).subspan(at);
    base::store_be(record, 4, data.size());
    std::memcpy(record.data() + 4, data.data(), data.size());
    base::store_be(record.subspan(4 + data.size()), 4, data.size());
    base::store_be(record.last(width), width, start + record.size());
    SBOT_ASSUME(whole_record(record, start, mode));
}

}  // namespace sbot::flume
