'use strict';
// The same messages in our server and in a real ssb-server, then reading calls with options at
// random: the same answers, item by item. SEED=1 CALLS=300.
const assert = require('assert');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, tally, test } = require('./lib/harness');
const { call, close, collect, follow, refusal } = require('./lib/rpc');
const { generator } = require('./lib/random');
const { Server, programs } = require('./lib/server');

const seed = process.env.SEED || '1';
const random = generator(`methods ${seed}`);
const people = [1, 2, 3, 4].map((n) => ssb_keys.generate('ed25519', Buffer.alloc(32, n)));
const blob = `&${Buffer.alloc(32, 9).toString('base64')}.sha256`;
const start = 1500000000000;

/** Messages of some feeds, linked to each other in all the ways there are. */
function world() {
    const states = {};
    const messages = [];
    const any_key = () => messages.length ? random.pick(messages).key : blob;
    const content = () => random.pick([
        () => ({ type: 'post', text: `é ${random.below(99)}`, root: any_key(),
                 branch: [any_key(), any_key()] }),
        () => ({ type: 'post', text: 'm', mentions: [{ link: random.pick(people).id },
                                                     { link: any_key() }, { link: blob }] }),
        () => ({ type: 'vote', vote: { link: any_key(), value: 1 } }),
        () => ({ type: 'contact', contact: random.pick(people).id, following: true }),
        () => ({ type: 'x'.repeat(40), 'a b': any_key(), a: any_key(), 2: 'two', 1: any_key() }),
        () => ssb_keys.box({ type: 'post', text: 'psst', root: any_key() },
                           [people[0], random.pick(people)]),
        () => ssb_keys.box({ type: 'post', text: 'sealed' }, [people[3]])
    ])();
    for (let count = 0; count < 120; count++) {
        const keys = random.pick(people);
        const claimed = start + (random.chance(20) ? random.below(2000) : count * 1000);
        const value = validate.create(states[keys.id] && { ...states[keys.id], queue: [] }, keys,
                                      null, content(), claimed);
        const key = validate.id(value);
        states[keys.id] = { id: key, sequence: value.sequence, timestamp: claimed };
        messages.push({ key, value });
    }
    return messages;
}

/** Times of reception are each server's own; `rts` falls back on them. */
function normal(item) {
    if (Array.isArray(item)) return item.map(normal);
    if (!item || typeof item !== 'object') return item;
    const plain = { ...item };
    if (item.key && item.value && item.timestamp) {
        plain.timestamp = typeof item.timestamp;
        delete plain.rts;  // the JavaScript leaves it on cached messages, or does not
    }
    return plain;
}

function options_at_random(messages) {
    const makers = {
        limit: () => random.below(15) - 1, reverse: () => random.chance(50),
        keys: () => random.chance(50), values: () => random.chance(50),
        private: () => random.chance(70), live: () => false, old: () => true
    };
    const some = (...names) => {
        const options = {};
        for (const name of names) if (random.chance(35)) options[name] = makers[name]();
        return options;
    };
    const bounds = (make) => {
        const options = {};
        if (random.chance(40)) options[random.pick(['gt', 'gte'])] = make();
        if (random.chance(40)) options[random.pick(['lt', 'lte'])] = make();
        return options;
    };
    const who = () => random.pick([...people, { id: `@${Buffer.alloc(32, 77).toString('base64')}` +
                                                   '.ed25519' }]).id;
    const standard = () => some('limit', 'reverse', 'keys', 'values', 'private', 'live', 'old');
    return random.pick([
        () => ['createLogStream', standard()],
        () => ['createFeedStream', { ...standard(),
                                     ...bounds(() => start + random.below(120) * 1000) }],
        () => ['createUserStream', { id: who(), ...standard(),
                                     ...bounds(() => random.below(40)) }],
        () => {
            const { values, ...options } = some('limit', 'keys', 'live');
            if (random.chance(50)) options[random.pick(['seq', 'sequence'])] = random.below(40);
            return ['createHistoryStream', { id: who(), ...options }];
        },
        () => ['messagesByType', { type: random.pick(['post', 'vote', 'contact', 'x'.repeat(32),
                                                      'x'.repeat(40), 'none']), ...standard() }],
        () => {
            const options = some('keys', 'values', 'reverse');
            if (options.keys !== false && random.chance(30)) options.meta = false;
            if (random.chance(50)) options.source = random.pick([who(), '@', 'feed']);
            if (random.chance(60)) {
                options.dest = random.pick([who(), random.pick(messages).key, blob, '%', 'blob']);
            }
            if (random.chance(40)) {
                options.rel = random.pick(['root', 'branch', 'mentions', 'contact', 'a b', 'vote']);
            }
            return ['links', options];
        },
        () => ['createRawLogStream', some('limit', 'reverse', 'live')],
        () => ['createLogStream', { raw: true, ...some('limit', 'reverse', 'live') }]
    ])();
}

