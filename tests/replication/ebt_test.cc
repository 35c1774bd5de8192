#include "replication/ebt.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "tests/vectors.h"

namespace sbot::replication {
namespace {

FeedId id_of(std::uint32_t number) {
    FeedId id;
    for (std::size_t i = 0; i < 4; ++i) {
        id.bytes[i] = static_cast<std::uint8_t>(number >> (8 * i));
    }
    return id;
}

std::string text_of(json::Value value) { return json::compact(value); }

TEST(EbtNotes, agree_with_the_vectors) {
    for (const auto& line : tests::read_vectors("ebt-notes.jsonl")) {
        json::Value root = line.root();
        double sequence = root["seq"].number();
        Note note{static_cast<Sequence>(std::max(sequence, 0.0)), sequence >= 0,
                  sequence >= 0 && root["receive"].is_true()};
        if (root["kind"].is("encode")) {
            EXPECT_EQ(encode(note), root["note"].number());
        }
        if (root["kind"].is("overflow")) {
            EXPECT_EQ(encode(note), root["exact"].number());
        }
        if (root["kind"].is("decode")) {
            EXPECT_EQ(decode(root["note"]), note) << text_of(root);
        }
    }
}

TEST(EbtNotes, pass_over_what_is_no_note) {
    for (std::string text : {
             "null",
             "\"4\"",
             "true",
             "1.5",
             "-2",
             "[]",
             "{}",
             "1e300",
             "-1e300",
             "1e17",
         }) {
        auto document = json::Document::parse(text);
        ASSERT_TRUE(document);
        EXPECT_EQ(decode(document->root()).has_value(), false) << text;
    }
}

TEST(EbtNotes, read_any_cut_of_an_item_without_harm) {
    std::vector<FeedNote> notes = {
        {id_of(1), {3, true, true}}, {id_of(2), Note::refusal()}, {id_of(3), {4, true, false}}};
    std::string text = notes_text(notes);
    EXPECT_EQ(read_item(text).notes, notes);
    EXPECT_EQ(read_item("{\"clock\":" + text + ",\"more\":1}").notes, notes);
    for (std::size_t size = 0; size < text.size(); ++size) {
        EXPECT_TRUE(read_item(text.substr(0, size)).notes.empty());
    }
    for (std::size_t at = 0; at < text.size() * 8; ++at) {
        std::string flipped = text;
        flipped[at / 8] = static_cast<char>(flipped[at / 8] ^ (1 << (at % 8)));
        EXPECT_LE(read_item(flipped).notes.size(), notes.size());
    }
}

TEST(EbtNotes, tell_messages_from_notes) {
    std::string author = id_of(1).text();
    auto item = [&](std::string_view sequence, std::string_view content) {
        return read_item("{\"author\":\"" + author + "\",\"sequence\":" + std::string(sequence) +
                         ",\"content\":" + std::string(content) + "}");
    };
    EXPECT_TRUE(item("1", "{}").is_message);
    EXPECT_TRUE(item("7", "\"x.box\"").is_message);
    EXPECT_EQ(item("7", "\"x.box\"").author, id_of(1));
    EXPECT_FALSE(item("0", "{}").is_message);
    EXPECT_FALSE(item("1.5", "{}").is_message);
    EXPECT_FALSE(item("1", "\"\"").is_message);
    for (std::string odd : {"null", "[1]", "true", "5", "\"text\"", "", "{"}) {
        EXPECT_FALSE(read_item(odd).is_message);
        EXPECT_TRUE(read_item(odd).notes.empty());
    }
}

TEST(FeedRow, keeps_what_is_put_whatever_else_changes) {
    FeedRow row;
    row.set_latest(5);
    std::vector<Relation> put(40);
    std::uint32_t random = 1;
    auto next = [&random](std::uint32_t below) {
        random = random * 1664525 + 1013904223;
        return (random >> 8) % below;
    };
    for (int turn = 0; turn < 5000; ++turn) {
        auto slot = static_cast<Slot>(next(40));
        Relation relation;
        relation.open = next(2) == 0;
        relation.has = static_cast<std::int64_t>(next(9)) - 2;
        if (relation.open) {
            relation.sent = next(2) == 0 ? relation.has : static_cast<std::int64_t>(next(9)) - 2;
            relation.tx = next(2) == 0;
            relation.rx = next(2) == 0;
            relation.refused = next(4) == 0;
        }
        row.put(slot, relation);
        put[slot] = row.get(slot);
        EXPECT_EQ(put[slot].has, relation.has);
        EXPECT_EQ(put[slot].sent, relation.sent);
        if (turn % 97 == 0) row.set_latest(1 + next(7));
        auto other = static_cast<Slot>(next(40));
        EXPECT_EQ(row.get(other).has, put[other].has);
        EXPECT_EQ(row.get(other).sent, put[other].sent);
        EXPECT_EQ(row.get(other).tx, put[other].tx);
    }
    for (Slot slot = 0; slot < 40; ++slot) row.clear(slot);
    EXPECT_TRUE(row.is_blank());
}

TEST(Ebt, is_small_where_peers_have_what_we_have) {
    // A tenth of 20,000 feeds, which take 13.7 and 178 million bytes.
    constexpr std::uint32_t feeds = 2000, peers = 400;
    Ebt ebt(id_of(0), 1);
    PeerClock level;
    for (std::uint32_t i = 0; i < feeds; ++i) {
        ebt.request(id_of(i), true, 100);
        level.push_back({id_of(i), 100});
    }
    for (std::uint32_t i = 0; i < peers; ++i) {
        Slot slot = ebt.open(id_of(1000000 + i), Ebt::Role::called, level, 0);
        auto notes = ebt.take_notes(slot);
        ASSERT_TRUE(notes);
        EXPECT_TRUE(notes->empty());
    }
    EXPECT_LT(ebt.memory_bytes(), 2'000'000U);
    for (std::uint32_t i = 0; i < feeds; ++i) ebt.stored(id_of(i), 101);
    EXPECT_LT(ebt.memory_bytes(), 20'000'000U);
}

TEST(Ebt, forgets_feeds_that_only_a_peer_spoke_of) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(0), true, 1);
    Slot slot = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    std::vector<FeedNote> many;
    for (std::uint32_t i = 100; i < 10100; ++i) many.push_back({id_of(i), {5, true, true}});
    ebt.notes(slot, many, 0);
    EXPECT_EQ(ebt.take_notes(slot)->size(), 10001U);
    EXPECT_EQ(ebt.row_count(), 10001U);
    ebt.close(slot);
    EXPECT_EQ(ebt.row_count(), 1U);
}

