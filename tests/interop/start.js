'use strict';
// Starts under odd circumstances: messages from the future, an index that is not there, a signal
// while it is made, few files, a log that is none. ENTRIES=100000.
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, refusal } = require('./lib/rpc');
const { Server } = require('./lib/server');
const { people, read_log, write_log } = require('./lib/world');

const entries = Number(process.env.ENTRIES || 100000);
const log_of = (server) => path.join(server.folder, 'flume/log.offset');
const no_index = (server) => {
    for (const name of fs.readdirSync(path.join(server.folder, 'flume'))) {
        if (name.startsWith('core.sqlite')) fs.rmSync(path.join(server.folder, 'flume', name));
    }
};

/** Messages as the index reads them, signed by nobody: whole feeds in no time. */
function unsigned(count, received) {
    const signature = `${'A'.repeat(86)}==.sig.ed25519`;
    const last = {};
    return Array.from({ length: count }, (_, at) => {
        // Of ours there are few, and none at the end.
        const author = at % 1000 === 0 ? people[0].id : people[1 + at % 4].id;
        const before = last[author] || { sequence: 0, key: null };
        const value = { previous: before.key, sequence: before.sequence + 1, author,
                        timestamp: received + at, hash: 'sha256',
                        content: { type: 'post', text: `${at}` }, signature };
        const key = `%${crypto.createHash('sha256').update(`${at}`).digest('base64')}.sha256`;
        last[author] = { sequence: value.sequence, key };
        return { key, value, timestamp: received + at };
    });
}

async function the_future() {
    const ahead_ms = 400 * 24 * 3600e3;
    const messages = unsigned(2001, Date.now() + ahead_ms);
    const server = await Server.prepare({ keys: people[0] });
    write_log(server.folder, messages);
    let last = messages[messages.length - 1].timestamp;
    const own = [messages[2000].value.timestamp];
    for (const round of ['a log from the future', 'after a restart', 'without an index']) {
        await test(`${round}: times go on from there, and that is said once`, async () => {
            if (round === 'without an index') no_index(server);
            await server.start();
            const rpc = await server.client();
            for (let count = 0; count < 5; count++) {
                const { value, timestamp } = await call(rpc, 'publish', { type: 'post', text: '' });
                assert(timestamp > last, `received ${timestamp} after ${last}`);
                assert(value.timestamp > own[own.length - 1], `claimed ${value.timestamp}`);
                assert(timestamp < last + 1000, `received ${timestamp}, far from ${last}`);
                last = timestamp;
                own.push(value.timestamp);
            }
            await close(rpc);
            await server.stop();
            const said = server.output.match(/clock: .* behind/g) || [];
            assert.strictEqual(said.length, 1, server.output);
        });
    }
    await test('no time of reception repeats or falls', async () => {
        const times = read_log(server.folder).map(({ timestamp }) => timestamp);
        assert(times.every((time, at) => at === 0 || time > times[at - 1]));
    });
}

