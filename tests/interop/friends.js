'use strict';
// Follows and blocks: the same answers as ssb-friends 4.1 for the same messages, feeds that come
// by a follow alone, and what a block ends.
const assert = require('assert');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, follow, refusal } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const contact = (id, more) => ({ type: 'contact', contact: id, ...more });
const follows = (id) => contact(id, { following: true });
const blocks = (id) => contact(id, { blocking: true });
const has = (rpc, id, sequence, ms = 30000) => until(`${sequence} messages of ${id}`, async () =>
    (await call(rpc, 'getVectorClock'))[id] >= sequence, ms, 100);
const in_order = (list) => list.map((item) => JSON.stringify(item)).sort();

/** Feeds that say things of each other, as stored messages in an order of their own. */
function gossip_of(keys) {
    const states = keys.map(() => null);
    let at = 1600000000000;
    const say = (from, content) => {
        const state = states[from] && { ...states[from], queue: [] };
        const value = validate.create(state, keys[from], null, content, ++at);
        const key = `%${ssb_keys.hash(JSON.stringify(value, null, 2))}`;
        states[from] = { id: key, sequence: value.sequence, timestamp: value.timestamp };
        return value;
    };
    const messages = [];
    const kinds = [{ following: true }, { following: true }, { following: true },
                   { following: false }, { blocking: true }, { blocking: false }, {},
                   { following: true, blocking: true }, { flagged: { reason: 'spam' } }];
    let random = 7;
    const next = (below) => {
        random = (random * 48271) % 2147483647;
        return random % below;
    };
    for (let i = 0; i < 150; i++) {
        const to = keys[next(keys.length)].id;
        messages.push(say(next(keys.length), contact(to, kinds[next(kinds.length)])));
    }
    messages.push(say(0, { type: 'post', text: 'a vote', contact: keys[1].id, following: true }));
    messages.push(say(0, contact('nobody', { following: true })));
    return messages;
}