TEST(Ebt, asks_another_when_the_giver_sends_bad_messages) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    Slot q = ebt.open(id_of(2), Ebt::Role::called, {}, 0);
    std::vector<FeedNote> four = {{id_of(9), {4, true, false}}};
    ebt.notes(p, four, 0);
    ebt.notes(q, four, 0);
    ebt.take_notes(q);
    ASSERT_TRUE(ebt.message(p, id_of(9), 2, 100));
    ebt.refused(id_of(9), id_of(1));
    EXPECT_EQ(ebt.take_notes(p)->back().note, Note::refusal());
    EXPECT_FALSE(ebt.message(p, id_of(9), 2, 200));
    ebt.tick(1000);
    ebt.tick(2000);
    auto asked = ebt.take_notes(q);
    ASSERT_TRUE(asked);
    EXPECT_EQ(asked->back().note, (Note{1, true, true}));
}

TEST(Ebt, forgets_old_refusals_where_there_are_many) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    ebt.refused(id_of(9), id_of(1));
    std::uint32_t stranger = 100;
    for (; stranger < 100 + limits::ebt_refusals_max - 1; ++stranger) {
        ebt.refused(id_of(9), id_of(stranger));
    }
    EXPECT_TRUE(ebt.is_refused(id_of(9), id_of(1)));
    const std::size_t full = ebt.memory_bytes();
    for (int i = 0; i < 1000; ++i) ebt.refused(id_of(9), id_of(stranger++));
    EXPECT_EQ(ebt.memory_bytes(), full);
    EXPECT_FALSE(ebt.is_refused(id_of(9), id_of(1)));
    // It has another chance, and loses it again.
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {4, true, false}}}, 0);
    EXPECT_TRUE(ebt.message(p, id_of(9), 2, 100));
    ebt.refused(id_of(9), id_of(1));
    EXPECT_FALSE(ebt.message(p, id_of(9), 2, 200));
}

