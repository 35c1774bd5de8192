'use strict';
// Five of our servers in a chain, and each with each: all messages come to all, each crosses a link
// about once; links cut and restored, servers killed and restarted; how long a new message takes
// from one end of the chain to the other. FEEDS, MESSAGES, NODES and LIVE make it larger.
const assert = require('assert');
const { make_feed } = require('./lib/feeds');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, follow } = require('./lib/rpc');
const { Server, random_caps } = require('./lib/server');

const node_count = Number(process.env.NODES || 5);
const feed_count = Number(process.env.FEEDS || 30);
const messages_each = Number(process.env.MESSAGES || 20);
const live_count = Number(process.env.LIVE || 31);

const sum = (clock) => Object.values(clock).reduce((all, sequence) => all + sequence, 0);
const pairs_of = {
    chain: (nodes) => nodes.slice(1).map((node, i) => [nodes[i], node]),
    mesh: (nodes) => nodes.flatMap((one, i) => nodes.slice(i + 1).map((other) => [one, other]))
};

/** Starts it and has it want all feeds, which no server remembers. */
async function open(node, ids) {
    await node.start();
    node.rpc = await node.client();
    await Promise.all(ids.map((id) => call(node.rpc, 'replicate.request', id)));
}

const clock_of = (node) => call(node.rpc, 'getVectorClock');
const dial = ([from, to]) => call(from.rpc, 'gossip.connect', to.address);
const cut = ([from, to]) => call(from.rpc, 'gossip.disconnect', to.id);
const post = (node, text) => call(node.rpc, 'publish', { type: 'post', text });
const traffic_of = async (node) => (await call(node.rpc, 'status')).replication;

/** Until all have the same clock, with `total` messages in it. */
async function level(nodes, total, ms = 60000) {
    let seen;
    await until(`${total} messages everywhere`, async () => {
        seen = await Promise.all(nodes.map(clock_of));
        return seen.every((clock) => sum(clock) === total);
    }, ms, 100).catch((error) => {
        throw new Error(`${error.message}: ${seen && seen.map(sum)}`);
    });
    for (const clock of seen) assert.deepStrictEqual(clock, seen[0]);
}

/** Messages that crossed links since `before`, over those that had to. */
async function crossings(nodes, before, needed) {
    const now = await Promise.all(nodes.map(traffic_of));
    const received = now.reduce((all, { received }, i) =>
        all + received - (before ? before[i].received : 0), 0);
    return { received, needed, ratio: received / needed };
}

