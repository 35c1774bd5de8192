'use strict';
// The newer JavaScript, ssb-ebt 9 on ssb-db2: feeds by EBT both ways, either side dialling,
// equal clocks and equal bytes, and new messages as they are published. FEEDS and MESSAGES make it
// larger.
const assert = require('assert');
const path = require('path');
const { createRequire } = require('module');
const { run, test, until } = require('./lib/harness');
const { call, close, collect } = require('./lib/rpc');
const { make_feed } = require('./lib/feeds');
const { Server, programs, random_caps } = require('./lib/server');

try {
    const folder = process.env.DB2 || __dirname;
    createRequire(path.join(folder, 'x.js')).resolve('ssb-db2');
} catch (error) {
    console.log('skipped: DB2 names no folder with secret-stack 6, ssb-db2 8 and ssb-ebt9 ' +
                '(npm:ssb-ebt@9)');
    process.exit(77);
}

const feeds_each = Number(process.env.FEEDS || 60);
const messages_each = Number(process.env.MESSAGES || 30);
const total = 2 * feeds_each * messages_each;
const wait_ms = 100000 + total * 10;

const sum = (clock) => Object.values(clock).reduce((all, sequence) => all + sequence, 0);

run(async () => {
    const feeds = Array.from({ length: 2 * feeds_each },
                             (_, number) => make_feed(number, messages_each));
    const caps = random_caps();
    for (const we_dial of [true, false]) {
        const who = we_dial ? 'we dial' : 'JavaScript dials';
        const [ours, theirs] = await Promise.all([
            Server.start({ caps, name: 'ours' }),
            Server.prepare({ caps, name: 'db2', program: programs.db2 }).then(async (server) => {
                server.spawn();
                await until('ssb-db2 answers', async () => {
                    const rpc = await server.client('net');
                    const { id } = await call(rpc, 'test.whoami');
                    await close(rpc);
                    return id;
                }, 60000);
                return server;
            })
        ]);
        const [our, their] = await Promise.all([ours.client(), theirs.client('net')]);
        const clocks = () => Promise.all([call(our, 'getVectorClock'), call(their, 'test.clock')]);
        await test(`${feeds_each} feeds are stored on each side, all are asked for`, async () => {
            for (const feed of feeds.slice(0, feeds_each)) {
                await Promise.all(feed.messages.map((value) => call(our, 'add', value)));
            }
            // All at once: it writes every quarter of a second, and answers then.
            await Promise.all(feeds.slice(feeds_each).flatMap(({ messages }) => messages)
                .map((value) => call(their, 'test.add', value)));
            for (const id of [...feeds.map((feed) => feed.id), ours.id, theirs.id]) {
                await call(our, 'replicate.request', id);
                await call(their, 'test.request', id);
            }
        }, wait_ms);
        await test(`${total} messages are on both sides, ${who}: equal clocks`, async () => {
            if (we_dial) await call(our, 'gossip.connect', theirs.address);
            else await call(their, 'test.connect', ours.address);
            await until('all messages', async () =>
                (await clocks()).every((clock) => sum(clock) === total), wait_ms, 200);
            const [here, there] = await clocks();
            assert.deepStrictEqual(here, there);
        }, wait_ms);
        await test('every feed has the same keys and bytes', async () => {
            for (const { id, messages } of feeds) {
                const [here, there] = await Promise.all([our, their].map(async (rpc) =>
                    (await collect(rpc, 'createHistoryStream', { id })).map(
                        ({ key, value }) => `${key} ${JSON.stringify(value)}`)));
                assert.strictEqual(here.length, messages_each);
                assert.deepStrictEqual(here, there);
                assert(here.every((line, i) => line.endsWith(` ${JSON.stringify(messages[i])}`)));
            }
        }, wait_ms);
        await test('what is published goes over at once, both ways, five times', async () => {
            for (let i = 1; i <= 5; i++) {
                const content = { type: 'post', text: `live ${i}` };
                await Promise.all([call(our, 'publish', content),
                                   call(their, 'test.publish', content)]);
                await until('live messages', async () => {
                    const [here, there] = await clocks();
                    return here[theirs.id] === i && there[ours.id] === i;
                }, 8000, 20);
            }
        });
        await test('both sides live on', async () => {
            for (const server of [ours, theirs]) assert(!server.child.gone, server.output);
        });
        await Promise.all([close(our), close(their)]);
        await Promise.all([ours.stop(), theirs.stop()]);
    }
});
