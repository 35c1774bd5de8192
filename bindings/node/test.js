'use strict';
// The addon on a log made here: what is followed, indexed and asked, and that the event loop stays
// free meanwhile. node test.js, with SBOT_FLUME_NODE naming the addon.
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { monitorEventLoopDelay } = require('perf_hooks');
const { follow, query, view } = require('./index');

const author = `@${Buffer.alloc(32, 1).toString('base64')}.ed25519`;
const count = Number(process.env.COUNT || 20000);

function message(sequence) {
    const key = Buffer.alloc(32);
    key.writeUInt32BE(sequence);
    return JSON.stringify({
        key: `%${key.toString('base64')}.sha256`,
        value: { previous: null, author, sequence, timestamp: sequence,
                 content: { type: sequence % 2 ? 'post' : 'vote', text: 'x'.repeat(400) } },
        timestamp: sequence
    });
}

function append(log, from, to) {
    const file = fs.openSync(log, 'a');
    let end = fs.fstatSync(file).size;
    const frames = [];
    for (let sequence = from; sequence < to; sequence++) {
        const data = Buffer.from(message(sequence));
        const frame = Buffer.alloc(data.length + 12);
        end += frame.length;
        frame.writeUInt32BE(data.length, 0);
        data.copy(frame, 4);
        frame.writeUInt32BE(data.length, 4 + data.length);
        frame.writeUInt32BE(end, 8 + data.length);
        frames.push(frame);
    }
    fs.writeSync(file, Buffer.concat(frames));
    fs.closeSync(file);
}

async function main(folder) {
    const log = path.join(folder, 'log.offset');
    const db = path.join(folder, 'my.sqlite');
    append(log, 1, count + 1);
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const index = await view(log, db);
    for (let at = 0;;) {
        const { level, done, total } = await index.process({ chunk: 500 });
        assert(done >= at && done <= total);
        at = done;
        if (level) break;
        const [{ n }] = await query(db, 'SELECT count(*) AS n FROM messages');
        assert(n > 0);
    }
    delay.disable();
    const [most, half] = [delay.max, delay.percentile(50)].map((ns) => (ns / 1e6).toFixed(1));
    console.log(`${count} messages indexed while being asked; event loop late by at most ` +
                `${most} ms, median ${half}`);
    const rows = await query(db, 'SELECT key, type, timestamp FROM messages WHERE type = ? ' +
                             'AND timestamp > ? ORDER BY offset', ['post', count - 10]);
    assert.strictEqual(rows.length, 5);
    assert.strictEqual(rows[0].key, JSON.parse(message(rows[0].timestamp)).key);
    await assert.rejects(query(db, 'DELETE FROM messages'));
    await assert.rejects(query(db, 'nonsense'), /nonsense/);
    await assert.rejects(view(log, log));

    let seen = 0;
    let position;
    for await (const some of follow(log, { chunk: 300 })) {
        for (const { kind, data } of some.news) {
            assert.strictEqual(kind, 'entry');
            assert.strictEqual(data, message(++seen));
        }
        position = some.position;
    }
    assert.strictEqual(seen, count);
    setTimeout(() => append(log, count + 1, count + 4), 50);
    for await (const some of follow(log, { live: true, position })) {
        seen += some.news.length;
        if (seen === count + 3) break;
    }
    await assert.rejects(follow(log, { position: 'nonsense' }).next());
    console.log('follow, view and query do what they say');
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sbot-node-'));
main(folder).then(() => 0, (error) => {
    console.error(error);
    return 1;
}).then((status) => {
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(status);
});
