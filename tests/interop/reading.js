'use strict';
// The same log of 10,000 odd messages before our server and a real ssb-server, then every reading
// call with options at random: the same answers, item by item and to the letter.
// SEED=1 CALLS=500; fewer by itself.
const assert = require('assert');
const { run, tally, test } = require('./lib/harness');
const { call, close, collect } = require('./lib/rpc');
const { generator } = require('./lib/random');
const { compare } = require('./lib/reading');
const { Server, programs } = require('./lib/server');
const { make_world, people, write_log } = require('./lib/world');

const seed = process.env.SEED || '1';
const count = Number(process.env.CALLS || 120);

/** Feeds that are not here, or not so far: looked at before any other option is. */
async function histories(ours, theirs) {
    const nobody = `@${Buffer.alloc(32, 77).toString('base64')}.ed25519`;
    const id = people[0].id;
    const ended = [
        ...[{ old: false }, { seq: '3' }, { seq: true }, { seq: 'x' }, { seq: [3] }, { limit: 'x' },
            { seq: 30, old: false }].map((options) => ({ id: nobody, ...options })),
        ...[{ seq: '99999' }, { seq: 99999, old: false }, { seq: 99999, limit: 'x' }, { seq: '3' },
            { seq: true }, { limit: 'x' }].map((options) => ({ id, ...options }))
    ];
    for (const options of ended) {
        await test(`createHistoryStream ${JSON.stringify(options)}`, async () => {
            const [got, want] = await Promise.all([ours, theirs].map((rpc) =>
                collect(rpc, 'createHistoryStream', options).catch((error) => error.message)));
            assert.deepStrictEqual(got, want);
        });
    }
    await test('createHistoryStream beyond a feed, live: 1: goes on, bare', async () => {
        for (const rpc of [ours, theirs]) {
            const seq = 1 + await call(rpc, 'latestSequence', id);
            const next = new Promise((resolve, reject) => {
                const read = rpc.createHistoryStream({ id, seq, live: 1, limit: 'x' });
                read(null, (end, item) => end ? reject(end) : resolve(item));
            });
            await call(rpc, 'whoami');
            const { value } = await call(rpc, 'publish', { type: 'post', text: 'beyond' });
            assert.deepStrictEqual(await next, value);
        }
    });
}

run(async () => {
    console.log(`seed ${seed}`);
    const random = generator(`reading ${seed}`);
    const messages = make_world(random, Number(process.env.MESSAGES || 10000));
    const servers = [];
    for (const program of [programs.sbot, programs.js]) {
        const server = await Server.prepare({ keys: people[0], program });
        write_log(server.folder, messages);
        servers.push(await server.start());
    }
    const [ours, theirs] = await Promise.all(servers.map((server) => server.client()));
    const counts = tally(`reading calls on ${messages.length} messages`);
    await compare(ours, theirs, { random, messages, count, counts });
    counts.close();
    await histories(ours, theirs);
    for (const rpc of [ours, theirs]) await close(rpc);
    for (const server of servers) await server.stop();
});
