'use strict';
// Two applications with different schemas follow one log, each in a process and a file of its own,
// while the server publishes, takes in what peers send, deletes, and all three are killed at times.
// In the end each agrees with a fresh one of its kind, and all with the server. SECONDS=8, SEED=1.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { own, run, sleep, test, until } = require('./lib/harness');
const { add_many, call, close, collect } = require('./lib/rpc');
const { make_feed } = require('./lib/feeds');
const { generator } = require('./lib/random');
const { Server, programs } = require('./lib/server');

let addon;
try {
    addon = require('../../bindings/node');
} catch (error) {
    console.log('the Node addon is not built: its headers are missing');
    process.exit(77);
}
const seconds = Number(process.env.SECONDS || 8);
const random = generator(process.env.SEED || '1');

/** A process that follows the log, and what it must be asked to compare it. */
class App {
    constructor(server, name, command, read) {
        this.file = path.join(server.folder, name);
        this.command = command;
        this.read = read;
        this.start();
    }
    start() {
        const [program, ...args] = this.command(this.file);
        this.child = own(spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] }));
        this.ended = new Promise((resolve) => this.child.once('close', resolve));
    }
    async kill() {
        this.child.kill('SIGKILL');
        await this.ended;
    }
    rows() {
        return this.read(this.file);
    }
}

/** Everything that is in a database of `sbot flume index`, but for where it stands. */
const tables = (file) => addon.query(file, 'SELECT * FROM messages ORDER BY offset', [],
                                     { limit: 1e6 });
const state = async (file) => JSON.parse(fs.readFileSync(file, 'utf8')).messages;

/** Publishes, adds and deletes until it is told to stop; deleted keys are gone everywhere. */
async function load(server, feeds, stopped) {
    const rpc = await server.client();
    const keys = [];
    const own_messages = async () => {
        for (let i = 0; !stopped(); i++) {
            const type = random.pick(['post', 'vote', 'about']);
            keys.push((await call(rpc, 'publish', { type, text: `${i} é` })).key);
        }
    };
    const peers = async () => {
        for (const { id, messages } of feeds) {
            let sent = await call(rpc, 'latestSequence', id).catch(() => 0);
            for (; sent < messages.length && !stopped(); sent += 50) {
                const some = messages.slice(sent, sent + 50);
                await add_many(rpc, some.map((value) => ({ value })));
            }
        }
    };
    const deletions = async () => {
        while (!stopped()) {
            await sleep(40);
            if (keys.length < 3) continue;
            const [key] = keys.splice(random.below(keys.length - 2), 1);
            await call(rpc, 'del', key);
        }
    };
    await Promise.all([own_messages(), own_messages(), own_messages(), peers(), deletions()]);
    await close(rpc);
}

run(async () => {
    const server = await Server.prepare({ name: 'apps' });
    const log = path.join(server.folder, 'flume/log.offset');
    const index = (...more) => (file) => [programs.sbot, 'flume', 'index', '--db', file, '--log',
                                          log, ...more];
    const node = (...more) => (file) => [process.execPath, path.join(__dirname, 'lib/app.js'), log,
                                         file, ...more];
    const apps = [new App(server, 'one.sqlite', index('--follow'), tables),
                  new App(server, 'two.json', node('--live'), state)];
    const feeds = [1, 2, 3, 4].map((number) => make_feed(number, 500));

    await test('both follow while the server is under load and all are killed', async () => {
        const end = Date.now() + seconds * 1000;
        for (let round = 0; Date.now() < end; round++) {
            await server.start();
            let stop = false;
            const loading = load(server, feeds, () => stop).catch((error) => {
                if (!stop) throw error;
            });
            await sleep(300 + random.below(900));
            const victim = random.below(3);
            if (victim < 2) await apps[victim].kill();
            stop = true;
            if (victim === 2) server.child.kill('SIGKILL');
            await Promise.race([loading, sleep(2000)]);
            if (victim < 2) apps[victim].start();
            await server.stop();
        }
    }, 60000 + seconds * 1000);

    let keys = [];
    await test('both agree with fresh ones', async () => {
        await server.start();
        const rpc = await server.client();
        await call(rpc, 'publish', { type: 'post', text: 'the last' });
        keys = await collect(rpc, 'createLogStream', { values: false });
        const newest = keys[keys.length - 1];
        await until('both have the last message', async () =>
            (await apps[0].rows()).some(({ key }) => key === newest) &&
            (await apps[1].rows()).some(([, key]) => key === newest));
        for (const app of apps) {
            const fresh = `${app.file}.fresh`;
            const [program, ...args] = app.command(fresh).filter((word) => !/^--(follow|live)$/
                .test(word));
            const { status } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
            assert.strictEqual(status, 0);
            const rows = await app.read(fresh);
            assert.deepStrictEqual(await app.rows(), rows);
            assert(rows.length > 100);
        }
        await close(rpc);
    });
    await test('both have what the server has', async () => {
        const [one, two] = [await apps[0].rows(), await apps[1].rows()];
        assert.deepStrictEqual(one.map(({ key }) => key), keys);
        assert.deepStrictEqual(two.map(([, key]) => key), keys);
        console.log(`       ${keys.length} messages`);
        const rpc = await server.client();
        const counts = await collect(rpc, 'sql.query', {
            sql: 'SELECT type, count(*) AS n FROM message GROUP BY type' });
        const count = (type) => two.filter((row) => row[3] === type).length;
        for (const { type, n } of counts) assert.strictEqual(n, count(type), type);
        await close(rpc);
        for (const app of apps) await app.kill();
        await server.stop();
    });
});
