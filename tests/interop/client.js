'use strict';
// npm ssb-client against the server under test and, side by side with the same key pair and the
// same messages, against ssb-server 16: every answer must be the same. What differs by nature,
// the time of receipt, is left out of the comparison; bounds on it are taken from each side.
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, sleep, test, until } = require('./lib/harness');
const { add_many, call, close, collect, follow, publish_many, refusal } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const METHODS = {
    manifest: 'sync', whoami: 'sync', version: 'sync', address: 'sync', publish: 'async',
    add: 'async', get: 'async', getLatest: 'async', latestSequence: 'async',
    getVectorClock: 'async', createLogStream: 'source', createFeedStream: 'source',
    createUserStream: 'source', createHistoryStream: 'source', messagesByType: 'source',
    gossip: { connect: 'async' }, replicate: { request: 'sync' }
};
const TOTAL = 1000;
const nobody = `@${Buffer.alloc(32, 5).toString('base64')}.ed25519`;
const no_message = `%${Buffer.alloc(32, 5).toString('base64')}.sha256`;
const friend = ssb_keys.generate();

let ours, theirs;  // the servers
let our, their;    // connections to them, over the unix socket

/** A valid feed made here, without any server. */
function make_feed(keys, count, content) {
    let state = validate.initial();
    const messages = [];
    for (let index = 0; index < count; index++) {
        const time = Date.now() - 1000000 + index;
        state = validate.appendNew(state, null, keys, content(index), time);
        messages.push(state.queue[state.queue.length - 1]);
    }
    return messages;
}

/** Without the time of receipt; numbers that stand for it are marked by the caller. */
function comparable(item) {
    if (Array.isArray(item)) return item.map(comparable);
    if (item && typeof item === 'object' && item.value && typeof item.timestamp === 'number') {
        return { ...item, timestamp: 'received' };
    }
    return item;
}
// Order of members counts too: it is part of a message.
const text = (value) => JSON.stringify(comparable(value), null, 1);

// The size that an error tells depends on how many digits the clock had.
const words = (error) => error.message.replace(/(Current size is) \d+/, '$1 …');
const outcome = (promise) => promise.then(
    (value) => text(value), (error) => `refused: ${error.name}: ${words(error)}`);

/** The same question to both sides. `args` may be a function of (connection, received times). */
async function same(sentence, ask) {
    await test(sentence, async () => {
        const [here, there] = await Promise.all([outcome(ask(our, ours.received)),
                                                 outcome(ask(their, theirs.received))]);
        assert.strictEqual(here, there);
    });
}

async function publishing() {
    let first_half, second_half;
    await test('the unix socket takes 500 publishes, in order and valid', async () => {
        first_half = await publish_many(our, TOTAL / 2, (index) => ({
            type: index % 3 ? 'post' : 'about', text: `unix ${index} é 漢 \u{1F600}`, 2: 1, 1: 2
        }));
    });
    await test('net~shs takes 500 more', async () => {
        const rpc = await ours.client('net');
        second_half = await publish_many(rpc, TOTAL / 2, (index) => ({
            type: 'post', text: `net ${index}`, mentions: [{ link: first_half[index].key }]
        }));
        await close(rpc);
    });
    await test(`ssb-validate accepts the ${TOTAL} messages and finds the same keys`, async () => {
        const all = [...first_half, ...second_half];
        assert.strictEqual(all.length, TOTAL);
        let state = validate.initial();
        for (const message of all) {
            state = validate.append(state, null, message.value);
            assert.strictEqual(state.queue[state.queue.length - 1].key, message.key);
        }
        assert.strictEqual(new Set(all.map((message) => message.timestamp)).size, TOTAL);
    });
    await test('private messages are boxed for those named in recps', async () => {
        const both = { type: 'post', text: 'for us', recps: [ours.id, friend.id] };
        const boxed = await call(our, 'publish', both);
        assert(boxed.value.content.endsWith('.box'));
        assert.deepStrictEqual(ssb_keys.unbox(boxed.value.content, friend), both);
        assert.deepStrictEqual(ssb_keys.unbox(boxed.value.content, ours.keys), both);
        const one = await call(our, 'publish', { type: 'post', text: '1', recps: friend.id });
        assert.deepStrictEqual(ssb_keys.unbox(one.value.content, friend).recps, [friend.id]);
        assert.strictEqual(ssb_keys.unbox(one.value.content, ours.keys), undefined);
        ours.boxed = boxed.key;
        ours.boxed_away = one.key;
    });
    await test('private messages of others come in by add', async () => {
        const feed = make_feed(friend, 40, (index) => index % 10
            ? { type: 'post', text: `friend ${index}`, root: no_message }
            : ssb_keys.box({ type: 'post', text: `secret ${index}` }, [ours.id, friend.id]));
        await add_many(our, feed);
        ours.foreign = feed;
    });
    await test('a JavaScript server takes all of them by add', async () => {
        await add_many(their, await collect(our, 'createUserStream', { id: ours.id }));
        await add_many(their, ours.foreign);
        for (const server of [ours, theirs]) {
            const rpc = server === ours ? our : their;
            const log = await collect(rpc, 'createLogStream');
            assert.strictEqual(log.length, TOTAL + 2 + 40);
            server.received = log.map((message) => message.timestamp);
            assert(server.received.every((time, index, all) => !index || time > all[index - 1]));
        }
    });
}

