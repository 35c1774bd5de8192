'use strict';
// `sbot flume`: databases that follow a log while we, or a JavaScript server, write it; check,
// repair and rebuild of folders to which things have happened.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawn, spawnSync } = require('child_process');
const { own, run, sleep, test, until } = require('./lib/harness');
const { call, close, collect, publish_many } = require('./lib/rpc');
const { Server, programs } = require('./lib/server');

const has_sqlite = spawnSync('sqlite3', ['-version']).status === 0;

/** Runs a tool on a server's folder: [status, what it printed]. */
function tool(server, ...words) {
    const done = spawnSync(programs.sbot, ['flume', ...words, '--', ...server.settings()],
                           { encoding: 'utf8', env: { ...process.env, HOME: server.folder } });
    return [done.status, done.stdout + done.stderr];
}

/** An index that follows, in a process of its own. */
class Follower {
    constructor(server, name) {
        this.db = path.join(server.folder, name);
        this.log = path.join(server.folder, 'flume/log.offset');
        this.start();
    }
    start() {
        this.child = own(spawn(programs.sbot, ['flume', 'index', '--db', this.db, '--log',
                                               this.log, '--follow'],
                               { stdio: ['ignore', 'pipe', 'inherit'] }));
        this.output = '';
        this.child.stdout.on('data', (data) => {
            this.output += data;
        });
        this.ended = new Promise((resolve) => this.child.once('close', resolve));
    }
    /** Interrupts it; gives how many messages it has. */
    async stop() {
        this.child.kill('SIGINT');
        assert.strictEqual(await this.ended, 0);
        return Number(this.output.split(' ')[0]);
    }
    keys() {
        const done = spawnSync('sqlite3', [this.db, 'SELECT key FROM messages ORDER BY offset'],
                               { encoding: 'utf8' });
        return done.stdout.split('\n').filter(Boolean);
    }
    async reaches(keys) {
        if (!has_sqlite) return sleep(2500);
        await until('the index agrees', () =>
            JSON.stringify(this.keys()) === JSON.stringify(keys), 10000);
    }
}

const keys_of = (rpc) => collect(rpc, 'createLogStream', { values: false });

