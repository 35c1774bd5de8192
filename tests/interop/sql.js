'use strict';
// sql.query as an application asks it, with ssb-client: rows, parameters, indexes, live queries
// with deletions, cancelling, and who may ask.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, follow, publish_many, refusal } = require('./lib/rpc');
const { Server } = require('./lib/server');
const ssb_keys = require('ssb-keys');

const ask = (rpc, options) => collect(rpc, 'sql.query', options);
const forever = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) ';

/** A live query's rows by their key. */
function add_up(items, key) {
    const rows = new Map();
    const mark = items.findIndex((item) => item.sync);
    for (const row of items.slice(0, mark)) rows.set(row[key], row);
    for (const { added, removed, changed } of items.slice(mark + 1)) {
        for (const row of removed) assert(rows.delete(row[key]), 'removed what was not there');
        for (const row of added) assert(!rows.has(row[key]), 'added what was there');
        for (const row of [...added, ...changed]) rows.set(row[key], row);
    }
    return [...rows.values()];
}

run(async () => {
    const server = await Server.start({ name: 'ours' });
    const rpc = await server.client();
    const root = (await call(rpc, 'publish', { type: 'post', text: 'the first, hello' })).key;
    const stored = await publish_many(rpc, 60, (index) => index % 2
        ? { type: 'post', text: `reply ${index}`, root, branch: root }
        : { type: 'about', about: server.id, name: `name ${index}` });

    await test('rows are objects, or lists, of what was just published', async () => {
        const [row] = await ask(rpc, {
            sql: 'SELECT key, author, content FROM message WHERE key_id = ' +
                 '(SELECT id FROM names WHERE name = :key)', params: { key: root }
        });
        assert.strictEqual(row.author, server.id);
        assert.strictEqual(JSON.parse(row.content).text, 'the first, hello');
        const lists = await ask(rpc, {
            sql: 'SELECT sequence FROM message WHERE type = ? ORDER BY sequence', lists: true,
            params: ['post'], limit: 3
        });
        assert.deepStrictEqual(lists.map(([sequence]) => stored.concat({ key: root })
            .some((message) => !message.value || message.value.sequence === sequence)),
                               [true, true, true]);
    });
    await test('every query of docs/schema.md is answered', async () => {
        const page = fs.readFileSync(path.join(__dirname, '../../docs/schema.md'), 'utf8');
        const queries = page.split('```sql\n').slice(1).map((part) => part.split('```')[0]);
        assert(queries.length >= 10);
        const all = { me: server.id, feed: server.id, message: root };
        for (const sql of queries) {
            const params = Object.fromEntries(Object.entries(all)
                .filter(([name]) => new RegExp(`:${name}\\b`).test(sql)));
            await ask(rpc, { sql, params });
        }
        const found = await ask(rpc, {
            sql: "SELECT m.key FROM texts JOIN message m ON m.offset = texts.rowid " +
                 "WHERE texts MATCH 'hello'"
        });
        assert.deepStrictEqual(found, [{ key: root }]);
    });
    await test('what is wrong is said', async () => {
        const said = async (options) => (await refusal(ask(rpc, options))).message;
        assert.match(await said({ sql: 'DELETE FROM messages' }), /may only read: DELETE/);
        assert.match(await said({ sql: 'SELECT 1; SELECT 2' }), /more than one statement/);
        assert.match(await said({ sql: 'SELECT :a' }), /parameter :a that is not in params/);
        assert.match(await said({ sql: 'SELECT nonsense FROM message' }), /no such column/);
        assert.match(await said({ sql: 'SELECT 1', since: 1e12 }), /the log ends before/);
        assert.match(await said({ sql: "SELECT printf('%.*c', 1000000000, 'x')" }),
                     /printf.* no \*/);
        assert.match(await said({ sql: 'SELECT 1', limit: 1.5 }), /whole number of rows/);
        assert.match(await said({ sql: 'SELECT 1', rows: 1 }), /no option rows/);
        assert.match(await said({ sql: `${forever} SELECT count(*) FROM n`, timeout: 100 }),
                     /took too long/);
    });
    await test('only local callers may ask', async () => {
        const manifest = { sql: { query: 'source' } };
        const stranger = await server.client('net', ssb_keys.generate(), manifest);
        const { message } = await refusal(ask(stranger, { sql: 'SELECT 1' }));
        assert.match(message, /not allowed|not in list|method/);
        await close(stranger);
        const own = await server.client('net');
        assert.deepStrictEqual(await ask(own, { sql: 'SELECT 1 AS a' }), [{ a: 1 }]);
        await close(own);
    });
    await test('while others compute for ever, and when they have gone, all else is answered',
               async () => {
        const others = await server.client();
        const busy = [1, 2, 3].map(() => follow(others, 'sql.query', {
            sql: `${forever} SELECT count(*) FROM n`, timeout: 600000
        }));
        await sleep(100);
        await call(rpc, 'publish', { type: 'post', text: 'meanwhile' });
        assert.strictEqual((await call(rpc, 'getLatest', server.id)).value.content.text,
                           'meanwhile');
        busy[0].close();
        await close(others);
        assert.deepStrictEqual(await ask(rpc, { sql: 'SELECT 2 AS a' }), [{ a: 2 }]);
    });
    await test('an index on the content is used, and is there after a rebuild and a restart',
               async () => {
        const plan = async (client) => (await ask(client, {
            sql: `EXPLAIN QUERY PLAN SELECT offset FROM contents WHERE ${expression} = 'name 4'`
        })).map(({ detail }) => detail).join();
        const made = await call(rpc, 'sql.index', { name: 'name', path: '$.name' });
        const [expression] = made.expressions;
        assert.match(await plan(rpc), /USING INDEX json_name/);
        await call(rpc, 'rebuild');
        assert.match(await plan(rpc), /USING INDEX json_name/);
        assert.deepStrictEqual(await call(rpc, 'sql.indexes'), [made]);
        const odd = await refusal(call(rpc, 'sql.index', { name: 'b', paths: ['$.b'] }));
        assert.strictEqual(odd.message, 'sql.index: there is no option paths');
        await call(rpc, 'sql.dropIndex', 'name');
        assert.doesNotMatch(await plan(rpc), /json_name/);
    });
    await test('a live query adds up, through publishing, deleting and rebuilding', async () => {
        const sql = 'SELECT key, sequence, content FROM message';
        const live = follow(rpc, 'sql.query', { sql, live: true, key: 'key' });
        const quiet = follow(rpc, 'sql.query', { sql: 'SELECT * FROM contact', live: true });
        await until('both are level',
                    async () => live.items.some(({ sync }) => sync) && quiet.items.length === 1);
        for (let round = 0; round < 6; round++) {
            await publish_many(rpc, 10, (index) => ({ type: 'post', text: `${round} ${index}` }));
            await call(rpc, 'del', stored[round * 7].key);
            if (round === 3) await call(rpc, 'rebuild');
        }
        const fresh = await ask(rpc, { sql });
        const by_key = (a, b) => a.key < b.key ? -1 : 1;
        await until('they add up', async () => {
            assert.deepStrictEqual(add_up(live.items, 'key').sort(by_key), fresh.sort(by_key));
            return true;
        });
        assert.strictEqual(quiet.items.length, 1, 'nothing has changed there');
        live.close();
        quiet.close();
    });
    await close(rpc);
    await server.stop();
});