async function asking() {
    const { boxed, boxed_away, foreign } = ours;
    await same('whoami', (rpc) => call(rpc, 'whoami'));
    for (const id of [ours.id, friend.id, nobody, 'x', null]) {
        await same(`latestSequence ${id}`, (rpc) => call(rpc, 'latestSequence', id));
        await same(`getLatest ${id}`, (rpc) => call(rpc, 'getLatest', id));
    }
    // In any order: its members are no list.
    await test('getVectorClock', async () => assert.deepStrictEqual(
        await call(our, 'getVectorClock'), await call(their, 'getVectorClock')));
    const key = foreign[3].key;
    const keys = { 'a plain one': key, 'a private one for us': boxed, 'another\'s': boxed_away };
    for (const [what, id] of Object.entries(keys)) {
        await same(`get of ${what}`, (rpc) => call(rpc, 'get', id));
        await same(`get {id} of ${what}`, (rpc) => call(rpc, 'get', { id }));
        for (const options of [{ meta: true }, { private: true }, { private: true, meta: true }]) {
            await same(`get ${JSON.stringify(options)} of ${what}`,
                       (rpc) => call(rpc, 'get', { id, ...options }));
        }
    }
    const { unbox } = await call(our, 'get', { id: boxed, private: true });
    await same('get with a read key', (rpc) => call(rpc, 'get', { id: boxed_away, private: true,
                                                                  unbox }));
    await same('get of a link with a read key',
               (rpc) => call(rpc, 'get', `${boxed}?unbox=${encodeURIComponent(unbox)}`));
    for (const what of [no_message, 'x', '', true]) {
        await same(`get ${JSON.stringify(what)}`, (rpc) => call(rpc, 'get', what));
    }
}

async function reading() {
    const std = [
        {}, { limit: 3 }, { limit: 0 }, { limit: -1 }, { reverse: true, limit: 3 },
        { keys: false, limit: 3 }, { values: false, limit: 3 },
        { keys: false, values: false, limit: 3 }, { reverse: true, values: false },
        { private: true }, { private: true, keys: false, reverse: true, limit: 60 },
        { live: false }, { old: true, live: false, limit: 1 }, { sync: true, limit: 1 }
    ];
    const scope = {
        createLogStream: {}, createFeedStream: {}, createUserStream: { id: ours.id },
        messagesByType: { type: 'post' }
    };
    for (const [name, basis] of Object.entries(scope)) {
        for (const options of std) {
            await same(`${name} ${JSON.stringify(options)}`,
                       (rpc) => collect(rpc, name, { ...basis, ...options }));
        }
    }
    await same('createLogStream without an argument', (rpc) => collect(rpc, 'createLogStream'));
    await same('messagesByType by name', (rpc) => collect(rpc, 'messagesByType', 'about'));
    await same('messagesByType of a type nobody used',
               (rpc) => collect(rpc, 'messagesByType', 'no-such-type'));
    await same('createUserStream of a foreign feed',
               (rpc) => collect(rpc, 'createUserStream', { id: friend.id, private: true }));
    await same('createUserStream of an unknown feed',
               (rpc) => collect(rpc, 'createUserStream', { id: nobody }));
    await bounds();
    for (const options of [{}, { seq: 990 }, { sequence: 990 }, { sequence: 990, seq: 3 },
                           { seq: 5, limit: 2 }, { keys: false, limit: 2 }, { seq: 9999 },
                           { limit: 0 }, { live: false, seq: 1000 }]) {
        await same(`createHistoryStream ${JSON.stringify(options)}`,
                   (rpc) => collect(rpc, 'createHistoryStream', { id: ours.id, ...options }));
    }
    await same('createHistoryStream never unboxes', (rpc) => collect(
        rpc, 'createHistoryStream', { id: friend.id, private: true }));
    await same('createHistoryStream of an unknown feed',
               (rpc) => collect(rpc, 'createHistoryStream', { id: nobody }));
}