run(async () => {
    if (!has_sqlite) console.log('without sqlite3: messages are counted, not compared');
    const server = await Server.prepare({ name: 'ours' });
    const js = Object.assign(Object.create(server), { program: programs.js, name: 'js' });
    const follower = new Follower(server, 'one.sqlite');
    let keys = [];
    for (const [who, which] of [['us', server], ['JavaScript', js], ['us again', server]]) {
        await test(`a database follows ${who}`, async () => {
            await which.start();
            const rpc = await which.client();
            await publish_many(rpc, 200, (index) => ({ type: 'post', text: `${who} ${index}` }));
            keys = await keys_of(rpc);
            await follower.reaches(keys);
            if (which === server) {
                for (const at of [keys.length - 1, 7, 100]) await call(rpc, 'del', keys[at]);
                await publish_many(rpc, 5, (index) => ({ type: 'post', text: `then ${index}` }));
                keys = await keys_of(rpc);
                await follower.reaches(keys);
            }
            await close(rpc);
            await which.stop();
        });
    }
    await test('it goes on after kill -9 of both, and of the end of the log', async () => {
        for (let round = 0; round < 6; round++) {
            await server.start();
            const rpc = await server.client();
            publish_many(rpc, 3000, (index) => ({ type: 'post', text: `${round} ${index}` }))
                .catch(() => {});
            await sleep(60 + Math.random() * 60);
            (round % 2 ? server.child : follower.child).kill('SIGKILL');
            await sleep(30);
            server.child.kill('SIGKILL');
            follower.child.kill('SIGKILL');
            await server.ended;
            await follower.ended;
            if (round % 3 === 2) {
                fs.truncateSync(follower.log, fs.statSync(follower.log).size - 700);
            }
            follower.start();
        }
        await server.start();
        const rpc = await server.client();
        keys = await keys_of(rpc);
        await follower.reaches(keys);
        await close(rpc);
    });
    await test('built anew, or in two goes, it is the same', async () => {
        assert.strictEqual(await follower.stop(), keys.length);
        for (let twice = 0; twice < 2; twice++) {
            const [status, said] = tool(server, 'index', '--db', path.join(server.folder, 'two'));
            assert.deepStrictEqual([status, Number(said.split(' ')[0])], [0, keys.length]);
        }
    });
    await test('a database of another log, and unknown options, are refused', async () => {
        const db = path.join(server.folder, 'two');
        const other = path.join(server.folder, 'other.offset');
        fs.writeFileSync(other, '');
        const index = (...more) => spawnSync(programs.sbot, ['flume', 'index', '--db', db, ...more],
                                             { encoding: 'utf8' });
        const done = index('--log', other);
        assert.deepStrictEqual([done.status, /made of another log/.test(done.stderr)], [2, true]);
        assert.match(index('--log', follower.log).stdout, new RegExp(`^${keys.length} messages`));
        fs.writeFileSync(other, 'this is no log\n');
        const none = spawnSync(programs.sbot, ['flume', 'index', '--db', `${db}.none`, '--log',
                                               other], { encoding: 'utf8' });
        assert.match(none.stderr, /last 15 bytes of .*other.offset are no whole entries/);
        assert.match(index('--log', follower.log, '--bogus').stderr, /no option --bogus/);
        const [status, said] = tool(server, 'check', '--db', db);
        assert.deepStrictEqual([status, /no option --db/.test(said)], [2, true]);
    });
    await test('check and stats read beside a server, the others refuse', async () => {
        let [status, said] = tool(server, 'check');
        assert.deepStrictEqual([status, said.includes('all is well')], [0, true], said);
        [status, said] = tool(server, 'stats');
        assert.deepStrictEqual([status, JSON.parse(said).messages], [0, keys.length]);
        for (const what of ['repair', 'rebuild']) {
            [status, said] = tool(server, what);
            assert.deepStrictEqual([status, said.includes('in use by')], [2, true], said);
        }
        assert.strictEqual(tool(server, 'nonsense')[0], 2);
        await server.stop();
    });
    await test('who reads the old index learns that there is a new one', async () => {
        if (!has_sqlite) return;
        const index = path.join(server.folder, 'flume/core.sqlite');
        const reader = own(spawn('sqlite3', ['-readonly', index]));
        let said = '';
        reader.stdout.on('data', (data) => {
            said += data;
        });
        reader.stdin.write('SELECT superseded FROM progress;\n');
        await until('it has it open', () => said === '0\n', 10000);
        assert.strictEqual(tool(server, 'rebuild')[0], 0);
        reader.stdin.end('SELECT superseded FROM progress;\n');
        await until('it has asked again', () => said.length === 4, 10000);
        assert.strictEqual(said, '0\n1\n');
    });
    await test('what is damaged is found and mended, and the server goes on', async () => {
        assert.deepStrictEqual(tool(server, 'repair').join(), '0,nothing to repair\n');
        const bytes = fs.readFileSync(follower.log);
        bytes[bytes.readUInt32BE(0) + 12 + 2] ^= 1;  // a length of the second message
        fs.writeFileSync(follower.log, bytes);
        assert.strictEqual(tool(server, 'check')[0], 1);
        assert.strictEqual(tool(server, 'repair')[0], 0);
        const mark = path.join(server.folder, 'flume/core.sqlite-boot');
        fs.writeFileSync(mark, 'another run of the machine');
        const [status, said] = tool(server, 'rebuild');
        assert(!fs.existsSync(mark), 'it is of the index that is gone');
        assert.deepStrictEqual([status, said], [0, `core: ${keys.length - 1} messages\n`]);
        assert.strictEqual(tool(server, 'check')[0], 0);
        await server.start();
        const rpc = await server.client();
        keys.splice(1, 1);
        assert.deepStrictEqual(await keys_of(rpc), keys);
        await call(rpc, 'publish', { type: 'post', text: 'on' });
        await close(rpc);
        await server.stop();
        assert.strictEqual(tool(server, 'check')[0], 0);
        follower.start();
        keys = keys.slice();
        await sleep(500);
        assert.strictEqual(await follower.stop(), keys.length + 1);
    });
});
