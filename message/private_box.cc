#include "message/private_box.h"

#include <sodium.h>

#include <algorithm>
#include <vector>

#include "base/base64.h"
#include "base/limits.h"
#include "message/loose.h"
#include "message/refs.h"

namespace sbot::message {
namespace {

constexpr std::string_view suffix = ".box";
constexpr std::size_t nonce_bytes = 24;
constexpr std::size_t key_bytes = 32;
constexpr std::size_t key_digits = 44;  // in base64
constexpr std::size_t mac_bytes = 16;
constexpr std::size_t head_bytes = nonce_bytes + key_bytes;
constexpr std::size_t slot_bytes = std::tuple_size_v<ReadKey> + mac_bytes;
static_assert(nonce_bytes == crypto_secretbox_NONCEBYTES);
static_assert(mac_bytes == crypto_secretbox_MACBYTES);

/// The bytes of a box: what stands before the first dot, decoded as Node does.
Bytes decode(std::string_view content) {
    return base::from_base64_lenient(content.substr(0, content.find('.')));
}

std::optional<ReadKey> find_slot(ByteView box, const base::Secret<32>& secret) {
    if (box.size() < head_bytes + slot_bytes + mac_bytes) return std::nullopt;
    base::Secret<32> shared;
    // Fails for the points of low order, which give the same secret to everybody.
    if (crypto_scalarmult(shared.data(), secret.data(), box.data() + nonce_bytes) != 0) {
        return std::nullopt;
    }
    ByteView rest = box.subspan(head_bytes);
    for (std::size_t i = 0; i < limits::private_slots_tried_max; ++i) {
        if (rest.size() < slot_bytes + mac_bytes) break;
        ReadKey key;
        if (crypto_secretbox_open_easy(key.data(), rest.data(), slot_bytes, box.data(),
                                       shared.data()) == 0) {
            return key;
        }
        rest = rest.subspan(slot_bytes);
    }
    return std::nullopt;
}

std::optional<json::Document> open_body(ByteView box, const ReadKey& key) {
    // The count comes from the sender: nothing says that the box has that many slots.
    std::size_t start = head_bytes + slot_bytes * key[0];
    if (box.size() < start + mac_bytes) return std::nullopt;
    ByteView body = box.subspan(start);
    Bytes plain(body.size() - mac_bytes);
    if (crypto_secretbox_open_easy(plain.data(), body.data(), body.size(), box.data(),
                                   key.data() + 1) != 0) {
        return std::nullopt;
    }
    auto parsed = json::Document::parse(ByteView(plain));
    if (!parsed) return std::nullopt;
    return std::move(*parsed);
}

std::optional<Opened> opened(std::optional<json::Document> plain, std::string read_key) {
    if (!plain || !plain->root().truthy()) return std::nullopt;
    return Opened{std::move(*plain), std::move(read_key)};
}

/// The content with the one recipient that was given as a text made a list.
std::string with_recps_listed(json::Value content) {
    json::Writer plain;
    plain.begin_object();
    for (json::Member member : content.members()) {
        plain.name(member.name);
        if (member.name == "recps") {
            plain.begin_array().value(member.value).end_array();
        } else {
            plain.value(member.value);
        }
    }
    plain.end_object();
    return std::move(plain).text();
}

/// The key behind what ssb-ref takes for a feed id, whose dot and suffix may be other ones.
FeedId key_in(std::string_view feed) {
    Bytes bytes = base::from_base64_lenient(feed.substr(1, key_digits));
    SBOT_ASSERT(bytes.size() == key_bytes);
    FeedId id;
    std::copy(bytes.begin(), bytes.end(), id.bytes.begin());
    return id;
}

/// The recipients; nothing if one of them is no feed.
std::optional<std::vector<FeedId>> feeds_in(json::Value recps) {
    std::vector<FeedId> feeds;
    auto add = [&](json::Value recipient) {
        bool fits = is_feed(recipient.string());
        if (fits) feeds.push_back(key_in(recipient.string()));
        return fits;
    };
    if (recps.is_string()) {
        if (!add(recps)) return std::nullopt;
        return feeds;
    }
    for (json::Value recipient : recps.elements()) {
        if (!add(recipient)) return std::nullopt;
    }
    return feeds;
}

Refusal no_boxer(json::Value recps) {
    std::string list = json::compact(recps);
    if (recps.is_string()) list = '[' + list + ']';
    return {.text = "private message requested, but no boxers could encrypt these recps: " +
                    std::string(loose::cut(list, limits::error_quote_bytes_max))};
}

}  // namespace

bool is_box1(std::string_view content) { return content.ends_with(suffix); }

std::optional<json::Document> open_body(std::string_view content, const ReadKey& key) {
    return open_body(ByteView(decode(content)), key);
}

Unboxer::Unboxer(const KeyPair& keys) {
    int failed = crypto_sign_ed25519_sk_to_curve25519(secret_.data(), keys.secret.data());
    SBOT_ASSERT(failed == 0);
}

std::optional<ReadKey> Unboxer::read_key(std::string_view content) const {
    return find_slot(decode(content), secret_);
}

std::optional<Opened> Unboxer::open(std::string_view content) const {
    if (!is_box1(content)) return std::nullopt;
    Bytes box = decode(content);
    auto key = find_slot(box, secret_);
    if (!key) return std::nullopt;
    return opened(open_body(ByteView(box), *key), base::to_base64(*key));
}

std::optional<Opened> open_with(std::string_view content, std::string_view read_key) {
    if (!is_box1(content)) return std::nullopt;
    Bytes given = decode(read_key);
    ReadKey key;
    if (given.size() != key.size()) return std::nullopt;
    std::copy(given.begin(), given.end(), key.begin());
    return opened(open_body(content, key), std::string(read_key));
}

std::string unboxed_value(json::Value message, const Opened& opened) {
    json::Value boxed = message["content"];
    json::Writer value;
    value.begin_object();
    for (json::Member member : message.members()) {
        value.member(member.name, member.name == "content" ? opened.plain.root() : member.value);
    }
    value.name("meta").begin_object();
    value.name("original").begin_object().member("content", boxed).end_object();
    value.member("private", true).member("unbox", opened.read_key).end_object();
    value.member("cyphertext", boxed).member("private", true).member("unbox", opened.read_key);
    value.end_object();
    return std::move(value).text();
}

std::optional<std::string> box(std::string_view plain, std::span<const FeedId> recipients,
                               base::Random& random) {
    SBOT_ASSERT(!recipients.empty() && recipients.size() <= limits::private_recipients_max);
    std::array<std::uint8_t, nonce_bytes> nonce;
    base::Secret<33> count_and_key;
    base::Secret<32> once;
    random.fill(nonce);
    random.fill({count_and_key.data() + 1, key_bytes});
    random.fill({once.data(), once.size});
    count_and_key.data()[0] = static_cast<std::uint8_t>(recipients.size());

    Bytes out(head_bytes + slot_bytes * recipients.size() + mac_bytes + plain.size());
    std::copy(nonce.begin(), nonce.end(), out.begin());
    crypto_scalarmult_base(out.data() + nonce_bytes, once.data());
    std::uint8_t* at = out.data() + head_bytes;
    for (const FeedId& recipient : recipients) {
        std::array<std::uint8_t, key_bytes> theirs;
        base::Secret<32> shared;
        if (crypto_sign_ed25519_pk_to_curve25519(theirs.data(), recipient.bytes.data()) != 0 ||
            crypto_scalarmult(shared.data(), once.data(), theirs.data()) != 0) {
            return std::nullopt;
        }
        crypto_secretbox_easy(at, count_and_key.data(), count_and_key.size, nonce.data(),
                              shared.data());
        at += slot_bytes;
    }
    ByteView text = base::bytes_of(plain);
    crypto_secretbox_easy(at, text.data(), text.size(), nonce.data(), count_and_key.data() + 1);
    return base::to_base64(out).append(suffix);
}

Verdict<std::optional<json::Document>> box_for_recps(json::Value content, base::Random& random) {
    json::Value recps = content["recps"];
    if (!recps.truthy()) return std::optional<json::Document>();
    if (!recps.is_array() && !recps.is_string()) {
        return Refusal{.text = "private message field \"recps\" expects an Array of recipients"};
    }
    if (recps.is_array() && recps.size() == 0) {
        return Refusal{.text = "private message field \"recps\" requires at least one recipient"};
    }
    auto feeds = feeds_in(recps);
    if (!feeds) return no_boxer(recps);
    if (feeds->size() > limits::private_recipients_max) {
        return Refusal{.text =
                           "max recipients is:" + std::to_string(limits::private_recipients_max) +
                           " found:" + std::to_string(feeds->size())};
    }
    std::string plain = recps.is_string() ? with_recps_listed(content) : json::compact(content);
    auto boxed = box(plain, *feeds, random);
    if (!boxed) return no_boxer(recps);
    auto document = json::Document::parse('"' + *boxed + '"');
    SBOT_ASSERT(document.has_value());
    return std::optional<json::Document>(std::move(*document));
}

}  // namespace sbot::message
