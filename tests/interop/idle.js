'use strict';
// Memory for each idle peer of a pub that wants many feeds: PEERS connections with EBT, whose peers
// have what we have of FEEDS feeds and then say nothing. GOAL is what one may cost, in KB. Not one
// of the suites that run by themselves; with SBOT=lib/js-sbot it measures the JavaScript server.
const assert = require('assert');
const fs = require('fs');
const pull = require('pull-stream');
const ssb_keys = require('ssb-keys');
const { make_feed } = require('./lib/feeds');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close } = require('./lib/rpc');
const { Server } = require('./lib/server');

const peer_count = Number(process.env.PEERS || 400);
const feed_count = Number(process.env.FEEDS || 1000);
const goal_kb = Number(process.env.GOAL || 20);

/** Of the private pages, in KB. */
function memory_of(pid) {
    const status = fs.readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]);
}

async function idle_peer(server, notes) {
    const rpc = await server.client('net', ssb_keys.generate(), { ebt: { replicate: 'duplex' } });
    let given = false;
    let heard = 0;
    const stream = rpc.ebt.replicate({ version: 3 }, () => {});
    pull((end, answer) => {
        if (end) return answer(end);
        if (given) return;  // and nothing more, for ever
        given = true;
        answer(null, notes);
    }, stream, pull.drain(() => heard++, () => {}));
    await until('notes', async () => heard > 0, 30000, 20);
    return rpc;
}

run(async () => {
    const server = await Server.start({ name: 'pub', config: { timers: { inactivity: -1 } },
                                        env: { WITHOUT: '' } });
    const rpc = await server.client();
    const notes = {};
    await test(`${feed_count} feeds are wanted`, async () => {
        for (let i = 0; i < feed_count; i++) {
            const feed = make_feed(i, 1);
            await call(rpc, 'add', feed.messages[0]);
            await call(rpc, 'replicate.request', feed.id);
            notes[feed.id] = 2;
        }
    }, 120000);
    await test(`${peer_count} peers cost at most ${goal_kb} KB each`, async () => {
        await close(await idle_peer(server, notes));  // what the first one brings stays
        await sleep(1000);
        const before = memory_of(server.child.pid);
        const peers = [];
        for (let i = 0; i < peer_count; i++) peers.push(await idle_peer(server, notes));
        await sleep(5000);
        const after = memory_of(server.child.pid);
        const each = (after - before) / peer_count;
        console.log(`       ${before} KB, with ${peer_count} peers ${after} KB: ` +
                    `${each.toFixed(1)} KB each`);
        assert(each <= goal_kb, `${each.toFixed(1)} KB`);
    }, 160000);
    await close(rpc);
    await server.stop('SIGKILL');
}, 300);
