'use strict';
// What is acknowledged is on the disk: strace shows, for each publish and each add, that the write
// to the log comes first, then a sync of it that succeeds, then the first byte to any socket
// that tells of the message.
const assert = require('assert');
const { spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, sleep, temporary_folder, test } = require('./lib/harness');
const { call, close, follow, publish_many } = require('./lib/rpc');
const { Server } = require('./lib/server');

const SKIPPED = 77;  // what CTest takes as skipped
const CALLS = 'write,writev,pwrite64,pwritev,pwritev2,fsync,fdatasync,sendto,sendmsg,sendmmsg';

/**
 * System calls in the order in which they began: `{name, args, begun, done, result}`, the times
 * being line numbers of the trace. A call that other threads interrupt takes two lines.
 */
function read_trace(file) {
    const calls = [];
    const open = new Map();
    fs.readFileSync(file, 'latin1').split('\n').forEach((line, number) => {
        const [, thread, rest] = /^(\d+)\s+(.*)$/.exec(line) || [];
        if (!rest) return;
        const resumed = /^<\.\.\. (\w+) resumed>.*= (-?\d+)/.exec(rest);
        if (resumed) {
            const begun = open.get(thread);
            if (begun) Object.assign(begun, { done: number, result: Number(resumed[2]) });
            open.delete(thread);
            return;
        }
        const [, name, args] = /^(\w+)\((.*)$/.exec(rest) || [];
        if (!name) return;
        const made = { name, args, begun: number, done: Infinity, result: NaN };
        calls.push(made);
        if (rest.endsWith('<unfinished ...>')) {
            open.set(thread, made);
        } else {
            made.done = number;
            made.result = Number((/= (-?\d+)[^=]*$/.exec(rest) || [])[1]);
        }
    });
    return calls;
}

const is_sync = (made) => /^f(data)?sync$/.test(made.name);
const on_log = (made) => /^\d+<[^>]*log\.offset>/.test(made.args);
const on_socket = (made) => /^\d+<(socket|UNIX|TCP)/.test(made.args);

/** Writes of the log in order; `first_told` the earliest write to a socket with the key in it. */
function check_order(calls, keys) {
    const writes = calls.filter((made) => on_log(made) && !is_sync(made));
    const syncs = calls.filter((made) => on_log(made) && is_sync(made) && made.result === 0);
    const told = calls.filter((made) => on_socket(made) && !is_sync(made));
    for (const key of keys) {
        const written = writes.find((made) => made.args.includes(key));
        assert(written, `no write to the log with ${key}`);
        assert(written.result > 0, written.args.slice(0, 80));
        const answered = told.find((made) => made.args.includes(key));
        assert(answered, `no socket was told of ${key}`);
        const synced = syncs.find((made) => made.begun > written.done);
        assert(synced, `no sync of the log after the write of ${key}`);
        assert(synced.done < answered.begun,
               `${key}: written at ${written.done}, synced at ${synced.done}, ` +
               `but a socket was told at ${answered.begun}`);
    }
    return { writes: writes.length, syncs: syncs.length };
}

function can_trace() {
    const tried = spawnSync('strace', ['-o', '/dev/null', 'true'], { encoding: 'utf8' });
    if (tried.error) throw new Error('strace is not installed; scripts/test installs it');
    if (tried.status === 0) return true;
    console.log(`skipped: tracing is not permitted here: ${tried.stderr.trim()}`);
    return false;
}

async function main() {
    const trace = path.join(temporary_folder('fsync'), 'trace');
    const server = await Server.start({
        name: 'traced',
        prefix: ['strace', '-D', '-f', '-y', '-s', '65536', '-e', `trace=${CALLS}`, '-o', trace]
    });
    const rpc = await server.client();
    const watcher = await server.client();
    const live = follow(watcher, 'createLogStream', { live: true, old: false });
    const friend = ssb_keys.generate();
    const keys = { alone: [], together: [], added: [] };
    await test('20 publishes one by one, 200 together, 20 adds', async () => {
        for (let index = 0; index < 20; index++) {
            const stored = await call(rpc, 'publish', { type: 'post', text: `alone ${index}` });
            keys.alone.push(stored.key);
        }
        keys.together = (await publish_many(rpc, 200, (index) => ({
            type: 'post', text: `together ${index}`
        }), 50)).map((message) => message.key);
        let state = validate.initial();
        for (let index = 0; index < 20; index++) {
            const content = { type: 'post', text: `added ${index}` };
            state = validate.appendNew(state, null, friend, content, Date.now() + index);
            keys.added.push((await call(rpc, 'add', state.queue[index].value)).key);
        }
        await sleep(300);
    });
    await test('a live stream saw each of them', async () => {
        assert.strictEqual(live.items.length, 240);
    });
    live.close();
    await close(rpc);
    await close(watcher);
    await server.stop();
    const calls = read_trace(trace);
    for (const [how, of] of Object.entries(keys)) {
        await test(`${how}: write, then sync, then answer, for ${of.length} messages`, async () => {
            const { writes, syncs } = check_order(calls, of);
            console.log(`       in all ${writes} writes and ${syncs} syncs of the log`);
        });
    }
    await test('many at once share their syncs', async () => {
        const { syncs } = check_order(calls, []);
        assert(syncs < 240, `${syncs} syncs`);
    });
}

if (can_trace()) {
    run(main);
} else {
    process.exitCode = SKIPPED;
}