TEST(Ebt, replaces_a_silent_giver_in_less_than_five_seconds) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    Slot q = ebt.open(id_of(2), Ebt::Role::called, {}, 0);
    std::vector<FeedNote> four = {{id_of(9), {4, true, false}}};
    ebt.notes(p, four, 0);
    ebt.notes(q, four, 0);
    ASSERT_TRUE(ebt.message(p, id_of(9), 2, 100));
    ebt.stored(id_of(9), 2);
    ebt.take_notes(p);
    ebt.take_notes(q);
    std::uint64_t now = 100;
    while (!ebt.has_notes(q)) ebt.tick(now += 1000);
    EXPECT_LT(now - 100, 5000U);
    EXPECT_EQ(ebt.take_notes(q)->back().note, (Note{2, true, true}));
    EXPECT_EQ(ebt.take_notes(p)->back().note, (Note{2, true, false}));
}

/// Feed 9, of which we have two messages, and peers that have forty. The first was asked.
struct Waiting {
    explicit Waiting(std::uint32_t peers) {
        ebt.request(feed, true, 1);
        for (std::uint32_t i = 1; i <= peers; ++i) {
            slots.push_back(ebt.open(id_of(i), Ebt::Role::called, {}, 0));
            ebt.notes(slots.back(), std::vector<FeedNote>{{feed, {40, true, false}}}, 0);
        }
        EXPECT_TRUE(ebt.message(slots[0], feed, 2, 0));
        ebt.stored(feed, 2);
    }

    /// Which peer is asked for the feed, by its number; 0: none.
    std::uint32_t giver() const {
        for (std::uint32_t i = 0; i < slots.size(); ++i) {
            if (ebt.relation(feed, slots[i])->rx) return i + 1;
        }
        return 0;
    }

    /// Until somebody else is asked, `each_second` being done in between; at most two minutes.
    template <typename Do>
    std::uint64_t ms_until_another(Do each_second) {
        const std::uint32_t before = giver();
        const std::uint64_t began = now;
        while (giver() == before && now < began + 120000) {
            each_second();
            ebt.tick(now += 1000);
        }
        return now - began;
    }

    const FeedId feed = id_of(9);
    Ebt ebt{id_of(0), 1};
    std::vector<Slot> slots;
    std::uint64_t now = 0;
};

TEST(Ebt, replaces_a_giver_that_sends_all_but_the_next_message) {
    Waiting one(2);
    Sequence next = 4;
    EXPECT_LT(one.ms_until_another([&] {
        one.ebt.message(one.slots[0], one.feed, next++, one.now);
        one.ebt.missed(one.feed);
    }),
              5000U);
    EXPECT_EQ(one.giver(), 2U);
    Waiting other(2);
    EXPECT_LT(other.ms_until_another([&] {
        if (other.giver() == 1) other.ebt.message(other.slots[0], other.feed, 1, other.now);
    }),
              5000U)
        << "what we have";
    other.ms_until_another([] {});
    EXPECT_EQ(other.giver(), 2U);
}

TEST(Ebt, replaces_a_giver_that_sends_another_feed_now_and_then) {
    Waiting one(2);
    one.ebt.request(id_of(8), true, 0);
    one.ebt.notes(one.slots[0], std::vector<FeedNote>{{id_of(8), {400, true, false}}}, 0);
    Sequence next = 1;
    EXPECT_LT(one.ms_until_another([&] {
        one.ebt.message(one.slots[0], id_of(8), next++, one.now);
        // Right before the tick as well.
        one.ebt.message(one.slots[0], id_of(8), next++, one.now + 999);
    }),
              5000U);
    EXPECT_EQ(one.giver(), 2U);
    EXPECT_TRUE(one.ebt.relation(id_of(8), one.slots[0])->rx) << "which comes";
}

TEST(Ebt, lets_a_feed_wait_its_turn_at_a_busy_peer) {
    Waiting one(2);
    constexpr std::uint32_t others = 100;
    std::vector<FeedNote> notes;
    for (std::uint32_t i = 0; i < others; ++i) {
        one.ebt.request(id_of(100 + i), true, 0);
        notes.push_back({id_of(100 + i), {50, true, false}});
    }
    one.ebt.notes(one.slots[0], notes, 0);
    one.ebt.notes(one.slots[1], notes, 0);
    std::uint32_t sent = 0;
    auto give_twenty = [&] {
        for (int i = 0; i < 20; ++i, ++sent) {
            one.ebt.message(one.slots[0], id_of(100 + sent % others), 1 + sent / others, one.now);
        }
    };
    const std::uint64_t waited = one.ms_until_another(give_twenty);
    EXPECT_GT(waited, 10000U) << "there are a hundred others";
    EXPECT_LT(waited, 16000U) << "twice as long as a turn takes";
    for (std::uint32_t i = 0; i < others; ++i) {
        EXPECT_TRUE(one.ebt.relation(id_of(100 + i), one.slots[0])->rx) << i;
    }
}