async function bounds() {
    const pairs = [['gt', 'lt'], ['gte', 'lte'], ['gt', 'lte'], ['gte', 'lt']];
    for (const [low, high] of pairs) {
        for (const reverse of [false, true]) {
            const words = `${low} and ${high}${reverse ? ', backward' : ''}`;
            await same(`createUserStream within ${words}`, (rpc) => collect(
                rpc, 'createUserStream', { id: ours.id, [low]: 40, [high]: 60, reverse }));
            for (const name of ['createLogStream', 'messagesByType']) {
                await same(`${name} within ${words}`, (rpc, received) => collect(rpc, name, {
                    type: 'post', [low]: received[100], [high]: received[140], reverse
                }));
            }
            const [first, last] = [ours.foreign[5], ours.foreign[20]];
            await same(`createFeedStream within ${words}`, (rpc) => collect(
                rpc, 'createFeedStream',
                { [low]: first.value.timestamp, [high]: last.value.timestamp, reverse }));
        }
    }
}

/** Streams that go on, opened on both sides before something new arrives on both. */
async function living() {
    const late = ssb_keys.generate();
    const cases = [
        ['createLogStream', { live: true, limit: 2 }],
        ['createLogStream', { live: true, limit: 2, sync: false }],
        ['createLogStream', { old: false }],
        ['createLogStream', { live: true, old: false, keys: false }],
        ['createLogStream', { live: true, old: false, values: false }],
        ['createLogStream', { live: true, old: false, private: true }],
        ['createFeedStream', { live: true, limit: 1 }],
        ['createFeedStream', { old: false }],
        ['createUserStream', { id: ours.id, live: true, gt: 1000 }],
        ['createUserStream', { id: friend.id, live: true, old: false }],
        ['createHistoryStream', { id: ours.id, live: true, seq: 1001 }],
        ['createHistoryStream', { id: ours.id, live: true, seq: 1001, keys: false }],
        ['createHistoryStream', { id: friend.id, live: true, seq: 41, old: false }],
        ['createHistoryStream', { id: friend.id, live: true, seq: 30, old: false }],
        ['createHistoryStream', { id: late.id, live: true, seq: 2, limit: 1 }],
        ['messagesByType', { type: 'post', live: true, limit: 1 }],
        ['messagesByType', { type: 'post', live: true, old: false, private: true }],
        ['messagesByType', { type: 'poem', live: true }]
    ];
    // The reference keeps one counter for all live history streams of a connection: so each
    // stream has a connection of its own.
    const open = [];
    for (const [name, options] of cases) {
        const pair = { sentence: `live ${name} ${JSON.stringify(options)}`, sides: [] };
        for (const server of [ours, theirs]) {
            const rpc = await server.client();
            pair.sides.push({ rpc, stream: follow(rpc, name, options) });
        }
        open.push(pair);
    }
    await sleep(1000);
    const contents = [{ type: 'post', text: 'live' }, { type: 'poem', text: 'live too' },
                      { type: 'post', text: 'live, boxed', recps: [ours.id] }];
    for (const content of contents) {
        await call(their, 'add', (await call(our, 'publish', content)).value);
    }
    let state = validate.initial();
    for (const message of ours.foreign) state = validate.append(state, null, message.value);
    state = validate.appendNew(state, null, friend, { type: 'post', text: 'friend, live' },
                               Date.now());
    const last = state.queue[state.queue.length - 1];
    await same('add of a foreign message', (rpc) => call(rpc, 'add', last.value));
    for (const { value } of make_feed(late, 3, () => ({ type: 'post', text: 'late' }))) {
        await same('add of a message of a new feed', (rpc) => call(rpc, 'add', value));
    }
    await sleep(1500);
    for (const { sentence, sides } of open) {
        await test(sentence, async () => {
            const [here, there] = sides;
            await until('as many items on both sides', async () =>
                here.stream.items.length === there.stream.items.length, 5000)
                .catch(() => {});  // the comparison says more
            assert.strictEqual(text(here.stream.items), text(there.stream.items));
            assert.strictEqual(here.stream.ended, there.stream.ended);
        }, 10000);
        for (const { rpc, stream } of sides) {
            stream.close();
            await close(rpc);
        }
    }
}

