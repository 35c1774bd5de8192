#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"
#include "message/private_box.h"
#include "muxrpc/codec.h"

/// From a stored envelope to what a caller asked for. Pure; runs in the pool.
namespace sbot::app {

/// Read keys of single messages that local callers have shown, by message key: what the reference
/// remembers for as long as it runs.
using ReadKeys = std::map<std::string, std::string, std::less<>>;

struct Shape {
    bool keys = true, values = true;
    bool rts = false;                             ///< add the resolved timestamp
    const message::Unboxer* unboxer = nullptr;    ///< open private content where it is for us
    std::shared_ptr<const ReadKeys> read_keys{};  ///< and with these; may be null
};

/// Whether an entry is an envelope, to the last byte: what is sent as it is stored must be.
bool is_envelope(std::string_view record);

/// Nothing where the record cannot be read. `rts` counts only with keys and values.
std::optional<muxrpc::Body> shaped(std::string_view record, const Shape& shape, double rts);

/// The value inside an envelope in the form in which this server and the reference write it, found
/// without parsing; nothing for any other form.
std::optional<std::string_view> value_text(std::string_view record);

/// Empty where none is known.
std::string_view read_key_of(const ReadKeys* keys, std::string_view message);

/// The value of an envelope, unboxed if it is private and `unboxer`, or else `read_key`, opens it.
std::string unboxed_or_stored(json::Value value, const message::Unboxer& unboxer,
                              std::string_view read_key);

}  // namespace sbot::app