/** Offsets differ: times of reception have other lengths. */
const without_offsets = (items) => items.map((item) =>
    item && item.seq !== undefined ? { value: normal(item.value), seq: typeof item.seq }
                                   : normal(item));

async function reading(ours, theirs, messages) {
    const counts = tally('reading calls with options at random');
    for (let left = Number(process.env.CALLS || 300); left > 0; left--) {
        const [name, options] = options_at_random(messages);
        const [got, want] = await Promise.all([ours, theirs].map((rpc) =>
            collect(rpc, name, options).then(without_offsets,
                                             (error) => ({ error: error.message }))));
        counts.check(JSON.stringify(got) === JSON.stringify(want), () => {
            const at = Array.isArray(got) && Array.isArray(want)
                ? want.findIndex((item, index) =>
                    JSON.stringify(item) !== JSON.stringify(got[index])) : 0;
            return `${name} ${JSON.stringify(options)}: item ${at} of ${want.length}/` +
                   `${got.length}\n` +
                   `       wanted ${JSON.stringify(want[at] || want).slice(0, 500)}` +
                   `\n       got    ${JSON.stringify(got[at] || got).slice(0, 500)}`;
        });
    }
    counts.close();
}

async function the_rest(server, ours, theirs, messages) {
    const both = (name, ...args) => Promise.all([ours, theirs].map((rpc) =>
        call(rpc, name, ...args).then(normal, (error) => ({ error: error.message }))));
    await test('feed states, auth and addresses are the same', async () => {
        for (const name of ['getFeedState', 'latestSequence', 'getLatest', 'auth']) {
            for (const id of [...people.map(({ id }) => id), 'x', null]) {
                const [got, want] = await both(name, id);
                assert.deepStrictEqual(got, want, `${name} ${id}`);
            }
        }
        const lists = await Promise.all([ours, theirs].map((rpc) => collect(rpc, 'latest')));
        const sorted = (list) => list.slice().sort((a, b) => a.id < b.id ? -1 : 1);
        assert.deepStrictEqual(sorted(lists[0]), sorted(lists[1]));
    });
    await test('status says that all is indexed, and where the log ends', async () => {
        const { progress, sync } = await call(ours, 'status');
        const { indexes } = await call(ours, 'progress');
        assert.deepStrictEqual(indexes, progress.indexes);
        assert.strictEqual(sync.sync, true);
        assert.strictEqual(indexes.current, sync.since);
        const stream = follow(ours, 'createSequenceStream');
        await call(ours, 'publish', { type: 'post', text: 'one more' });
        const { sync: { since } } = await call(ours, 'status');
        await new Promise((resolve) => setTimeout(resolve, 300));
        assert.deepStrictEqual([stream.items[0], stream.items[stream.items.length - 1]],
                               [sync.since, since]);
        stream.close();
    });
    await test('a deleted message is gone, and its feed goes on', async () => {
        const { key, value: { sequence } } = await call(ours, 'publish',
                                                        { type: 'post', text: 'to be deleted' });
        const gone = [key, messages[3].key];
        for (const one of gone) assert.ok(!await call(ours, 'del', one));
        for (const one of gone) await refusal(call(ours, 'get', one));
        const left = await collect(ours, 'createLogStream', { values: false });
        assert.ok(gone.every((one) => !left.includes(one)));
        await call(ours, 'rebuild');
        assert.deepStrictEqual(await collect(ours, 'createLogStream', { values: false }), left);
        await close(ours);
        await server.stop();
        await server.start();
        const again = await server.client();
        assert.deepStrictEqual(await collect(again, 'createLogStream', { values: false }), left);
        const next = await call(again, 'publish', { type: 'post', text: 'behind it' });
        assert.deepStrictEqual([next.value.sequence, next.value.previous], [sequence + 1, key]);
        await refusal(call(again, 'del', 'x'));
        const all = messages.filter(({ key: k, value: { author } }) =>
            author === people[1].id && k !== messages[3].key).map(({ key: k }) => k);
        assert.deepStrictEqual(await call(again, 'del', people[1].id), all);
        assert.deepStrictEqual(await collect(again, 'createUserStream', { id: people[1].id }), []);
        await close(again);
    });
}

run(async () => {
    console.log(`seed ${seed}`);
    const messages = world();
    const server = await Server.start({ keys: people[0] });
    const reference = await Server.start({ keys: people[0], program: programs.js });
    const ours = await server.client();
    const theirs = await reference.client();
    for (const { value } of messages) {
        await Promise.all([call(ours, 'add', value), call(theirs, 'add', value)]);
    }
    await reading(ours, theirs, messages);
    await the_rest(server, ours, theirs, messages);
    await close(theirs);
    await reference.stop();
});
