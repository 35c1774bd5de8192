'use strict';
// kill -9 in the middle of many publishes, again and again on one folder: whatever was
// acknowledged is there after the restart, and the feed is one valid chain. ROUNDS=50.
const assert = require('assert');
const validate = require('ssb-validate');
const { run, sleep, test } = require('./lib/harness');
const { call, close, collect } = require('./lib/rpc');
const { Server } = require('./lib/server');

const rounds = Number(process.env.ROUNDS || 50);
const CONNECTIONS = 2;
const IN_FLIGHT = 40;

/** Publishes without pause until the connection dies; fills `acknowledged`, key to sequence. */
function load(rpc, round, acknowledged) {
    let count = 0;
    const worker = async () => {
        for (;;) {
            const text = `round ${round}, ${count++} ${'x'.repeat(count % 700)}`;
            const { key, value } = await call(rpc, 'publish', { type: 'post', text });
            acknowledged.set(key, value.sequence);
        }
    };
    for (let each = 0; each < IN_FLIGHT; each++) worker().catch(() => {});
}

run(async () => {
    const server = await Server.prepare();
    const seen = new Map();  // key to sequence, of all rounds before
    let state = validate.initial();
    let acknowledged_in_all = 0;
    let beyond = 0;
    let smallest = Infinity;
    const starts = [];
    // What the last round left is checked by one more start.
    let acknowledged = new Map();
    for (let round = 0; round <= rounds; round++) {
        const good = await test(`round ${round} of ${rounds}`, async () => {
            await server.start();
            starts.push(server.start_ms);
            const rpc = await server.client();
            const stored = await collect(rpc, 'createUserStream',
                                         { id: server.id, gt: seen.size });
            for (const { key, value } of stored) {
                state = validate.append(state, null, value);
                assert.strictEqual(state.queue.pop().key, key);
                assert(!seen.has(key));
                seen.set(key, value.sequence);
            }
            for (const [key, sequence] of acknowledged) {
                assert.strictEqual(seen.get(key), sequence, `acknowledged, then lost: ${key}`);
            }
            for (const key of [...acknowledged.keys()].slice(-3)) await call(rpc, 'get', key);
            assert.strictEqual(await call(rpc, 'latestSequence', server.id)
                .catch(() => 0), seen.size);
            beyond += stored.length - acknowledged.size;
            if (round === rounds) {
                await close(rpc);
                return;
            }
            const others = await Promise.all(Array.from({ length: CONNECTIONS - 1 },
                                                        () => server.client()));
            acknowledged = new Map();
            for (const each of [rpc, ...others]) load(each, round, acknowledged);
            await sleep(40 + Math.random() * 120);
            server.child.kill('SIGKILL');
            assert.strictEqual(await server.ended, 'SIGKILL', server.output);
            acknowledged_in_all += acknowledged.size;
            smallest = Math.min(smallest, acknowledged.size);
        });
        if (!good) break;
    }
    await test('nearly every round had acknowledged messages', async () => {
        assert(acknowledged_in_all > rounds, `${acknowledged_in_all} in all`);
    });
    await test('the whole feed, read once more, is what the rounds saw', async () => {
        const rpc = await server.client();
        const all = await collect(rpc, 'createUserStream', { id: server.id });
        assert.deepStrictEqual(all.map((message) => message.key), [...seen.keys()]);
        await close(rpc);
        await server.stop();
    });
    starts.sort((a, b) => a - b);
    console.log(`${starts.length - 1} kills; ${acknowledged_in_all} messages acknowledged, ` +
                `at least ${smallest} a round, none lost; ${beyond} stored beyond those; ` +
                `start: median ${starts[starts.length >> 1].toFixed(0)} ms`);
});