TEST(Ebt, takes_no_waiting_on_our_side_for_a_stalled_peer) {
    Waiting one(2);
    std::uint64_t waited =
        one.ms_until_another([&] { one.ebt.heard(one.slots[0], one.now + 1000); });
    EXPECT_GT(waited, 50000U);
    EXPECT_LT(waited, 70000U) << "not for ever";
    Waiting junk(2);
    waited = junk.ms_until_another([&] {
        for (int i = 0; i < 100; ++i) junk.ebt.message(junk.slots[0], junk.feed, 20, junk.now);
        junk.ebt.heard(junk.slots[0], junk.now);
    });
    EXPECT_LT(waited, 5000U);
}

TEST(Ebt, asks_everybody_else_before_who_was_asked_in_vain) {
    Waiting one(4);
    // The first has given something before.
    for (std::uint32_t next : {2U, 3U, 4U, 1U, 2U}) {
        EXPECT_LT(one.ms_until_another([] {}), 5000U);
        EXPECT_EQ(one.giver(), next);
    }
    EXPECT_GT(one.ms_until_another([] {}), 5000U) << "all were asked: the next round takes longer";
    EXPECT_EQ(one.giver(), 3U);
    std::size_t asks = 0;
    for (const std::uint64_t end = one.now + 600000; one.now < end; ++asks) {
        one.ms_until_another([] {});
    }
    EXPECT_LT(asks, 40U);
    // Somebody new comes in between.
    one.slots.push_back(one.ebt.open(id_of(5), Ebt::Role::called, {}, one.now));
    one.ebt.notes(one.slots[4], std::vector<FeedNote>{{one.feed, {40, true, false}}}, one.now);
    for (std::uint32_t turn = 0; one.giver() != 5 && turn < 5; ++turn) {
        EXPECT_LT(one.ms_until_another([] {}), 5000U);
    }
    EXPECT_EQ(one.giver(), 5U);
    EXPECT_TRUE(one.ebt.message(one.slots[4], one.feed, 3, one.now));
    one.ebt.stored(one.feed, 3);
    EXPECT_LT(one.ms_until_another([] {}), 5000U) << "it has given, and stopped";
}

TEST(Ebt, believes_no_boast_of_who_was_asked_in_vain) {
    Waiting one(2);
    Sequence boast = 41;
    auto boasting = [&] {
        one.ebt.notes(one.slots[0], std::vector<FeedNote>{{one.feed, {boast++, true, false}}},
                      one.now);
    };
    one.ms_until_another(boasting);
    EXPECT_EQ(one.giver(), 2U);
    for (int i = 0; i < 2; ++i) {
        boasting();
        EXPECT_EQ(one.giver(), 1U) << "that may be chance";
        one.ms_until_another(boasting);
        EXPECT_EQ(one.giver(), 2U);
    }
    Sequence next = 3;
    for (int i = 0; i < 20; ++i) {
        boasting();
        ASSERT_EQ(one.giver(), 2U);
        ASSERT_TRUE(one.ebt.message(one.slots[1], one.feed, next, one.now));
        one.ebt.stored(one.feed, next++);
        one.ebt.tick(one.now += 1000);
    }
}

TEST(Ebt, asks_again_for_what_did_not_follow) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {4, true, false}}}, 0);
    ebt.take_notes(p);
    ASSERT_TRUE(ebt.message(p, id_of(9), 3, 100));
    ebt.missed(id_of(9));
    for (std::uint64_t now = 1000; now < 20000 && !ebt.has_notes(p); now += 1000) ebt.tick(now);
    ASSERT_TRUE(ebt.has_notes(p));
    EXPECT_EQ(ebt.take_notes(p)->back().note, (Note{1, true, true}));
}

/// We have one message of feed 9, and dialled peer 1, which has `has`.
struct LongRun {
    explicit LongRun(Sequence has) {
        ebt.request(feed, true, 1);
        p = ebt.open(id_of(1), Ebt::Role::dialled, {}, 0);
        ebt.notes(p, std::vector<FeedNote>{{feed, {has, true, true}}}, 0);
    }
    Note told() {
        auto notes = ebt.take_notes(p);
        return notes && !notes->empty() ? notes->back().note : Note{999, true, true};
    }

    const FeedId feed = id_of(9);
    Ebt ebt{id_of(0), 1, 3};
    Slot p;
};