async function refusing() {
    const contents = [
        null, false, 0, '', true, 7, 'plain', {}, { text: 'x' }, { type: 'ab' }, { type: 5 },
        { type: 'x'.repeat(53) }, [], { type: 'post', text: 'x'.repeat(8192) },
        { type: 'post', recps: [] }, { type: 'post', recps: 5 }, { type: 'post', recps: ['x'] },
        { type: 'post', recps: [{ link: nobody }] },
        { type: 'post', recps: Array.from({ length: 8 }, () => nobody) }
    ];
    for (const content of contents) {
        await same(`publish ${JSON.stringify(content).slice(0, 50)}`,
                   (rpc) => call(rpc, 'publish', content));
    }
    const stranger = ssb_keys.generate();
    const [first, second] = make_feed(stranger, 2, () => ({ type: 'post', text: 'x' }));
    const forged = { ...first.value, content: { type: 'post', text: 'forged' } };
    const again = ours.foreign[0].value;
    for (const [what, message] of Object.entries({
        'out of order': second.value, forged, 'seen before': again, nothing: null, text: 'x',
        'with a member too many': { ...first.value, extra: 1 },
        'without a signature': { ...first.value, signature: undefined },
        'without a type': { ...first.value, content: {} }
    })) {
        await same(`add of a message ${what}`, (rpc) => call(rpc, 'add', message));
    }
    for (const [name, argument] of [
        ['createLogStream', 5], ['createLogStream', { limit: 'x' }],
        ['createLogStream', { live: 'x' }], ['createFeedStream', 'x'],
        ['createUserStream', {}], ['createUserStream', { id: 'x' }], ['createUserStream', null],
        ['messagesByType', { type: 'post', limit: 'x' }]
    ]) {
        await same(`${name} ${JSON.stringify(argument)}`,
                   (rpc) => collect(rpc, name, argument));
    }
}