async function same_answers() {
    const caps = random_caps();
    const keys = Array.from({ length: 9 }, () => ssb_keys.generate());
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours', keys: keys[0], config: { friends: { hops: 3 } } }),
        Server.start({ caps, name: 'js', keys: keys[0], program: programs.js,
                       config: { friends: { hops: 3 } } })
    ]);
    const [our, their] = await Promise.all([ours.client(), theirs.client()]);
    const live = [our, their].map((rpc) => ({
        edges: follow(rpc, 'friends.stream', {}),
        hops: follow(rpc, 'friends.createFriendStream', { live: true, meta: true })
    }));
    await test('live streams begin', () => Promise.all(live.map(({ edges, hops }) =>
        until('a first item', () => edges.items.length && hops.items.length))));
    const messages = gossip_of(keys);
    await test(`${messages.length} contact messages on both sides`, async () => {
        for (const message of messages) {
            await Promise.all([our, their].map((rpc) => call(rpc, 'add', message)));
        }
    });
    const unknown = ssb_keys.generate().id;
    const ids = [keys[0].id, keys[1].id, keys[5].id, unknown];
    const asked = [
        ['friends.hops'], ['friends.hops', {}], ['friends.hops', { max: 0 }],
        ...[1, 2, 3, 4, 9].map((max) => ['friends.hops', { max }]),
        ...ids.flatMap((start) => [['friends.hops', { start }],
                                   ['friends.hops', { start, max: 1 }],
                                   ['friends.hops', { start, reverse: true }]]),
        ['friends.get'], ['friends.get', {}],
        ...ids.flatMap((id) => [['friends.get', { source: id }], ['friends.get', { dest: id }]]),
        ...ids.flatMap((source) => keys.flatMap(({ id: dest }) => [
            ['friends.get', { source, dest }], ['friends.isFollowing', { source, dest }],
            ['friends.isBlocking', { source, dest }]]))
    ];
    await test(`${asked.length} calls answer as ssb-friends does`, async () => {
        for (const [name, ...args] of asked) {
            const [got, wanted] = await Promise.all([our, their].map(
                (rpc) => call(rpc, name, ...args)));
            assert.deepStrictEqual(got, wanted, `${name} ${JSON.stringify(args)}`);
        }
    });
    for (const [name, options] of [['hopStream', {}], ['hopStream', { old: false }],
                                   ['createFriendStream', {}],
                                   ['createFriendStream', { meta: true }]]) {
        await test(`friends.${name} ${JSON.stringify(options)} gives the same`, async () => {
            const [got, wanted] = await Promise.all([our, their].map(
                (rpc) => collect(rpc, `friends.${name}`, options)));
            assert.deepStrictEqual(name === 'hopStream' ? got : in_order(got),
                                   name === 'hopStream' ? wanted : in_order(wanted));
        });
    }
    await test('live streams told the same', async () => {
        await until('as many items', () =>
            live[0].edges.items.length === live[1].edges.items.length);
        assert.deepStrictEqual(live[0].edges.items, live[1].edges.items);
        const last = ({ hops }) => {
            const map = {};
            for (const { id, hops: value } of hops.items) map[id] = value;
            return map;
        };
        await until('the same hops', () => {
            assert.deepStrictEqual(last(live[0]), last(live[1]));
            return true;
        }, 5000);
    });
    await test('a restart and a rebuilding change nothing, ' +
               'a deletion takes back the last word', async () => {
        const before = await Promise.all([call(our, 'friends.hops'), call(our, 'friends.get')]);
        await close(our);
        await ours.stop();
        await ours.start();
        const again = await ours.client();
        assert.deepStrictEqual(
            await Promise.all([call(again, 'friends.hops'), call(again, 'friends.get')]), before);
        await call(again, 'rebuild');
        assert.deepStrictEqual(
            await Promise.all([call(again, 'friends.hops'), call(again, 'friends.get')]), before);
        const key = (await collect(again, 'createUserStream', { id: keys[0].id }))
            .filter(({ value }) => value.content.contact === keys[1].id).pop().key;
        await call(again, 'del', key);
        const edge = { source: keys[0].id, dest: keys[1].id };
        const one_less = messages.filter(({ author, content }) =>
            author === keys[0].id && content.contact === keys[1].id).slice(0, -1).pop();
        const value = one_less && (one_less.content.blocking || one_less.content.flagged
            ? false : one_less.content.following === true ? true : null);
        if (one_less) assert.strictEqual(await call(again, 'friends.get', edge), value);
        await close(again);
    });
    await close(their);
    await Promise.all([ours.stop(), theirs.stop()]);
}

async function in_force_when_acknowledged() {
    const server = await Server.start({ caps: random_caps() });
    const rpc = await server.client();
    const hops = follow(rpc, 'friends.createFriendStream', { live: true, meta: true });
    await until('a first item', () => hops.items.length);
    await test('live streams tell of a follow or block before it is acknowledged', async () => {
        for (let i = 0; i < 40; i++) {
            const { id } = ssb_keys.generate();
            for (const [content, distance] of [[follows(id), 1], [blocks(id), -1]]) {
                await call(rpc, 'publish', content);
                assert.deepStrictEqual(hops.items[hops.items.length - 1], { id, hops: distance });
            }
        }
    });
    await close(rpc);
    await server.stop();
}

async function by_follow_alone(program, name) {
    const caps = random_caps();
    const [one, other] = await Promise.all([
        Server.start({ caps, name: 'one' }),
        Server.start({ caps, name: 'other', program })
    ]);
    const [here, there] = await Promise.all([one.client(), other.client()]);
    await test(`${name}: two that follow each other have each other's feeds`, async () => {
        await call(here, 'publish', follows(other.id));
        await call(there, 'publish', follows(one.id));
        await call(here, 'gossip.connect', other.address);
        await Promise.all([has(here, other.id, 1), has(there, one.id, 1)]);
        await call(there, 'publish', { type: 'post', text: 'late' });
        await has(here, other.id, 2);
    });
    await Promise.all([close(here), close(there)]);
    await Promise.all([one.stop(), other.stop()]);
}

