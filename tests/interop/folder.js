'use strict';
// One data folder, two programs in turn: the JavaScript server goes on where we stopped and the
// other way round; the log file holds what its format says.
const assert = require('assert');
const { execFile } = require('child_process');
const fs = require('fs');
const path = require('path');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, test } = require('./lib/harness');
const { call, close, collect, publish_many } = require('./lib/rpc');
const { Server, free_ports, programs } = require('./lib/server');

/** The records of a 32-bit flumelog-offset file, read without any help of either server. */
function read_log(file) {
    const bytes = fs.readFileSync(file);
    const records = [];
    for (let at = 0; at < bytes.length;) {
        const length = bytes.readUInt32BE(at);
        const after = at + 4 + length;
        assert.strictEqual(bytes.readUInt32BE(after), length, `second length of ${at}`);
        assert.strictEqual(bytes.readUInt32BE(after + 4), after + 8, `end of ${at}`);
        records.push(bytes.toString('utf8', at + 4, after));
        at = after + 8;
    }
    return records;
}

async function session(server, text, count) {
    await server.start();
    const rpc = await server.client();
    const before = (await collect(rpc, 'createLogStream')).length;
    await publish_many(rpc, count, (index) => ({ type: 'post', text: `${text} é ${index}` }));
    await call(rpc, 'publish', { type: 'post', text: 'private', recps: [server.id] });
    const log = await collect(rpc, 'createLogStream');
    const history = await collect(rpc, 'createHistoryStream', { id: server.id });
    const opened = await collect(rpc, 'messagesByType', { type: 'post', private: true });
    await close(rpc);
    await server.stop();
    assert.strictEqual(log.length, before + count + 1);
    assert.strictEqual(history.length, log.length);
    assert(opened.every((message) => message.value.content.type === 'post'));
    return log;
}

/** What a second program says, started on the folder where another one runs; it must not stay. */
async function refused(running, program) {
    await running.start();
    try {
        const rpc = await running.client();
        const [port] = await free_ports(1);
        const said = await new Promise((resolve, reject) => {
            execFile(program, ['start', '--path', running.folder, '--port', String(port)],
                     { env: { ...process.env, HOME: running.folder }, timeout: 15000 },
                     (error, out, err) => {
                         if (!error || error.killed) reject(new Error(`it ran: ${out}${err}`));
                         else resolve(err);
                     });
        });
        const { value } = await call(rpc, 'publish', { type: 'post', text: 'still here' });
        assert.strictEqual(await call(rpc, 'latestSequence', running.id),
                           value.sequence);
        await close(rpc);
        return said;
    } finally {
        await running.stop();
    }
}

run(async () => {
    const ours = await Server.prepare({ name: 'ours' });
    const theirs = Object.assign(Object.create(ours), { program: programs.js, name: 'js' });
    let log = [];
    for (const [who, server] of [['we start a log', ours], ['JavaScript goes on', theirs],
                                 ['we go on', ours], ['JavaScript goes on again', theirs]]) {
        await test(who, async () => {
            const now = await session(server, who, 200);
            const was = log.map((message) => JSON.stringify(message));
            assert.deepStrictEqual(now.slice(0, log.length).map((m) => JSON.stringify(m)), was);
            log = now;
        });
        await test(`${who}: every record is what its format says`, async () => {
            const records = read_log(path.join(ours.folder, 'flume/log.offset'));
            assert.strictEqual(records.length, log.length);
            let state = validate.initial();
            for (const text of records) {
                const record = JSON.parse(text);
                assert.strictEqual(JSON.stringify(record), text);
                assert.deepStrictEqual(Object.keys(record), ['key', 'value', 'timestamp']);
                state = validate.append(state, null, record.value);
                assert.strictEqual(state.queue.pop().key, record.key);
            }
        });
    }
    await test('the secret is as it was', async () => {
        const loaded = ssb_keys.loadSync(path.join(ours.folder, 'secret'));
        assert.strictEqual(loaded.id, ours.id);
    });
    await test('a torn last record is cut off, and the feed goes on', async () => {
        const file = path.join(ours.folder, 'flume/log.offset');
        const whole = fs.statSync(file).size;
        fs.appendFileSync(file, fs.readFileSync(file).subarray(0, 50));
        const now = await session(ours, 'after the tear', 3);
        assert.strictEqual(now.length, log.length + 4);
        assert.strictEqual(read_log(file).length, now.length);
        assert(fs.statSync(file).size > whole);
    });
    await test('while the JavaScript server runs, we say so and end', async () => {
        const said = await refused(theirs, ours.program);
        assert.match(said, /^sbot: the folder is in use by process \d+ \(.*js-sbot.*\).*stop it/m);
    });
    await test('while we run, the JavaScript server ends', async () => {
        assert.match(await refused(ours, theirs.program), /LOCK|lock/);
    });
    await test('both were kept apart: all messages are there', async () => {
        const now = await session(theirs, 'at the end', 1);
        assert.strictEqual(now.length, log.length + 8);
    });
});
