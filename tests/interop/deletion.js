'use strict';
// Deleting messages: kill -9 in the middle of it, again and again; and a JavaScript server that
// goes on with the folder after our own last message was deleted. ROUNDS=12.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, publish_many } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const rounds = Number(process.env.ROUNDS || 12);

/** The log as its format says: key to text; deleted records by their offset. */
function read_log(folder) {
    const bytes = fs.readFileSync(path.join(folder, 'flume/log.offset'));
    const messages = new Map();
    const deleted = new Set();
    for (let at = 0; at < bytes.length;) {
        const length = bytes.readUInt32BE(at);
        const data = bytes.subarray(at + 4, at + 4 + length);
        if (data.every((byte) => byte === 0)) deleted.add(at);
        else messages.set(JSON.parse(data.toString()).key, at);
        at += length + 12;
    }
    return { messages, deleted };
}

/** The records of the journal; the checksums are looked at elsewhere. */
const read_journal = (folder) =>
    fs.readFileSync(path.join(folder, 'flume/log.journal'), 'utf8').split('\n').filter(Boolean)
        .map((line) => JSON.parse(line.slice(9)));

run(async () => {
    const server = await Server.prepare({ name: 'ours' });
    const js = Object.assign(Object.create(server), { program: programs.js, name: 'js' });
    let left = [];
    let acknowledged = [];
    let gone = 0;
    for (let round = 0; round <= rounds; round++) {
        const good = await test(`round ${round} of ${rounds}`, async () => {
            await server.start();
            const rpc = await server.client();
            const stored = await collect(rpc, 'createLogStream', { values: false });
            // After a kill, what was being deleted is deleted, or there.
            assert(acknowledged.every((key) => !stored.includes(key)), 'it came back');
            const { messages, deleted } = read_log(server.folder);
            assert.deepStrictEqual([...messages.keys()], stored);
            const records = read_journal(server.folder);
            const named = records.flatMap((record) => record.del || []);
            assert.deepStrictEqual(new Set(named.map((entry) => entry.offset)), deleted);
            assert.strictEqual(records.filter((record) => record.del).length,
                               records.filter((record) => 'done' in record).length);
            left = stored.concat((await publish_many(rpc, 40, (index) =>
                ({ type: 'post', text: `${round} ${index} ${'x'.repeat(index * 20)}` })))
                .map((message) => message.key));
            const { sequence } = await call(rpc, 'getFeedState', server.id);
            assert.strictEqual(sequence, (round + 1) * 40, 'nothing is forgotten');
            acknowledged = [];
            gone = deleted.size;
            if (round === rounds) {
                await close(rpc);
                await server.stop();
                return;
            }
            // From both ends, the last message among them.
            const victims = left.slice(-15).reverse().concat(left.slice(0, 10));
            (async () => {
                for (const key of victims) {
                    await call(rpc, 'del', key);
                    acknowledged.push(key);
                }
            })().catch(() => {});
            await sleep(10 + Math.random() * 60);
            server.child.kill('SIGKILL');
            assert.strictEqual(await server.ended, 'SIGKILL', server.output);
        });
        if (!good) return;
    }
    let last;
    const gone_for_good = [];
    const other = `@${Buffer.alloc(32, 7).toString('base64')}.ed25519`;
    const delete_last = () => test('our own last message is deleted', async () => {
        await server.start();
        const rpc = await server.client();
        last = await call(rpc, 'publish', { type: 'post', text: 'the last one' });
        await call(rpc, 'del', last.key);
        gone_for_good.push(last.key);
        await close(rpc);
        await server.stop();
        // With later versions of its plugins JavaScript answers nobody while the log ends blank.
        const bytes = fs.readFileSync(path.join(server.folder, 'flume/log.offset'));
        const length = bytes.readUInt32BE(bytes.length - 8);
        const { key, value } = JSON.parse(bytes.subarray(-8 - length, -8).toString());
        assert.deepStrictEqual([key, value.author, value.sequence, value.content],
                               [last.key, server.id, last.value.sequence, { type: 'deleted' }]);
        assert(!bytes.includes('the last one'));
    });
    // Its indexes are made anew the first time, and go on where they were the second time.
    const turns = [['JavaScript goes on behind it', js], ['we go on', server],
                   ['JavaScript goes on again', js], ['', null],
                   ['JavaScript goes on behind that too', js], ['we go on again', server]];
    await delete_last();
    for (const [who, which] of turns) {
        if (which === null) {
            await delete_last();
            continue;
        }
        await test(who, async () => {
            await which.start();
            const rpc = await which.client();
            const next = await call(rpc, 'publish', { type: 'contact', contact: other,
                                                      following: true, who });
            assert.deepStrictEqual([next.value.sequence, next.value.previous],
                                   [last.value.sequence + 1, last.key]);
            last = next;
            const stored = await collect(rpc, 'createLogStream', { values: false });
            assert.strictEqual(stored[stored.length - 1], next.key);
            await close(rpc);
            await which.stop();
            const { messages } = read_log(server.folder);
            if (which === server) gone_for_good.forEach((key) => assert(!messages.has(key)));
        });
    }
    await test('a peer is not given what was just deleted', async () => {
        const caps = random_caps();
        const [giver, taker] = await Promise.all([
            Server.start({ caps, name: 'giver' }), Server.start({ caps, name: 'taker' })]);
        const [here, there] = await Promise.all([giver.client(), taker.client()]);
        const follow = (rpc, contact) =>
            call(rpc, 'publish', { type: 'contact', contact, following: true });
        const number_at = async (rpc, id) => (await call(rpc, 'getVectorClock'))[id] || 0;
        await follow(here, taker.id);
        const { key } = await call(here, 'publish', { type: 'post', text: 'not for long' });
        await call(here, 'publish', { type: 'post', text: 'behind it' });
        await call(here, 'del', key);
        await follow(there, giver.id);
        await call(there, 'gossip.connect', { host: '127.0.0.1', port: giver.port, key: giver.id });
        const level = (rpc, id, number) => until(`${number} of ${id}`, async () =>
            await number_at(rpc, id) === number, 10000);
        await level(there, giver.id, 1);
        for (let number = 2; number < 6; number++) {
            await call(there, 'publish', { type: 'post', text: `${number}` });
            await level(here, taker.id, number);
        }
        assert.strictEqual(await number_at(there, giver.id), 1);
        await Promise.all([close(here), close(there)]);
        await Promise.all([giver.stop(), taker.stop()]);
    });
    console.log(`${rounds} kills; ${gone} messages deleted`);
});
