'use strict';
// A damaged index heals by itself: pages of core.sqlite are spoilt at random, between two runs or
// under a running server, or its files are removed under one. Every message can be read in the end
// and can still be after a restart, publishing goes on. SEED and ROUNDS.
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const { run, sleep, temporary_folder, test, until } = require('./lib/harness');
const { call, close, collect } = require('./lib/rpc');
const { Server } = require('./lib/server');

const seed = Number(process.env.SEED || 1);
const rounds = Number(process.env.ROUNDS || 12);
const page = 4096;
const post = (rpc, text) => call(rpc, 'publish', { type: 'post', text });

/** Whole numbers below `n`, the same ones for one seed. */
function numbers(text) {
    let count = 0;
    return (n) => crypto.createHash('sha256').update(`${text} ${count++}`).digest()
        .readUInt32BE(0) % n;
}

const fillings = {
    'random bytes': (bytes) => crypto.randomBytes(bytes),
    'ones': (bytes) => Buffer.alloc(bytes, 0xff),
    'zeros': (bytes) => Buffer.alloc(bytes),
    'text': (bytes) => Buffer.alloc(bytes, 'x')
};

/** Some pages behind the first, which SQLite would miss at once. */
function spoil(folder, random) {
    const file = path.join(folder, 'flume/core.sqlite');
    const pages = fs.statSync(file).size / page;
    const kind = Object.keys(fillings)[random(4)];
    const count = 1 + random(random(2) ? 4 : pages);
    const first = 1 + random(pages - 1);
    const spoilt = fs.openSync(file, 'r+');
    const bytes = Math.min(count, pages - first) * page;
    fs.writeSync(spoilt, fillings[kind](bytes), 0, bytes, first * page);
    fs.closeSync(spoilt);
    return `${kind} in ${bytes / page} of ${pages} pages from ${first} on`;
}

/** All of our messages by the log and by the feed. */
async function reads(rpc, id, count) {
    await until(`${count} messages`, async () => {
        assert.strictEqual((await collect(rpc, 'createLogStream', {})).length, count);
        assert.strictEqual((await collect(rpc, 'createUserStream', { id })).length, count);
        assert.strictEqual((await collect(rpc, 'messagesByType', { type: 'post' })).length, count);
        const { value } = await call(rpc, 'getLatest', id);
        return value.sequence === count;
    }, 20000, 200);
}

/** Looks, and again after a restart; gives the output of the run that ended. */
async function lasts(server, client, look) {
    await look(client);
    await close(client);
    await server.stop();
    const output = server.output;
    await server.start();
    const again = await server.client();
    await look(again);
    await close(again);
    await server.stop();
    return output;
}

const sqlite_files = ['', '-wal', '-shm'];
const removals = {
    'core.sqlite is removed': [['core'], ['']],
    'core.sqlite-wal is removed': [['core'], ['-wal']],
    'core.sqlite-shm is removed': [['core'], ['-shm']],
    'all three of core.sqlite are removed': [['core'], sqlite_files],
    'contacts.sqlite and peers.sqlite are removed': [['contacts', 'peers'], sqlite_files]
};

/** A fresh one in place of what is there. */
function copy(from, to) {
    fs.rmSync(to, { recursive: true, force: true });
    fs.cpSync(from, to, { recursive: true, filter: (name) => !name.endsWith('/socket') });
}

