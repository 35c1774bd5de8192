'use strict';
// Hundreds of feeds at once by EBT between us and ssb-server 16, in both directions over one
// connection: equal clocks and equal bytes at the end, a cut in the middle does no harm, and a feed
// passes from server to server as it is published. FEEDS and MESSAGES make it larger (with
// LIMIT_S); WITHOUT=ssb-ebt takes EBT from the other side.
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const pull = require('pull-stream');
const { make_feed } = require('./lib/feeds');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const feeds_each = Number(process.env.FEEDS || 150);
const messages_each = Number(process.env.MESSAGES || 35);
const without = process.env.WITHOUT || '';
const total = 2 * feeds_each * messages_each;
const wait_ms = 100000 + total * 10;  // a slow machine, and JavaScript

async function load(rpc, feeds) {
    for (const feed of feeds) {
        await Promise.all(feed.messages.map((value) => call(rpc, 'add', value)));
    }
}

const all = (clock) => Object.values(clock).reduce((sum, sequence) => sum + sequence, 0);

/** The most memory it ever had, in MB. */
const peak_mb = (server) => Math.round(/VmHWM:\s+(\d+)/.exec(
    fs.readFileSync(`/proc/${server.child.pid}/status`, 'utf8'))[1] / 1024);

const lines = async (rpc, id) => (await collect(rpc, 'createUserStream', { id })).map(
    ({ key, value }) => `${key} ${JSON.stringify(value)}`);

run(async () => {
    const feeds = Array.from({ length: 2 * feeds_each },
                             (_, number) => make_feed(number, messages_each));
    const caps = random_caps();
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours' }),
        Server.start({ caps, name: 'js', program: programs.js, env: { WITHOUT: without } })
    ]);
    const [our, their] = await Promise.all([ours.client(), theirs.client()]);
    await test('with nobody connected progress has no EBT, as in the reference', async () => {
        for (const rpc of [our, their]) assert(!('ebt' in await call(rpc, 'progress')));
    });
    await test(`${feeds_each} feeds are stored on each side`, () => Promise.all([
        load(our, feeds.slice(0, feeds_each)), load(their, feeds.slice(feeds_each))]), wait_ms);
    await test('all feeds are asked for on both sides', async () => {
        for (const rpc of [our, their]) {
            for (const { id } of feeds) await call(rpc, 'replicate.request', id);
            for (const id of [ours.id, theirs.id]) await call(rpc, 'replicate.request', id);
        }
    }, wait_ms);
    await test(`${total} messages are on both sides`, async () => {
        const begin = Date.now();
        await call(our, 'gossip.connect', theirs.address);
        for (const rpc of [our, their]) {
            const level = async () => all(await call(rpc, 'getVectorClock')) === total;
            await until('all messages', level, wait_ms, 200);
        }
        const took_s = (Date.now() - begin) / 1000;
        console.log(`       ${(total / took_s).toFixed(0)} messages a second in both directions ` +
                    `together, ${peak_mb(ours)} MB at most with us, ${peak_mb(theirs)} MB there`);
    }, wait_ms);
    await test('the clocks are equal', async () => {
        const [here, there] = await Promise.all(
            [our, their].map((rpc) => call(rpc, 'getVectorClock')));
        assert.deepStrictEqual(here, there);
    });
    await test('every feed has the same keys and bytes', async () => {
        for (const { id, messages } of feeds) {
            const [here, there] = await Promise.all([our, their].map((rpc) => lines(rpc, id)));
            assert.strictEqual(here.length, messages_each);
            assert.deepStrictEqual(here, there);
            assert(here.every((line, i) => line.endsWith(` ${JSON.stringify(messages[i])}`)));
        }
    }, wait_ms);
    if (!without) await test('ebt.peerStatus has the form of the reference', async () => {
        const status = await call(our, 'ebt.peerStatus', feeds[feeds_each].id);
        assert.strictEqual(status.id, feeds[feeds_each].id);
        assert.strictEqual(status.seq, messages_each);
        const peer = status.peers[theirs.id];
        assert.strictEqual(peer.seq, messages_each);
        for (const flag of ['tx', 'rx']) {
            assert.strictEqual(typeof peer.replicating[flag], 'boolean');
        }
        assert.strictEqual(typeof status.why, 'string');
    });
    const progressed = 'progress has EBT, as in the reference, and is at its end';
    if (!without) await test(progressed, async () => {
        const [here, there] = await Promise.all([our, their].map((rpc) => call(rpc, 'progress')));
        assert.deepStrictEqual(Object.keys(here.ebt), Object.keys(there.ebt));
        // Twice for each feed, and nothing left.
        for (const { start, current, target } of [here.ebt, there.ebt]) {
            assert.deepStrictEqual([start, current], [0, target]);
            assert(target >= 4 * feeds_each, `${target}`);
        }
        const { progress, replication } = await call(our, 'status');
        assert.deepStrictEqual(progress, here);
        assert.deepStrictEqual([replication.missing, replication.toSend], [0, 0]);
    });
    await test('what is published goes over at once, both ways, ten times', async () => {
        for (let i = 1; i <= 10; i++) {
            await Promise.all([call(our, 'publish', { type: 'post', text: `live ${i}` }),
                               call(their, 'publish', { type: 'post', text: `live ${i}` })]);
            for (const [rpc, id] of [[our, theirs.id], [their, ours.id]]) {
                await until('a live message', async () =>
                    (await call(rpc, 'getVectorClock'))[id] === i, 5000, 20);
            }
        }
    });
    await test('a blob that JavaScript wants is found here, stored before or after', async () => {
        const add = (data) => new Promise((resolve, reject) => pull(
            pull.once(Buffer.from(data)),
            our.blobs.add((error, id) => error ? reject(error) : resolve(id))));
        assert.strictEqual(await call(their, 'blobs.want', await add('before')), true);
        const later = 'after';
        const id = `&${crypto.createHash('sha256').update(later).digest('base64')}.sha256`;
        const wanting = call(their, 'blobs.want', id);
        await sleep(300);
        assert.strictEqual(await add(later), id);
        assert.strictEqual(await wanting, true);
    });
    await test('both sides live on', async () => {
        for (const server of [ours, theirs]) assert(!server.child.gone, server.output);
    });
    await Promise.all([close(our), close(their)]);
    await Promise.all([ours.stop(), theirs.stop()]);
});
