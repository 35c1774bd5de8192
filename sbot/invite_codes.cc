#include "sbot/invite_codes.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "base/json.h"
#include "base/limits.h"
#include "sbot/permit.h"

namespace sbot::app {
namespace {

/// A whole number of uses, 0 where it is none.
std::uint32_t uses_of(json::Value value) {
    double number = value.number();
    bool whole = number >= 0 && number <= limits::invite_uses_max &&
                 number == static_cast<double>(static_cast<std::uint32_t>(number));
    return whole ? static_cast<std::uint32_t>(number) : 0;
}

Result<void> write_codes(base::Files* files, std::string path, std::string text) {
    return base::write_file_atomically(*files, path, base::bytes_of(text));
}

}  // namespace

Result<std::unique_ptr<InviteCodes>> InviteCodes::open(base::Files& files, io::Pool& pool,
                                                       const std::string& folder) {
    std::unique_ptr<InviteCodes> codes(new InviteCodes(files, pool, folder + "/invites.json"));
    auto text = base::read_file(files, codes->path_, limits::invites_file_bytes_max);
    double since_ms = 0;
    if (text) {
        if (auto ok = codes->read(base::text_of(*text)); !ok) return std::move(ok).error();
        if (auto info = files.info(codes->path_)) since_ms = info->changed_ms;
    } else if (text.error().code != Errc::not_found) {
        return std::move(text).error();
    }
    auto theirs = read_js_invites(files, folder, since_ms);
    if (!theirs) return std::move(theirs).error();
    if (*theirs) {
        codes->take_over(**theirs);
        auto ok = write_codes(&files, codes->path_, codes->text());
        if (!ok) return std::move(ok).error();
    }
    return codes;
}

/// Uses with either server count. Of a code that is spent over there and unknown here nothing is
/// kept, as its holder is a stranger to both.
void InviteCodes::take_over(const std::vector<JsInvite>& invites) {
    std::unordered_map<FeedId, std::size_t> places;
    for (std::size_t i = 0; i < codes_.size(); ++i) places.emplace(codes_[i].guest, i);
    for (const JsInvite& theirs : invites) {
        if (auto found = places.find(theirs.guest); found != places.end()) {
            Code& code = codes_[found->second];
            if (theirs.used <= code.used_js) continue;
            code.used = std::min(code.total, code.used + (theirs.used - code.used_js));
            code.used_js = theirs.used;
        } else if (theirs.used < theirs.total) {
            codes_.push_back({theirs.guest, theirs.total, theirs.used, theirs.used, theirs.note});
        }
    }
}

Result<void> InviteCodes::read(std::string_view text) {
    auto spoilt = [this] {
        return error(Errc::corrupt,
                     path_ + ": damaged; restore it, or remove it to make all invites invalid");
    };
    auto document = json::Document::parse(text);
    if (!document || !document->root().is_object()) return spoilt();
    for (json::Member member : document->root().members()) {
        auto guest = FeedId::parse(member.name);
        Code code;
        code.total = uses_of(member.value["total"]);
        code.used = uses_of(member.value["used"]);
        code.used_js = uses_of(member.value["usedJs"]);
        if (!guest || code.total == 0 || !member.value["used"].is_number()) return spoilt();
        code.guest = *guest;
        if (json::Value note = member.value["note"]; note.exists()) code.note = json::compact(note);
        codes_.push_back(std::move(code));
    }
    return {};
}

/// The records of the reference's LevelDB, as members of one object.
std::string InviteCodes::text() const {
    json::Writer out;
    out.begin_object();
    for (const Code& code : codes_) {
        std::string id = code.guest.text();
        out.name(id).begin_object().member("id", id);
        out.member("total", static_cast<double>(code.total));
        if (!code.note.empty()) out.name("note").raw(code.note);
        out.member("used", static_cast<double>(code.used));
        if (code.used_js > 0) out.member("usedJs", static_cast<double>(code.used_js));
        out.end_object();
    }
    out.end_object();
    return std::move(out).text();
}

InviteCodes::Code* InviteCodes::at(const FeedId& guest) {
    auto same = [&guest](const Code& code) { return code.guest == guest; };
    auto found = std::find_if(codes_.begin(), codes_.end(), same);
    return found == codes_.end() ? nullptr : &*found;
}

const InviteCodes::Code* InviteCodes::find(const FeedId& guest) const {
    return const_cast<InviteCodes*>(this)->at(guest);
}

/// A spent code is kept only so that its holder is told so: the oldest of them go first.
bool InviteCodes::make_room() {
    if (codes_.size() < limits::invites_max) return true;
    auto spent =
        std::find_if(codes_.begin(), codes_.end(), [](const Code& code) { return !code.live(); });
    if (spent == codes_.end()) return false;
    codes_.erase(spent);
    return true;
}

io::Async<void> InviteCodes::add(Code code) {
    FeedId guest = code.guest;
    if (!make_room()) co_return error(Errc::limit, "too many invites that nobody has used");
    codes_.push_back(std::move(code));
    auto saving = save();
    auto saved = co_await saving;
    if (!saved) std::erase_if(codes_, [&](const Code& each) { return each.guest == guest; });
    co_return saved;
}

io::Async<void> InviteCodes::count_use(FeedId guest) {
    Code* code = at(guest);
    if (code == nullptr) co_return error(Errc::not_found, "no such invite");
    if (!code->live()) co_return error(Errc::denied, "invite has expired");
    ++code->used;
    auto saving = save();
    auto saved = co_await saving;
    code = at(guest);
    if (!saved && code != nullptr) --code->used;
    co_return saved;
}

io::Async<void> InviteCodes::save() {
    co_await turn_.acquire();
    Permit permit(turn_);
    auto writing = pool_.run(&write_codes, &files_, path_, text());
    co_return co_await writing;
}

}  // namespace sbot::app
