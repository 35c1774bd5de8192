#include "replication/own_feed.h"

#include <gtest/gtest.h>

namespace sbot::replication {
namespace {

using Doubt = OwnFeed::Doubt;
using Known = OwnFeed::Known;
using Verdict = OwnFeed::Verdict;

Known has(Sequence have, std::optional<Sequence> said = {}, Sequence signed_beyond = 0) {
    return {have, signed_beyond, said};
}

TEST(OwnFeed, is_published_at_once_where_nothing_speaks_against_it) {
    OwnFeed own(Doubt::none);
    own.begin(1000);
    EXPECT_EQ(own.ask(has(0), 1000), Verdict::publish);
    EXPECT_EQ(own.ask(has(5), 1000), Verdict::publish);
    EXPECT_EQ(own.ask(has(5, 5), 1000), Verdict::publish);
    EXPECT_EQ(own.ask(has(5, 3), 1000), Verdict::publish);
    EXPECT_TRUE(own.take_warning().empty());
}

TEST(OwnFeed, is_refused_while_a_signed_message_lies_beyond_the_log) {
    for (Doubt doubt : {Doubt::none, Doubt::restored, Doubt::recover}) {
        OwnFeed own(doubt);
        own.begin(0);
        EXPECT_EQ(own.ask(has(5, {}, 7), 0), Verdict::refuse);
        EXPECT_EQ(own.ask(has(6, 6, 7), 1000000), Verdict::refuse);
        own.look(has(6, 6, 7));
        EXPECT_EQ(own.doubt(), doubt);
        EXPECT_EQ(own.ask(has(7, 7, 7), 1000001), Verdict::publish);
    }
}

TEST(OwnFeed, is_refused_where_another_branch_was_seen) {
    OwnFeed own(Doubt::restored);
    own.begin(0);
    Known forked = has(5, 5);
    forked.forked = 5;
    EXPECT_EQ(own.ask(forked, 1000000), Verdict::refuse);
    own.look(forked);
    EXPECT_EQ(own.doubt(), Doubt::restored);
    EXPECT_NE(own.waits_until(forked).find("a message 5"), std::string::npos);
}

TEST(OwnFeed, waits_ten_seconds_for_what_a_friend_merely_speaks_of) {
    OwnFeed own(Doubt::none);
    own.begin(500);
    EXPECT_EQ(own.ask(has(5, 9), 500), Verdict::wait);
    EXPECT_EQ(own.ask(has(5, 9), 10499), Verdict::wait);
    EXPECT_TRUE(own.take_warning().empty());
    EXPECT_EQ(own.ask(has(5, 9), 10500), Verdict::publish);
    EXPECT_FALSE(own.take_warning().empty());
    EXPECT_TRUE(own.take_warning().empty());
    // It has been given its time; the same words count no more, greater ones do.
    own.begin(20000);
    EXPECT_EQ(own.ask(has(6, 9), 20000), Verdict::publish);
    EXPECT_EQ(own.ask(has(6, 10), 20000), Verdict::wait);
}

TEST(OwnFeed, goes_on_as_soon_as_what_was_spoken_of_is_there) {
    OwnFeed own(Doubt::none);
    own.begin(0);
    EXPECT_EQ(own.ask(has(5, 9), 0), Verdict::wait);
    EXPECT_EQ(own.ask(has(9, 9), 700), Verdict::publish);
    EXPECT_TRUE(own.take_warning().empty());
}

TEST(OwnFeed, waits_longer_while_messages_are_coming) {
    OwnFeed own(Doubt::none);
    own.begin(0);
    Sequence have = 5;
    for (std::uint64_t now = 0; now < 60000; now += 9000) {
        EXPECT_EQ(own.ask(has(have++, 90), now), Verdict::wait) << now;
    }
    EXPECT_EQ(own.ask(has(have, 90), 60000), Verdict::wait);
    EXPECT_EQ(own.ask(has(have, 90), 70000), Verdict::publish);
}

TEST(OwnFeed, counts_the_time_for_each_who_wants_to_publish) {
    OwnFeed own(Doubt::none);
    own.begin(0);
    EXPECT_EQ(own.ask(has(5, 9), 0), Verdict::wait);
    // The caller went away; the next one comes an hour later.
    own.begin(3600000);
    EXPECT_EQ(own.ask(has(5, 9), 3600000), Verdict::wait);
    EXPECT_EQ(own.ask(has(5, 9), 3609999), Verdict::wait);
}

TEST(OwnFeed, of_a_restored_folder_waits_for_an_answer) {
    OwnFeed own(Doubt::restored);
    own.begin(0);
    EXPECT_EQ(own.ask(has(5), 0), Verdict::wait);
    EXPECT_EQ(own.ask(has(5), 29000), Verdict::wait);
    EXPECT_EQ(own.ask(has(5, 5), 29100), Verdict::publish);
    EXPECT_EQ(own.doubt(), Doubt::none);
    EXPECT_TRUE(own.take_warning().empty());
}

TEST(OwnFeed, of_a_restored_folder_waits_for_the_messages_answered_with) {
    OwnFeed own(Doubt::restored);
    own.begin(0);
    EXPECT_EQ(own.ask(has(5), 0), Verdict::wait);
    EXPECT_EQ(own.ask(has(5, 9), 15000), Verdict::wait);
    EXPECT_EQ(own.ask(has(7, 9), 29000), Verdict::wait);
    EXPECT_EQ(own.doubt(), Doubt::restored);
    EXPECT_EQ(own.ask(has(9, 9), 50000), Verdict::publish);
    EXPECT_EQ(own.doubt(), Doubt::none);
}

TEST(OwnFeed, of_a_restored_folder_goes_on_after_thirty_seconds_with_a_warning) {
    OwnFeed silent(Doubt::restored);
    silent.begin(0);
    EXPECT_EQ(silent.ask(has(5), 29999), Verdict::wait);
    // The thirty seconds are those of the first who wanted to publish.
    silent.begin(29999);
    EXPECT_EQ(silent.ask(has(5), 30000), Verdict::publish);
    EXPECT_FALSE(silent.take_warning().empty());
    EXPECT_EQ(silent.doubt(), Doubt::none);

    OwnFeed talker(Doubt::restored);
    talker.begin(0);
    EXPECT_EQ(talker.ask(has(5, 9), 29999), Verdict::wait);
    EXPECT_EQ(talker.ask(has(5, 9), 30000), Verdict::publish);
    EXPECT_FALSE(talker.take_warning().empty());
}

TEST(OwnFeed, of_a_restored_folder_that_follows_nobody_has_nobody_to_wait_for) {
    Known known = has(5);
    known.follow_some = false;
    OwnFeed own(Doubt::restored);
    own.begin(0);
    EXPECT_EQ(own.ask(known, 0), Verdict::publish);
    EXPECT_EQ(own.doubt(), Doubt::none);
    EXPECT_TRUE(own.take_warning().empty());

    OwnFeed to_recover(Doubt::recover);
    to_recover.begin(0);
    EXPECT_EQ(to_recover.ask(known, 1000000), Verdict::wait);

    // A stranger's word does not count, a proof does.
    known.signed_beyond = 6;
    OwnFeed shown(Doubt::restored);
    shown.begin(0);
    EXPECT_EQ(shown.ask(known, 0), Verdict::refuse);
}

TEST(OwnFeed, to_be_recovered_waits_without_limit) {
    OwnFeed own(Doubt::recover);
    own.begin(0);
    EXPECT_EQ(own.ask(has(0), 86400000), Verdict::wait);
    EXPECT_EQ(own.ask(has(0, 9), 90000000), Verdict::wait);
    EXPECT_EQ(own.ask(has(4, 9), 190000000), Verdict::wait);
    EXPECT_EQ(own.ask(has(9, 9), 290000000), Verdict::publish);
    EXPECT_EQ(own.doubt(), Doubt::none);
}

TEST(OwnFeed, is_out_of_doubt_when_a_peer_answers_though_nobody_publishes) {
    OwnFeed own(Doubt::restored);
    own.look(has(5));
    EXPECT_EQ(own.doubt(), Doubt::restored);
    own.look(has(5, 6));
    EXPECT_EQ(own.doubt(), Doubt::restored);
    own.look(has(6, 6));
    EXPECT_EQ(own.doubt(), Doubt::none);
}

TEST(OwnFeed, says_for_what_publishing_waits) {
    OwnFeed sure(Doubt::none);
    EXPECT_EQ(sure.waits_until(has(5)), "");
    EXPECT_EQ(sure.waits_until(has(5, 5)), "");
    EXPECT_EQ(sure.waits_until(has(5, {}, 6)), "until peers have sent message 6 of ours");
    EXPECT_EQ(sure.waits_until(has(5, 8)),
              "until messages 6 to 8 of ours, which a peer says that it has, came from it, "
              "10 s at most");
    OwnFeed restored(Doubt::restored);
    EXPECT_EQ(restored.waits_until(has(5)),
              "until a peer that we follow has said how far it has our feed, 30 s at most: this "
              "folder is a copy or was restored");
    EXPECT_EQ(restored.waits_until(has(5, 5)), "");
    Known alone = has(5);
    alone.follow_some = false;
    EXPECT_EQ(restored.waits_until(alone), "");
    OwnFeed recover(Doubt::recover);
    EXPECT_EQ(recover.waits_until(alone),
              "until a peer that we follow has said how far it has our feed, as --recover demands");
    EXPECT_EQ(recover.waits_until(has(5, 6)),
              "until message 6 of ours, which a peer says that it has, came from it");
    EXPECT_EQ(recover.waits_until(has(5, 5, 9)), "until peers have sent messages 6 to 9 of ours");
}

TEST(OwnFeed, waits_for_nothing_any_more_that_it_has_given_up) {
    OwnFeed own(Doubt::none);
    own.begin(0);
    EXPECT_EQ(own.ask(has(5, 9), 0), Verdict::wait);
    EXPECT_EQ(own.ask(has(5, 9), 10000), Verdict::publish);
    EXPECT_EQ(own.waits_until(has(5, 9)), "");
    EXPECT_NE(own.waits_until(has(5, 10)), "");
}

}  // namespace
}  // namespace sbot::replication
