'use strict';
// Two servers in two network namespaces, joined by a cable, find each other without being told.
// Makes its own namespaces; says so and is skipped where that is not permitted.
const assert = require('assert');
const fs = require('fs');
const { execFileSync, spawn, spawnSync } = require('child_process');
const { own, run, test, until } = require('./lib/harness');
const { call, close } = require('./lib/rpc');
const { Server, random_caps } = require('./lib/server');

const inside = 'SBOT_LAN_INSIDE';

// Nothing is configured but the network's key.
const defaults = { host: undefined, port: undefined, ws: undefined, gossip: undefined };
const ip = (...words) => execFileSync('ip', words);
const in_net = (pid) => ['nsenter', `--net=/proc/${pid}/ns/net`];

function may_make_namespaces() {
    const tried = spawnSync('unshare', ['-Urnm', 'sh', '-c',
        'ip link add end1 type veth peer name end2 && unshare -n true'], { stdio: 'ignore' });
    return tried.status === 0;
}

/** A machine: a namespace with a network of its own, which has one end of the cable. */
async function plug_in(number) {
    const { pid } = own(spawn('unshare', ['-n', 'sleep', '160'], { stdio: 'ignore' }));
    const here = fs.readlinkSync('/proc/self/ns/net');
    await until('a namespace', async () => fs.readlinkSync(`/proc/${pid}/ns/net`) !== here);
    ip('link', 'set', `end${number}`, 'netns', String(pid));
    const [enter, net] = in_net(pid);
    const there = (...words) => execFileSync(enter, [net, 'ip', ...words]);
    there('link', 'set', 'lo', 'up');
    // As one types it by hand: of one end nobody has said what its broadcast address is.
    const told = number === 1 ? ['broadcast', '192.168.77.255'] : [];
    there('address', 'add', `192.168.77.${number}/24`, ...told, 'dev', `end${number}`);
    there('link', 'set', `end${number}`, 'up');
    return in_net(pid);
}

async function main() {
    ip('link', 'set', 'lo', 'up');
    ip('link', 'add', 'end1', 'type', 'veth', 'peer', 'name', 'end2');
    const caps = random_caps();
    const servers = [];
    for (const number of [1, 2]) {
        const prefix = await plug_in(number);
        const name = `lan${number}`;
        const server = await Server.prepare({ caps, name, prefix, config: defaults });
        server.settings = () => ['--path', server.folder, '--caps.shs', caps];
        servers.push(await server.start());
    }
    const [one, two] = servers;
    const [at_one, at_two] = await Promise.all([one.client(), two.client()]);
    await test('they find each other and connect', async () => {
        await until('a connection', async () => {
            const peer = await call(at_one, 'gossip.get', two.id);
            return peer && peer.state === 'connected';
        }, 15000);
        const heard = async (rpc, id) => {
            const peer = await call(rpc, 'gossip.get', id);
            return peer && peer.source === 'local' && peer;
        };
        await until('a beacon of the second', () => heard(at_one, two.id));
        const peer = await until('a beacon of the first', () => heard(at_two, one.id));
        assert.match(peer.address, /^net:192\.168\.77\.1:8008~shs:/);
    });
    await test('after a mutual follow each has the other\'s messages', async () => {
        for (const [rpc, id] of [[at_one, two.id], [at_two, one.id]]) {
            await call(rpc, 'publish', { type: 'contact', contact: id, following: true });
            await call(rpc, 'publish', { type: 'post', text: 'hello' });
        }
        for (const [rpc, id] of [[at_one, two.id], [at_two, one.id]]) {
            await until('the messages', async () =>
                (await call(rpc, 'getVectorClock'))[id] >= 2, 15000);
        }
    });
    await test('nothing of it is written down', async () => {
        await Promise.all([close(at_one), close(at_two)]);
        await Promise.all([one.stop(), two.stop()]);
        for (const server of servers) {
            const written = fs.readFileSync(`${server.folder}/gossip.json`, 'utf8');
            assert.deepStrictEqual(JSON.parse(written), []);
        }
    });
}

if (process.env[inside]) {
    run(main);
} else if (!may_make_namespaces()) {
    console.log('skipped: no network namespaces may be made here');
    process.exit(77);
} else {
    const { status } = spawnSync('unshare', ['-Urnm', process.execPath, __filename], {
        stdio: 'inherit', env: { ...process.env, [inside]: '1' }
    });
    process.exit(status === null ? 1 : status);
}