async function blocked() {
    const caps = random_caps();
    const [pub, one, other] = await Promise.all(['pub', 'one', 'other'].map(
        (name) => Server.start({ caps, name })));
    const rpc = await pub.client();
    const [at_one, at_other] = await Promise.all([one.client(), other.client()]);
    await test('friends.follow publishes a follow', async () => {
        for (const { id } of [one, other]) {
            const { value } = await call(rpc, 'friends.follow', id, {});
            assert.deepStrictEqual(value.content, follows(id));
        }
        const { message } = await refusal(call(rpc, 'friends.follow', 'nobody', null));
        assert.strictEqual(message, 'follow() requires a feedId, got nobody');
        await Promise.all([call(at_one, 'publish', follows(pub.id)),
                           call(at_other, 'publish', follows(pub.id))]);
        await Promise.all([call(at_one, 'gossip.connect', pub.address),
                           call(at_other, 'gossip.connect', pub.address)]);
        await Promise.all([has(rpc, one.id, 1), has(rpc, other.id, 1)]);
    });
    await test('friends of friends come too', async () => {
        await Promise.all([has(at_one, other.id, 1), has(at_other, one.id, 1)]);
    });
    const stranger = await pub.client('net', one.keys);
    await test('who is blocked is hung up on and not let in again', async () => {
        await call(at_one, 'publish', { type: 'post', text: 'before' });
        await has(rpc, one.id, 2);
        const { value } = await call(rpc, 'friends.block', one.id, { reason: 'spam' });
        assert.deepStrictEqual(value.content, { ...blocks(one.id), reason: 'spam' });
        assert.strictEqual((await call(rpc, 'friends.hops'))[one.id], -1);
        await until('the session to end', () => stranger.closed);
        await refusal(pub.client('net', one.keys));
        await refusal(call(at_one, 'gossip.connect', pub.address));
        await call(at_one, 'publish', { type: 'post', text: 'after' });
        await sleep(500);
        assert.strictEqual((await call(rpc, 'getVectorClock'))[one.id], 2);
        // Nor does it learn of the block, which came while it was connected.
        assert.strictEqual((await call(at_one, 'getVectorClock'))[pub.id], 2);
    });
    await test('its messages are kept and no longer passed on', async () => {
        const guest = await pub.client('net', ssb_keys.generate());
        const history = { id: one.id, live: false };
        assert.deepStrictEqual(await collect(guest, 'createHistoryStream', history), []);
        assert.strictEqual((await collect(rpc, 'createHistoryStream', history)).length, 2);
        await close(guest);
    });
    await test('whoever blocks a peer keeps its messages from it', async () => {
        const keys = ssb_keys.generate();
        const guest = await pub.client('net', keys);
        const history = { id: other.id, live: false };
        assert.strictEqual((await collect(guest, 'createHistoryStream', history)).length, 1);
        await call(at_other, 'publish', blocks(keys.id));
        await has(rpc, other.id, 2);
        assert.deepStrictEqual(await collect(guest, 'createHistoryStream', history), []);
        await close(guest);
    });
    await test('after an unblock it is let in', async () => {
        await call(rpc, 'friends.block', one.id, { state: false });
        await call(rpc, 'friends.follow', one.id, {});
        await call(at_one, 'gossip.connect', pub.address);
        await has(rpc, one.id, 3);
    });
    await test('nor does a peer learn from others who has just blocked it', async () => {
        await has(at_one, other.id, 2);
        await call(at_other, 'publish', blocks(one.id));
        await has(rpc, other.id, 3);
        await call(rpc, 'publish', { type: 'post', text: 'later' });
        await has(at_one, pub.id, (await call(rpc, 'getVectorClock'))[pub.id]);
        assert.strictEqual((await call(at_one, 'getVectorClock'))[other.id], 2);
    });
    await Promise.all([rpc, at_one, at_other].map(close));
    await Promise.all([pub, one, other].map((server) => server.stop()));
}

run(async () => {
    await same_answers();
    await in_force_when_acknowledged();
    await by_follow_alone(programs.sbot, 'ours and ours');
    await by_follow_alone(programs.js, 'ours and JavaScript');
    await blocked();
});