TEST(Ebt, has_a_long_run_fetched_and_is_sent_what_follows) {
    LongRun run(10);
    EXPECT_EQ(run.told(), (Note{1, true, false}));
    EXPECT_EQ(run.ebt.take_fetches(run.p), (std::vector<FeedId>{run.feed}));
    EXPECT_TRUE(run.ebt.take_fetches(run.p).empty());
    auto span = run.ebt.to_fetch(run.p, run.feed);
    ASSERT_TRUE(span);
    EXPECT_EQ(span->first, 2U);
    EXPECT_EQ(span->last, 10U);
    for (Sequence i = 2; i <= 10; ++i) ASSERT_TRUE(run.ebt.message(run.p, run.feed, i, 100));
    run.ebt.fetched(run.p, run.feed, true);
    EXPECT_FALSE(run.ebt.has_notes(run.p)) << "it would send again what is not stored yet";
    run.ebt.stored(run.feed, 6);
    EXPECT_FALSE(run.ebt.has_notes(run.p));
    run.ebt.stored(run.feed, 10);
    EXPECT_EQ(run.told(), (Note{10, true, true}));
}

TEST(Ebt, has_no_short_run_fetched_nor_one_that_is_asked_for_already) {
    LongRun run(3);
    EXPECT_EQ(run.told(), (Note{1, true, true}));
    EXPECT_TRUE(run.ebt.take_fetches(run.p).empty());
    // To whoever dialled we speak first.
    Ebt ebt(id_of(0), 1, 3);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    EXPECT_TRUE(ebt.take_notes(p)->back().note.receive);
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {10, true, true}}, {id_of(8), {10, true, true}}},
              0);
    EXPECT_TRUE(ebt.take_fetches(p).empty());
    ebt.take_notes(p);
    // Of what we want later it has said what it has.
    ebt.request(id_of(8), true, 0);
    EXPECT_EQ(ebt.take_fetches(p), std::vector<FeedId>{id_of(8)});
    EXPECT_FALSE(ebt.take_notes(p)->back().note.receive);
}

TEST(Ebt, leaves_a_fetch_that_leads_nowhere) {
    LongRun run(10);
    run.told();
    run.ebt.take_fetches(run.p);
    // A hole: the stream of notes goes on from what is stored.
    ASSERT_TRUE(run.ebt.message(run.p, run.feed, 4, 100));
    run.ebt.missed(run.feed);
    EXPECT_FALSE(run.ebt.to_fetch(run.p, run.feed));
    EXPECT_EQ(run.told(), (Note{1, true, true}));
    run.ebt.fetched(run.p, run.feed, true);
    EXPECT_FALSE(run.ebt.has_notes(run.p));

    LongRun silent(10);
    silent.told();
    Slot q = silent.ebt.open(id_of(2), Ebt::Role::dialled, {}, 0);
    silent.ebt.notes(q, std::vector<FeedNote>{{silent.feed, {10, true, true}}}, 0);
    std::uint64_t now = 0;
    while (silent.ebt.to_fetch(silent.p, silent.feed) && now < 20000) silent.ebt.tick(now += 1000);
    EXPECT_LT(now, 5000U);
    EXPECT_TRUE(silent.ebt.to_fetch(q, silent.feed)) << "from the other one now";
    silent.ebt.close(q);
    EXPECT_TRUE(silent.ebt.to_fetch(silent.p, silent.feed)) << "and back";
    silent.ebt.request(silent.feed, false, 0);
    EXPECT_FALSE(silent.ebt.to_fetch(silent.p, silent.feed));

    // Nothing at all comes, three times: that peer is only asked to send.
    Ebt ebt(id_of(0), 1, 3);
    Slot p = ebt.open(id_of(1), Ebt::Role::dialled, {}, 0);
    for (std::uint32_t i = 10; i < 15; ++i) {
        ebt.request(id_of(i), true, 0);
        ebt.notes(p, std::vector<FeedNote>{{id_of(i), {10, true, true}}}, 0);
        EXPECT_EQ(ebt.take_fetches(p).size(), i < 13 ? 1U : 0U);
        if (i < 13) {
            EXPECT_FALSE(ebt.take_notes(p)->back().note.receive);
        }
        ebt.fetched(p, id_of(i), false);
        EXPECT_TRUE(ebt.take_notes(p)->back().note.receive);
    }
}