async function strangers() {
    const methods = { ...METHODS, nonsense: 'async', streams: { of: { nonsense: 'source' } } };
    const connect = (server) => server.client('net', ssb_keys.generate(), methods);
    const [here, there] = [await connect(ours), await connect(theirs)];
    const names = ['publish', 'add', 'whoami', 'get', 'getLatest', 'latestSequence', 'address',
                   'getVectorClock', 'version', 'gossip.connect', 'replicate.request',
                   'nonsense'];
    for (const name of names) {
        await test(`a stranger may not ${name}`, async () => {
            const [mine, reference] = [await refusal(call(here, name, {})),
                                       await refusal(call(there, name, {}))];
            assert.deepStrictEqual(mine, reference);
            assert(mine.message.endsWith('is not in list of allowed methods'), mine.message);
        });
    }
    for (const name of ['createLogStream', 'createFeedStream', 'createUserStream',
                        'messagesByType', 'streams.of.nonsense']) {
        await test(`a stranger may not ${name}`, async () => {
            assert.deepStrictEqual(await refusal(collect(here, name, {})),
                                   await refusal(collect(there, name, {})));
        });
    }
    await test('a stranger may read a history, boxed', async () => {
        const [mine, reference] = await Promise.all([here, there].map(
            (rpc) => collect(rpc, 'createHistoryStream', { id: friend.id, private: true })));
        assert.strictEqual(text(mine), text(reference));
        assert(mine.some((message) => typeof message.value.content === 'string'));
    });
    await test('a stranger may read the manifest', async () => {
        assert.strictEqual((await call(here, 'manifest')).whoami, 'sync');
    });
    await close(here);
    await close(there);
    await test('a stranger with another network key is turned away', async () => {
        const other = Object.assign(Object.create(ours), { caps: random_caps() });
        await refusal(other.client('net', ssb_keys.generate()));
    });
    await test('an unknown method is an error, and the connection goes on', async () => {
        const [mine, reference] = await Promise.all([ours, theirs].map(async (server) => {
            const rpc = await server.client('unix', server.keys, methods);
            const errors = [await refusal(call(rpc, 'nonsense')),
                            await refusal(collect(rpc, 'streams.of.nonsense'))];
            assert.strictEqual((await call(rpc, 'whoami')).id, server.id);
            await close(rpc);
            return errors;
        }));
        assert.deepStrictEqual(mine, reference);
    });
}

async function describing() {
    await test('manifest has the methods and their kinds', async () => {
        const manifest = await call(our, 'manifest');
        const walk = (wanted, offered, where) => {
            for (const [name, kind] of Object.entries(wanted)) {
                if (typeof kind === 'object') walk(kind, offered[name], `${where}${name}.`);
                else assert.strictEqual(offered[name], kind, where + name);
            }
        };
        walk(METHODS, manifest, '');
        const file = fs.readFileSync(path.join(ours.folder, 'manifest.json'), 'utf8');
        assert.deepStrictEqual(JSON.parse(file), manifest);
    });
    await test('no method has another kind than in the reference', async () => {
        const reference = await call(their, 'manifest');
        const walk = (offered, wanted, where) => {
            for (const [name, kind] of Object.entries(offered)) {
                if (wanted === undefined || wanted[name] === undefined) continue;
                if (typeof kind === 'object') walk(kind, wanted[name], `${where}${name}.`);
                else assert.strictEqual(kind, wanted[name], where + name);
            }
        };
        walk(await call(our, 'manifest'), reference, '');
    });
    await test('version is a text', async () => {
        assert.match(await call(our, 'version'), /^\d+\.\d+\.\d+/);
    });
    await test('address names the port and the key', async () => {
        assert((await call(our, 'address')).split(';').includes(ours.address));
        assert((await call(our, 'address', 'device')).includes('unix:'));
        assert.strictEqual(await call(our, 'address', 'private'),
                           await call(their, 'address', 'private'));
    });
    await test('one own message cannot be told from another server\'s', async () => {
        const [mine] = await collect(our, 'createLogStream', { limit: 1 });
        assert.deepStrictEqual(Object.keys(mine), ['key', 'value', 'timestamp']);
        assert.deepStrictEqual(Object.keys(mine.value), [
            'previous', 'sequence', 'author', 'timestamp', 'hash', 'content', 'signature']);
        assert.strictEqual(crypto.createHash('sha256')
            .update(JSON.stringify(mine.value, null, 2), 'latin1').digest('base64'),
                           mine.key.slice(1, -7));
    });
}

run(async () => {
    const [keys, caps] = [ssb_keys.generate(), random_caps()];
    // ssb-ooo asks peers for 5 seconds before it says that a message is not there.
    const reference = { program: programs.js, keys, caps, env: { WITHOUT: 'ssb-ooo' } };
    [ours, theirs] = await Promise.all([Server.start({ keys, caps }), Server.start(reference)]);
    [our, their] = await Promise.all([ours.client(), theirs.client()]);
    await publishing();
    await describing();
    await asking();
    await reading();
    await refusing();
    await living();
    await strangers();
    await test('SIGTERM ends the server at once', async () => {
        const begin = Date.now();
        await ours.stop();
        assert(Date.now() - begin < 5000);
    });
});
