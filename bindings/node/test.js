'use strict';
// The addon on a log made here: what is followed, indexed and asked, and that the event loop stays
// free meanwhile. node test.js, with SBOT_FLUME_NODE naming the addon.
const assert = require('assert');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { monitorEventLoopDelay } = require('perf_hooks');
const { follow, live, query, view } = require('./index');

const author = `@${Buffer.alloc(32, 1).toString('base64')}.ed25519`;
const count = Number(process.env.COUNT || 20000);

function message(sequence, received = sequence) {
    const key = Buffer.alloc(32);
    key.writeUInt32BE(sequence);
    return JSON.stringify({
        key: `%${key.toString('base64')}.sha256`,
        value: { previous: null, author, sequence, timestamp: sequence,
                 content: { type: sequence % 2 ? 'post' : 'vote', text: 'x'.repeat(400) } },
        timestamp: received
    });
}

function append(log, from, to, received) {
    const file = fs.openSync(log, 'a');
    let end = fs.fstatSync(file).size;
    const frames = [];
    for (let sequence = from; sequence < to; sequence++) {
        const data = Buffer.from(message(sequence, received));
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

async function values(db) {
    const one = async (sql, parameters) => (await query(db, sql, parameters))[0];
    const bytes = Buffer.from([0, 255, 254]);
    assert.deepStrictEqual(
        await one('SELECT ? a, ? b, ? c, ? d, ? e, ? f, ? g, ? h',
                  [null, true, false, 7, 2.5, 2n ** 60n, 'é\0x', bytes]),
        { a: null, b: 1, c: 0, d: 7, e: 2.5, f: 2n ** 60n, g: 'é\0x', h: bytes });
    assert.deepStrictEqual(
        await one('SELECT typeof(?) a, typeof(?) b, typeof(?) c, typeof(?) d, typeof(?) e, ' +
                  'typeof(?) f',
                  [1, 1.5, 1n, 'x', new Uint8Array(bytes), true]),
        { a: 'integer', b: 'real', c: 'integer', d: 'text', e: 'blob', f: 'integer' });
    assert.deepStrictEqual(
        await one('SELECT 9007199254740991 a, -9007199254740992 b, 9223372036854775807 c, x\'\' d'),
        { a: Number.MAX_SAFE_INTEGER, b: -(2n ** 53n), c: 2n ** 63n - 1n, d: Buffer.alloc(0) });
    assert.deepStrictEqual(await one('SELECT :t t, @u u, $v v, :t w',
                                     { t: 1, '@u': 'b', $v: null }),
                           { t: 1, u: 'b', v: null, w: 1 });
    const refused = [
        ['SELECT ?', [], /wants 1 parameters, there are 0/],
        ['SELECT ?', undefined, /wants 1/],
        ['SELECT 1', [1], /wants 0 parameters, there are 1/],
        ['SELECT :t', {}, /:t, which is missing/],
        ['SELECT :t', { t: 1, u: 2 }, /does not use the parameter "u"/],
        ['SELECT :t', { t: 1, ':t': 2 }, /does not use the parameter ":t"/],
        ['SELECT ?', { t: 1 }, /without a name/],
        ['SELECT ?', [undefined], /parameter 1 must be null/],
        ['SELECT ?', [{}], /parameter 1 must be/],
        ['SELECT ?', [[1]], /parameter 1 must be/],
        ['SELECT ?', [new Date(0)], /parameter 1 must be/],
        ['SELECT ?', [new Float64Array(1)], /parameter 1 must be/],
        ['SELECT ?', [() => 1], /parameter 1 must be/],
        ['SELECT ?', [Symbol('x')], /parameter 1 must be/],
        ['SELECT ?', [2n ** 63n], /parameter 1 must be/],
        ['SELECT :t', { t: {} }, /parameter t must be/],
        ['SELECT ?', 'x', /a list or an object/],
        ['SELECT ?', Buffer.from('x'), /a list or an object/],
        ['SELECT 1; SELECT 2', [], /more than one statement/],
        ['-- nothing', [], /no statement/],
        ['SELECT 1 a, 2 a', [], /two columns are called "a"/]
    ];
    for (const [sql, parameters, why] of refused) {
        await assert.rejects(query(db, sql, parameters), why, sql);
    }
    for (const limit of [1.5, -1, '1', NaN]) {
        await assert.rejects(query(db, 'SELECT 1', [], { limit }), /limit/);
    }
    const into = path.join(path.dirname(db), 'copy.sqlite');
    await assert.rejects(query(db, `VACUUM INTO '${into}'`), /may only read/);
    assert(!fs.existsSync(into));
    for (const chunk of [0, -1, 1.5, Infinity, NaN, '5', null]) {
        await assert.rejects(follow(db, { chunk }).next(), /chunk must be/);
    }
    for (const bad of [undefined, '', 5]) {
        await assert.rejects(view(bad, db), /log must be the path/);
        await assert.rejects(query(bad, 'SELECT 1'), /database must be the path/);
    }
    console.log('values go in and come out as what they are, or are refused');
}

async function liveAnswers(folder) {
    const log = path.join(folder, 'live.offset');
    const db = path.join(folder, 'live.sqlite');
    append(log, 1, 4);
    const cut = fs.statSync(log).size;
    append(log, 4, 6);
    const index = await view(log, db);
    await assert.rejects(index.process({ chunk: 0 }), /chunk must be/);
    const level = async (of) => {
        while (!(await of.process({ chunk: 100 })).level);
    };
    await level(index);
    const sql = 'SELECT sequence, type, received AS time FROM messages ' +
        'WHERE sequence >= :from';
    const news = live(db, sql, { params: { from: 3 }, key: 'sequence' });
    const next = async () => (await news.next()).value;
    const [three, four, five] = [3, 4, 5].map(
        (at) => ({ sequence: at, type: at % 2 ? 'post' : 'vote', time: at }));
    assert.deepStrictEqual(await next(), { rows: [three, four, five] });
    const counted = live(db, 'SELECT type FROM messages');
    assert.strictEqual((await counted.next()).value.rows.length, 5);

    // The log is cut off, and grows again as another one.
    fs.truncateSync(log, cut);
    append(log, 4, 5, 7);
    let pending = next();
    let counts = counted.next();
    await level(index);
    const told = [await pending];
    const has_seven = ({ changed, added }) => changed.concat(added).some(({ time }) => time === 7);
    while (!told.some(has_seven)) {
        told.push(await next());
    }
    const rows = new Map([three, four, five].map((row) => [row.sequence, row]));
    for (const { added, removed, changed } of told) {
        for (const { sequence } of removed) assert(rows.delete(sequence));
        for (const row of added.concat(changed)) rows.set(row.sequence, row);
    }
    assert.deepStrictEqual([...rows.values()], [three, { ...four, time: 7 }]);

    // Without a key, rows are counted; a commit that changes nothing is not told.
    const sum = { post: 3, vote: 2 };
    while (sum.post !== 2 || sum.vote !== 2) {
        const { added, removed, changed } = (await counts).value;
        for (const { type } of added) sum[type]++;
        for (const { type } of removed) sum[type]--;
        assert.deepStrictEqual(changed, []);
        assert(added.length + removed.length > 0);
        if (sum.post !== 2 || sum.vote !== 2) counts = counted.next();
    }
    await counted.return();
    assert.strictEqual((await counted.next()).done, true);

    // Another file takes the name.
    append(log, 5, 7);
    await level(await view(log, `${db}.new`));
    for (const suffix of ['-wal', '-shm']) fs.rmSync(db + suffix, { force: true });
    fs.renameSync(`${db}.new-wal`, `${db}-wal`);
    fs.renameSync(`${db}.new`, db);
    const moved = await next();
    assert.deepStrictEqual(moved.added.map(({ sequence }) => sequence), [5, 6]);
    assert.deepStrictEqual(moved.removed.concat(moved.changed), []);

    // Another one, that has no tables yet.
    fs.writeFileSync(`${db}.begun`, '');
    fs.renameSync(`${db}.begun`, db);
    for (const suffix of ['-wal', '-shm']) fs.rmSync(db + suffix, { force: true });
    pending = next();
    await new Promise((resolve) => setTimeout(resolve, 600));
    fs.truncateSync(log, cut);
    await level(await view(log, db));
    assert.deepStrictEqual((await pending).removed.map(({ sequence }) => sequence), [4, 5, 6]);

    // It ends while nothing changes, and while it computes.
    pending = news.next();
    await news.return();
    assert.strictEqual((await pending).done, true);
    const aborter = new AbortController();
    const endless = live(db, 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) ' +
                         'SELECT count(*) c FROM n', { signal: aborter.signal });
    setTimeout(() => aborter.abort(), 50);
    assert.strictEqual((await endless.next()).done, true);

    await assert.rejects(live(db, 'SELECT nonsense').next(), /nonsense/);
    await assert.rejects(live(db, 'SELECT 1 a', { key: 'b' }).next(), /no column "b"/);
    await assert.rejects(live(db, 'SELECT 1 a UNION ALL SELECT 1', { key: ['a'] }).next(),
                         /same key/);
    await assert.rejects(live(path.join(folder, 'none.sqlite'), 'SELECT 1').next(),
                         /unable to open/);
    assert.throws(() => live(db, 'SELECT 1', { interval: 10 }), /interval/);
    assert.throws(() => live(db, 'SELECT ?', { params: [{}] }), /parameter 1/);
    console.log('live answers tell what has changed, and end');
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
    await values(db);
    await liveAnswers(folder);
}

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sbot-node-'));
main(folder).then(() => 0, (error) => {
    console.error(error);
    return 1;
}).then((status) => {
    fs.rmSync(folder, { recursive: true, force: true });
    process.exit(status);
});