TEST(Ebt, insists_where_a_peer_takes_us_to_have_what_we_lost) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    // It has more, wants nothing, and says nothing else: version 7.0 goes by what we once had.
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {4, true, false}}}, 0);
    EXPECT_EQ(ebt.take_notes(p)->back().note, (Note{1, true, true}));
    std::uint64_t now = 0;
    while (!ebt.has_notes(p) && now < 20000) ebt.tick(now += 1000);
    EXPECT_EQ(ebt.take_notes(p)->back().note, Note::refusal());
    ebt.tick(now += 1000);
    EXPECT_EQ(ebt.take_notes(p)->back().note, (Note{1, true, true}));
    // Once is enough.
    for (int i = 0; i < 60; ++i) ebt.tick(now += 1000);
    EXPECT_FALSE(ebt.has_notes(p));
    // Now it sends.
    EXPECT_TRUE(ebt.message(p, id_of(9), 2, now));
}

Ebt::Progress progress_of(const Ebt& ebt, std::size_t looks_max = SIZE_MAX) {
    Ebt::ProgressCount count;
    while (!ebt.count_progress(count, looks_max)) {
    }
    return count.sum;
}

TEST(Ebt, counts_what_is_to_come_as_the_reference_does) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 1);
    EXPECT_EQ(progress_of(ebt).target, 0) << "nobody is there";
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    Slot q = ebt.open(id_of(2), Ebt::Role::called, {}, 0);
    ebt.take_notes(p);
    ebt.take_notes(q);
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {11, true, false}}}, 0);
    ebt.notes(q, std::vector<FeedNote>{{id_of(9), {8, true, false}}}, 0);
    ebt.take_notes(p);
    ebt.take_notes(q);
    // Two for each feed and peer; ten messages that were asked for, of none but the first.
    Ebt::Progress begun = progress_of(ebt);
    EXPECT_EQ(begun.target, 14);
    EXPECT_EQ(begun.current, 4);
    EXPECT_EQ(begun.missing, 10) << "the same messages at both";
    EXPECT_EQ(begun.missing_feeds, 1u);
    ebt.message(p, id_of(9), 2, 100);
    ebt.stored(id_of(9), 2);
    EXPECT_EQ(progress_of(ebt).current, 5);
    EXPECT_EQ(progress_of(ebt).target, 14);
    EXPECT_EQ(progress_of(ebt).missing, 9);
    for (Sequence i = 3; i <= 11; ++i) {
        ebt.message(p, id_of(9), i, 100);
        ebt.stored(id_of(9), i);
    }
    Ebt::Progress done = progress_of(ebt);
    EXPECT_EQ(done.current, 4);
    EXPECT_EQ(done.target, 4);
    EXPECT_EQ(done.missing, 0);
    EXPECT_EQ(done.missing_feeds, 0u);
}

TEST(Ebt, counts_what_peers_wait_for_and_what_nobody_gives_as_nothing) {
    Ebt ebt(id_of(0), 1);
    ebt.request(id_of(9), true, 20);
    ebt.request(id_of(8), true, 0);
    Slot p = ebt.open(id_of(1), Ebt::Role::called, {}, 0);
    ebt.take_notes(p);
    ebt.notes(p, std::vector<FeedNote>{{id_of(9), {5, true, true}}, {id_of(8), {7, true, false}}},
              0);
    EXPECT_EQ(progress_of(ebt).to_send, 15);
    EXPECT_EQ(progress_of(ebt).missing, 7);
    ebt.refused(id_of(8), id_of(1));
    EXPECT_EQ(progress_of(ebt).missing, 0) << "of a peer that sends bad messages";
}

TEST(Ebt, counts_the_same_in_small_steps) {
    Ebt ebt(id_of(0), 1);
    for (std::uint32_t i = 0; i < 100; ++i) ebt.request(id_of(1000 + i), true, i);
    for (std::uint32_t i = 1; i < 6; ++i) {
        Slot slot = ebt.open(id_of(i), Ebt::Role::called, {}, 0);
        std::vector<FeedNote> notes;
        for (std::uint32_t j = 0; j < 100; ++j)
            notes.push_back({id_of(1000 + j), {50, true, true}});
        ebt.take_notes(slot);
        ebt.notes(slot, notes, 0);
    }
    Ebt::Progress whole = progress_of(ebt), steps = progress_of(ebt, 1);
    EXPECT_GT(whole.target, 1000);
    EXPECT_EQ(whole.target, steps.target);
    EXPECT_EQ(whole.current, steps.current);
    EXPECT_EQ(whole.missing, steps.missing);
    EXPECT_EQ(whole.to_send, steps.to_send);
}

}  // namespace
}  // namespace sbot::replication