async function no_index_yet() {
    const messages = unsigned(entries, 1500000000000);
    const own = messages.filter(({ value }) => value.author === people[0].id);
    const server = await Server.prepare({ keys: people[0] });
    write_log(server.folder, messages);
    await test('the index is made while whoami and publish are answered', async () => {
        await server.start();
        const rpc = await server.client();
        const first = await call(rpc, 'publish', { type: 'post', text: 'first' });
        const { sync, progress: { indexes } } = await call(rpc, 'status');
        console.log(`       published with the index at ${indexes.current} of ${indexes.target}`);
        assert.deepStrictEqual([first.value.sequence, first.value.previous],
                               [own.length + 1, own[own.length - 1].key]);
        const second = await call(rpc, 'publish', { type: 'post', text: 'second' });
        assert.strictEqual(second.value.previous, first.key);
        // Calls that need the index wait for it, and then know what was published meanwhile.
        const got = await call(rpc, 'get', first.key);
        assert.deepStrictEqual(got, first.value);
        const feed = await collect(rpc, 'createUserStream', { id: server.id, gt: own.length });
        assert.deepStrictEqual(feed.map(({ key }) => key), [first.key, second.key]);
        const clock = await call(rpc, 'getVectorClock');
        assert.strictEqual(clock[server.id], own.length + 2);
        const after = await call(rpc, 'status');
        assert.strictEqual(after.sync.sync, true);
        const last = await collect(rpc, 'createLogStream', { reverse: true, limit: 3 });
        assert.deepStrictEqual(last.map(({ key }) => key),
                               [second.key, first.key, messages[entries - 1].key]);
        assert(sync.since >= 0);
        await close(rpc);
        await server.stop();
    });
    await test('a signal while the index is made: it ends at once, nothing is lost', async () => {
        const size = fs.statSync(log_of(server)).size;
        for (let round = 0; round < 3; round++) {
            no_index(server);
            server.spawn();
            await until('it listens', async () => /^next:/m.test(server.output));
            await sleep(round * 60);
            const begin = Date.now();
            assert.strictEqual(await server.stop(), 0, server.output);
            assert(Date.now() - begin < 8000);
        }
        await server.start();
        const rpc = await server.client();
        const clock = await call(rpc, 'getVectorClock');
        assert.strictEqual(clock[server.id], own.length + 2);
        assert.strictEqual(fs.statSync(log_of(server)).size, size);
        await close(rpc);
        await server.stop();
    });
    await test('rebuild: what is published meanwhile is there afterwards', async () => {
        await server.start();
        const rpc = await server.client();
        const rebuilt = call(rpc, 'rebuild');
        const { key } = await call(rpc, 'publish', { type: 'post', text: 'third' });
        await rebuilt;
        assert.strictEqual((await call(rpc, 'get', key)).content.text, 'third');
        const clock = await call(rpc, 'getVectorClock');
        assert.strictEqual(clock[server.id], own.length + 3);
        await close(rpc);
        await server.stop();
    });
}

async function few_files() {
    await test('at the limit of files it goes on with those it has', async () => {
        const limited = ['bash', '-c', 'ulimit -n 100; exec "$@"', 'bash'];
        const server = await Server.start({ prefix: limited });
        const rpc = await server.client();
        const remote = await server.client('net');
        await call(rpc, 'publish', { type: 'post', text: 'before' });
        const strangers = Array.from({ length: 150 }, () => {
            const socket = net.connect(server.port, '127.0.0.1');
            socket.on('error', () => {});
            return socket;
        });
        await sleep(500);
        for (const each of [rpc, remote]) {
            await call(each, 'publish', { type: 'post', text: 'meanwhile' });
            const items = await collect(each, 'createLogStream', {});
            assert(items.length >= 2);
            await call(each, 'blobs.has', `&${Buffer.alloc(32).toString('base64')}.sha256`);
        }
        for (const socket of strangers) socket.destroy();
        await until('newcomers are let in again', async () => {
            const late = await server.client('net');
            await call(late, 'whoami');
            await close(late);
            return true;
        });
        await close(rpc);
        await close(remote);
        assert.strictEqual(await server.stop(), 0, server.output);
    });
}

async function no_log() {
    for (const [what, data] of [['text', Buffer.from('something else entirely\n'.repeat(20))],
                                ['noise', crypto.randomBytes(900)]]) {
        await test(`a log that is ${what}, no index: refused, and left as it is`, async () => {
            const server = await Server.prepare({ keys: people[0] });
            fs.mkdirSync(path.join(server.folder, 'flume'));
            fs.writeFileSync(log_of(server), data);
            server.spawn();
            assert.strictEqual(await server.ended, 1, server.output);
            assert.match(server.output, /log\.offset: not a log/);
            assert(fs.readFileSync(log_of(server)).equals(data));
        });
    }
}

async function spoilt_index() {
    await test('a damaged index: made anew, the feed goes on', async () => {
        const server = await Server.start({ keys: people[0] });
        let rpc = await server.client();
        const { key } = await call(rpc, 'publish', { type: 'post', text: 'one' });
        await close(rpc);
        await server.stop();
        fs.writeFileSync(path.join(server.folder, 'flume/core.sqlite'), crypto.randomBytes(9000));
        await server.start();
        rpc = await server.client();
        const next = await call(rpc, 'publish', { type: 'post', text: 'two' });
        assert.strictEqual(next.value.previous, key);
        assert.strictEqual((await collect(rpc, 'createLogStream')).length, 2);
        await refusal(call(rpc, 'get', 'x'));
        await close(rpc);
        await server.stop();
    });
}

run(async () => {
    await the_future();
    await no_index_yet();
    await spoilt_index();
    await few_files();
    await no_log();
});
