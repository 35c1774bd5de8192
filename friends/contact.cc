#include "friends/contact.h"

namespace sbot::friends {

std::optional<Statement> statement_in(json::Value content) {
    auto about = FeedId::parse(content["contact"].string());
    if (!about) return std::nullopt;
    if (content["blocking"].truthy() || content["flagged"].truthy()) {
        return Statement{*about, Relation::block};
    }
    bool follows = content["following"].is_true();
    return Statement{*about, follows ? Relation::follow : Relation::unfollow};
}

}  // namespace sbot::friends