run(async () => {
    const caps = random_caps();
    for (const shape of ['chain', 'mesh']) {
        const nodes = await Promise.all(Array.from({ length: node_count }, (_, i) =>
            Server.prepare({ caps, name: `${shape}-${i}` })));
        const links = pairs_of[shape](nodes);
        const first = nodes[0], last = nodes[node_count - 1];
        let total = 0;
        const feeds = Array.from({ length: feed_count }, (_, i) =>
            make_feed(1000 + i, messages_each));
        const ids = [...nodes, ...feeds].map(({ id }) => id);
        await Promise.all(nodes.map((node) => open(node, ids)));
        await test(`${shape}: all feeds begin at one end`, async () => {
            for (const { messages } of feeds) {
                await Promise.all(messages.map((value) => call(first.rpc, 'add', value)));
            }
            for (const node of nodes) await post(node, 'here I am');
            total = feed_count * messages_each + nodes.length;
        }, 120000);
        await test(`${shape}: all messages come to all, each over a link about once`, async () => {
            const begin = Date.now();
            await Promise.all(links.map(dial));
            await level(nodes, total, 120000);
            const took = Date.now() - begin;
            const needed = (node_count - 1) * total;
            const { received, ratio } = await crossings(nodes, null, needed);
            console.log(`       ${shape}: ${received} messages crossed links, ${needed} had to ` +
                        `(${((ratio - 1) * 100).toFixed(2)} % more) in ${took} ms`);
            assert(received >= needed);
            assert(ratio < 1.1, `${received} crossed, ${needed} had to`);
        }, 150000);
        await test(`${shape}: what is published everywhere at once comes to all`, async () => {
            const before = await Promise.all(nodes.map(traffic_of));
            for (let i = 0; i < 5; i++) {
                await Promise.all(nodes.map((node) => post(node, `round ${i}`)));
            }
            total += 5 * node_count;
            await level(nodes, total);
            const { received, needed, ratio } =
                await crossings(nodes, before, 5 * node_count * (node_count - 1));
            console.log(`       ${shape}: of ${received} live messages that crossed links ` +
                        `${needed} had to (${((ratio - 1) * 100).toFixed(1)} % more)`);
        });
        await test(`${shape}: from one end to the other`, async () => {
            const seen = follow(last.rpc, 'createUserStream', { id: first.id, live: true,
                                                               old: false });
            const times = [];
            for (let i = 0; i < live_count; i++) {
                const count = seen.items.length;
                const begin = process.hrtime.bigint();
                await post(first, `live ${i}`);
                while (!seen.items.slice(count).some((item) => item.key)) await sleep(1);
                times.push(Number(process.hrtime.bigint() - begin) / 1e6);
            }
            total += live_count;
            times.sort((a, b) => a - b);
            console.log(`       ${shape}: median ${times[live_count >> 1].toFixed(1)} ms from ` +
                        `publish to the live stream at the other end, longest ` +
                        `${times[live_count - 1].toFixed(1)} ms`);
            seen.close();
            await level(nodes, total);
        });
        await test(`${shape}: links are cut while all publish, and restored`, async () => {
            const to_cut = links.filter((_, i) => i % 2 === 0);
            const before = await Promise.all(nodes.map(traffic_of));
            for (const link of to_cut) {
                await cut(link);
                await Promise.all(nodes.map((node) => post(node, 'one link less')));
                total += node_count;
            }
            await sleep(300);
            const apart = sum(await clock_of(last)) < total;
            assert.strictEqual(apart, shape === 'chain', 'a chain is in pieces, a mesh is not');
            await Promise.all(to_cut.map(dial));
            await level(nodes, total);
            const { received, needed, ratio } =
                await crossings(nodes, before, to_cut.length * node_count * (node_count - 1));
            console.log(`       ${shape}: ${received} messages crossed links, ${needed} had to ` +
                        `(${((ratio - 1) * 100).toFixed(1)} % more)`);
        });
        await test(`${shape}: the middle one and an end are killed, and come back`, async () => {
            for (const node of [nodes[node_count >> 1], last]) {
                const acknowledged = (await post(node, 'before the end')).value.sequence;
                node.child.kill('SIGKILL');
                await node.ended;
                await Promise.all(nodes.filter((each) => each !== node)
                    .map((each) => post(each, 'while one is gone')));
                await open(node, ids);
                assert(((await clock_of(node))[node.id] || 0) >= acknowledged);
                total += node_count;
                await Promise.all(links.filter((link) => link.includes(node)).map(dial));
                await level(nodes, total);
            }
        });
        await test(`${shape}: the same bytes everywhere, and each feed a chain`, async () => {
            for (const id of ids.slice(0, 20)) {
                const feeds = await Promise.all(nodes.map((node) =>
                    collect(node.rpc, 'createUserStream', { id })));
                const texts = feeds.map((feed) => feed.map(({ key, value }) =>
                    `${key} ${JSON.stringify(value)}`));
                for (const text of texts) assert.deepStrictEqual(text, texts[0]);
                feeds[0].forEach(({ value }, i) => assert.strictEqual(
                    value.previous, i ? feeds[0][i - 1].key : null));
            }
        });
        await Promise.all(nodes.map((node) => close(node.rpc)));
        await Promise.all(nodes.map((node) => node.stop()));
    }
});
