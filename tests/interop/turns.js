'use strict';
// One data folder of odd messages, JavaScript and ours in turn: JS, ours, JS, ours. Each publishes
// on top, takes messages of others and deletes some; each finds all that was there, and in the end
// both answer every reading call alike. SEED=1 MESSAGES=10000 CALLS=500; fewer by itself.
const assert = require('assert');
const { execFileSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const validate = require('ssb-validate');
const { run, tally, temporary_folder, test } = require('./lib/harness');
const { add_many, call, close, collect, publish_many } = require('./lib/rpc');
const { generator } = require('./lib/random');
const { compare } = require('./lib/reading');
const { Server, programs } = require('./lib/server');
const { content, make_world, people, read_log } = require('./lib/world');

const seed = process.env.SEED || '1';
const total = Number(process.env.MESSAGES || 1200);
const random = generator(`turns ${seed}`);
const part = total / 4;

/** What the log must hold: all that was acknowledged, in order, null where it was deleted. */
const expected = [];

async function take_turn(server, foreign) {
    const keys = expected.filter((key) => key);
    const rpc = await server.client();
    const there = await collect(rpc, 'createLogStream', { values: false });
    assert.deepStrictEqual(there, keys, 'what was there before');
    await add_many(rpc, foreign);
    await publish_many(rpc, part - foreign.length, () => {
        const one = content(random, keys, server.id);
        if (typeof one === 'object' && random.chance(15)) {
            return { ...one, recps: [server.id, people[1].id] };
        }
        return one;
    });
    await close(rpc);
}

/** Deletes some messages, no feed's last: after JavaScript did, only its view knows the end. */
async function delete_some(server, count, records) {
    const last = new Set();
    const ends = {};
    for (const record of records.filter((each) => each)) ends[record.value.author] = record.key;
    for (const key of Object.values(ends)) last.add(key);
    const rpc = await server.client();
    const keys = expected.filter((key) => key && !last.has(key));
    for (const key of random.shuffle(keys).slice(0, count)) await call(rpc, 'del', key);
    await close(rpc);
}

/** The file by the letter of its format, each feed by the rules, deleted records blank. */
function check_log(folder) {
    const records = read_log(folder);
    expected.forEach((key, at) => {
        if (records[at]) assert.strictEqual(records[at].key, key, `record ${at}`);
    });
    const states = {};
    let received = 0;
    for (const [at, record] of records.entries()) {
        expected[at] = record && record.key;
        if (!record) continue;
        const { key, value, timestamp } = record;
        assert.strictEqual(validate.id(value), key);
        assert(timestamp > received, `${at} was received at ${timestamp}, after ${received}`);
        received = timestamp;
        const before = states[value.author];
        // Behind a deleted message the chain cannot be followed, only its numbers.
        if (before && value.sequence === before.sequence + 1) {
            assert.strictEqual(value.previous, before.id, `record ${at}`);
        } else {
            assert(value.sequence > (before ? before.sequence : 0), `record ${at}`);
        }
        states[value.author] = { id: key, sequence: value.sequence };
    }
    return records;
}

run(async () => {
    console.log(`seed ${seed}`);
    const ours = await Server.prepare({ name: 'ours', keys: people[0] });
    const theirs = Object.assign(Object.create(ours), { program: programs.js, name: 'js' });
    const foreign = make_world(random, part).filter(({ value }) => value.author !== ours.id);
    for (const [turn, who] of [theirs, ours, theirs, ours].entries()) {
        await test(`turn ${turn + 1}, ${who.name}: all is there, and ${part} more`, async () => {
            await who.start();
            const some = foreign.slice(turn * foreign.length / 4, (turn + 1) * foreign.length / 4);
            await take_turn(who, some);
            await who.stop();
            const records = check_log(ours.folder);
            assert.strictEqual(records.length, (turn + 1) * part);
        });
        await test(`turn ${turn + 1}, ${who.name}: deletes some`, async () => {
            await who.start();
            await delete_some(who, 10, read_log(ours.folder));
            await who.stop();
            const records = check_log(ours.folder);
            assert.strictEqual(records.filter((record) => !record).length, (turn + 1) * 10);
        });
    }
    await test('both answer every reading call alike', async () => {
        const copy = path.join(temporary_folder('copy'), 'ssb');
        execFileSync('cp', ['-a', ours.folder, copy]);
        // Its indexes count what it has deleted itself, until they are made anew.
        for (const view of fs.readdirSync(path.join(copy, 'flume'))) {
            if (view === 'log.offset') continue;
            fs.rmSync(path.join(copy, 'flume', view), { recursive: true });
        }
        const reference = await Server.prepare({ folder: copy, program: programs.js });
        const messages = read_log(ours.folder).filter((record) => record);
        const clients = [];
        for (const server of [ours, reference]) {
            clients.push(await (await server.start()).client());
        }
        const counts = tally('reading calls after four turns');
        await compare(...clients, { random, messages, counts,
                                    count: Number(process.env.CALLS || 60) });
        counts.close();
        for (const rpc of clients) await close(rpc);
        for (const server of [ours, reference]) await server.stop();
    });
});