/** Files of the index are removed, or others put in their place: each call is answered. */
async function removed(good, folder, random, title, [names, suffixes], instead) {
    copy(good.folder, folder);
    await test(title, async () => {
        const server = await Server.prepare({ name: 'removed', folder });
        let count = written;
        try {
            await server.start();
            const client = await server.client();
            const key = (await call(client, 'getLatest', server.id)).key;
            await call(client, 'publish', { type: 'contact', contact: good.id, following: true });
            // At any time: before, between and after what is published and read.
            for (let i = random(30); i > 0; i--, count++) await post(client, 'before');
            const publishing = Array.from({ length: random(2) * 40 }, () => post(client, 'while'));
            count += publishing.length;
            await sleep(random(40));
            for (const name of names) {
                for (const suffix of suffixes) {
                    const file = path.join(folder, `flume/${name}.sqlite${suffix}`);
                    if (instead) {
                        fs.writeFileSync(`${file}.other`, instead);
                        fs.renameSync(`${file}.other`, file);
                    } else {
                        fs.rmSync(file, { force: true });
                    }
                }
            }
            if (random(2)) await post(client, 'after').then(() => count++);
            // Side by side, so that some of them need new connections.
            await Promise.all(Array.from({ length: 12 }, async (_, i) => {
                assert.strictEqual((await call(client, 'get', key)).author, server.id);
                const ways = ['createUserStream', 'createLogStream', 'links', 'messagesByType'];
                const way = ways[i % 4];
                const options = { id: server.id, type: 'post', rel: 'contact', limit: 5 };
                assert((await collect(client, way, options)).length > 0, way);
            }));
            const [{ found }] = await collect(client, 'sql.query',
                                            { sql: 'SELECT count(*) AS found FROM messages' });
            assert(found >= written);
            await Promise.all(publishing);
            for (let i = 0; i < 5; i++, count++) await post(client, 'goes on');
            const output = await lasts(server, client, (rpc) => finds(rpc, server.id, count));
            if (names[0] === 'core') {
                const told = output.match(/made anew; reading calls wait for it/g) || [];
                assert(told.length <= 1, output);
            }
        } catch (error) {
            error.message += ` (SEED=${seed})\n${server.output}`;
            throw error;
        } finally {
            await server.stop('SIGKILL');
        }
    });
}

/** All posts, and all messages of the feed with the one of another type. */
async function finds(rpc, id, count) {
    await until(`${count} posts`, async () => {
        assert.strictEqual((await collect(rpc, 'messagesByType', { type: 'post' })).length, count);
        assert.strictEqual((await collect(rpc, 'createUserStream', { id })).length, count + 1);
        return true;
    }, 20000, 200);
}

const written = 1500;

run(async () => {
    const good = await Server.start({ name: 'good' });
    const rpc = await good.client();
    for (let i = 0; i < written; i += 100) {
        await Promise.all(Array.from({ length: 100 },
                                     (_, j) => post(rpc, `${i + j} ${'word '.repeat(40)}`)));
    }
    await reads(rpc, good.id, written);
    await close(rpc);
    await good.stop();

    const folder = path.join(temporary_folder('damage'), 'ssb');
    for (let round = seed; round < seed + rounds; round++) {
        const random = numbers(round);
        const at_rest = random(2) === 0;
        const behind = random(2) === 0;
        copy(good.folder, folder);
        let what = 'nothing';
        const title = `damage ${round}, ${at_rest ? 'at rest' : 'at work'}` +
            (behind ? ', behind' : '');
        await test(title, async () => {
            const server = await Server.prepare({ name: 'damaged', folder });
            let count = written;
            try {
                if (behind) {
                    const index = path.join(folder, 'flume/core.sqlite');
                    const older = fs.readFileSync(index);
                    await server.start();
                    const client = await server.client();
                    for (let i = 0; i < 3; i++, count++) await post(client, 'not indexed');
                    await close(client);
                    await server.stop();
                    fs.writeFileSync(index, older);
                }
                if (at_rest) what = spoil(folder, random);
                await server.start();
                const client = await server.client();
                if (!at_rest) what = spoil(folder, random);
                for (let i = 0; i < 5; i++, count++) await post(client, 'goes on');
                await reads(client, server.id, count);
                await post(client, 'and on');
                count++;
                await lasts(server, client, (rpc) => reads(rpc, server.id, count));
            } catch (error) {
                error.message += ` (${what}; SEED=${round} ROUNDS=1)\n${server.output}`;
                throw error;
            } finally {
                await server.stop('SIGKILL');
            }
        });
    }

    const random = numbers(`removals ${seed}`);
    for (const [title, what] of Object.entries(removals)) {
        await removed(good, folder, random, title, what);
    }
    await removed(good, folder, random, 'another file is renamed over core.sqlite',
                  [['core'], ['']], crypto.randomBytes(20000));
});
