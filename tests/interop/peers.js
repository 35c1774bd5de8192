'use strict';
// The table of peers and its calls: with ssb-server 16's files, with a JavaScript peer, and between
// two of ours that dial by themselves.
const assert = require('assert');
const { spawnSync } = require('child_process');
const fs = require('fs');
const net = require('net');
const path = require('path');
const ssb_keys = require('ssb-keys');
const { run, sleep, test, until } = require('./lib/harness');
const { call, close, follow, refusal } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const off = { local: false, global: false, seed: false, friends: false };
const ids = (pairs) => pairs.map(([, data]) => data.key);
const ids_with_data = (pairs) => pairs.map(([, data]) => [data.key, data]);
const address_of = (host, port, id) => `net:${host}:${port}~shs:${id.slice(1, -8)}`;
const file = (server, name) => path.join(server.folder, name);
const read = (server, name) => JSON.parse(fs.readFileSync(file(server, name), 'utf8'));

async function table() {
    const [one, two, three] = [1, 2, 3].map(() => ssb_keys.generate().id);
    const server = await Server.prepare({ name: 'ours' });
    const stored = {
        address: address_of('pub.example.org', 8008, one), key: one, source: 'manual',
        announcers: 3, failure: 2, stateChange: 1700000000000, own: { kept: [1] },
        duration: { mean: 5, stdev: 0, count: 1, sum: 5, sqsum: 25 }
    };
    fs.writeFileSync(file(server, 'gossip.json'), JSON.stringify([stored], null, 2));
    await server.start();
    const rpc = await server.client();
    await test('a table that JavaScript wrote is read whole', async () => {
        assert.deepStrictEqual(await call(rpc, 'gossip.peers'), [{ ...stored, source: 'stored' }]);
    });
    await test('gossip.add, get and remove', async () => {
        const changes = follow(rpc, 'gossip.changes');
        const added = await call(rpc, 'gossip.add', { host: 'localhost', port: 1, key: two });
        assert.strictEqual(added.key, two);
        assert.strictEqual(added.address, address_of('localhost', 1, two));
        await call(rpc, 'gossip.add', `b.example.org:8008:${three}`, 'manual');
        assert.strictEqual((await call(rpc, 'gossip.get', three)).source, 'manual');
        assert.strictEqual(await call(rpc, 'gossip.add', server.address), false);
        assert.match((await refusal(call(rpc, 'gossip.add', 'x'))).message,
                     /not a valid address:x/);
        assert.match((await refusal(call(rpc, 'gossip.remove', 'x'))).message,
                     /must provide id:"x"/);
        await call(rpc, 'gossip.remove', three);
        assert.strictEqual(await call(rpc, 'gossip.get', three), false);
        await until('three changes', async () => changes.items.length >= 3);
        assert.deepStrictEqual(changes.items.map(({ type }) => type),
                               ['discover', 'discover', 'remove']);
        changes.close();
    });
    await test('what goes by place can be given by name, as help says it', async () => {
        assert.strictEqual((await call(rpc, 'gossip.get', { id: two })).key, two);
        assert.strictEqual((await call(rpc, 'ebt.peerStatus', { id: two })).id, two);
        const { stdout } = spawnSync(server.program,
                                     ['gossip.get', '--id', two, '--', ...server.settings()],
                                     { encoding: 'utf8' });
        assert.strictEqual(JSON.parse(stdout).key, two);
        const { commands } = await call(rpc, 'gossip.help');
        assert.strictEqual(commands.get.single, 'id');
    });
    await test('a dial that fails is told and counted', async () => {
        assert.match((await refusal(call(rpc, 'gossip.connect', two))).message, /refused/i);
        const { failure, state } = await call(rpc, 'gossip.get', two);
        assert.strictEqual(failure, 1);
        assert.strictEqual(state, undefined);
        assert.match((await refusal(call(rpc, 'gossip.connect', three))).message,
                     new RegExp('no known address for peer:'));
    });
    await test('conn.remember, stage, dbPeers, stagedPeers and forget', async () => {
        const [four, five] = [4, 5].map(() => address_of('c.example.org', 1,
                                                         ssb_keys.generate().id));
        await call(rpc, 'conn.remember', four, { type: 'pub', autoconnect: false });
        assert.strictEqual(await call(rpc, 'conn.stage', five), true);
        assert.strictEqual(await call(rpc, 'conn.stage', five, { note: 'renewed' }), false);
        // What is remembered can be staged besides.
        assert.strictEqual(await call(rpc, 'conn.stage', four), true);
        assert.strictEqual(await call(rpc, 'conn.stage', four), false);
        assert.strictEqual(await call(rpc, 'conn.unstage', four), true);
        assert.strictEqual(await call(rpc, 'conn.unstage', four), false);
        for (const odd of ['text', null, 5]) {
            assert.strictEqual((await refusal(call(rpc, 'conn.remember', five, odd))).message,
                               'The given connection data should have been an object');
        }
        const db = await call(rpc, 'conn.dbPeers');
        assert.strictEqual(db.find(([address]) => address === four)[1].type, 'pub');
        const staged = follow(rpc, 'conn.stagedPeers');
        await until('the list', async () => staged.items.length > 0);
        const last = new Map(staged.items.pop());
        const { type, note } = last.get(five);
        assert.deepStrictEqual([type, note], ['internet', 'renewed']);
        assert.strictEqual(last.get(four).pool, 'db');
        staged.close();
        assert.strictEqual(await call(rpc, 'conn.unstage', five), true);
        await call(rpc, 'conn.forget', four);
        assert(!(await call(rpc, 'conn.dbPeers')).some(([address]) => address === four));
        assert.strictEqual((await refusal(call(rpc, 'conn.connect', 'x'))).message,
                           'The given address is not a valid multiserver-address');
    });
    await test('enable and disable change the configuration, but none with comments', async () => {
        assert.strictEqual(await call(rpc, 'gossip.enable', 'seed'), 'enabled gossip type seed');
        assert.strictEqual(read(server, 'config').gossip.seed, true);
        assert.strictEqual(read(server, 'config').port, server.port);
        const text = `// mine\n${JSON.stringify(server.config)}`;
        fs.writeFileSync(file(server, 'config'), text);
        assert.strictEqual(await call(rpc, 'gossip.disable'),
                           `disabled gossip type global; ${file(server, 'config')} is left as it ` +
                           'is: to keep this beyond a restart, set gossip.global to false');
        assert.strictEqual(fs.readFileSync(file(server, 'config'), 'utf8'), text);
    });
    await close(rpc);
    await server.stop();
    await test('the table is written in both forms, with what others put in it', async () => {
        const [first, second] = read(server, 'gossip.json');
        assert.deepStrictEqual(first.own, stored.own);
        assert.strictEqual(first.host, 'pub.example.org');
        assert.strictEqual(second.key, two);
        assert.strictEqual(read(server, 'conn.json')[stored.address].key, one);
    });
    await test('and ssb-server reads it', async () => {
        fs.writeFileSync(file(server, 'config'), JSON.stringify(server.config));
        server.program = programs.js;
        await server.start();
        const their = await server.client();
        const peers = await until('its table', async () => {
            const found = await call(their, 'gossip.peers');
            return found.length === 2 && found;
        });
        assert.deepStrictEqual(peers.map(({ key }) => key), [one, two]);
        assert.deepStrictEqual(peers[0].own, stored.own);
        await close(their);
        await server.stop();
    });
}

async function with_javascript() {
    const caps = random_caps();
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours' }),
        Server.start({ caps, name: 'js', program: programs.js })
    ]);
    const [our, their] = await Promise.all([ours.client(), theirs.client()]);
    const peers = follow(our, 'conn.peers');
    await test('a JavaScript peer answers our pings', async () => {
        await call(our, 'gossip.connect', theirs.address);
        await until('a ping', async () => {
            const { ping, state } = await call(our, 'gossip.get', theirs.id);
            return state === 'connected' && ping && ping.rtt.count >= 1;
        });
    });
    await test('conn.peers tells of it, and conn.connect knows that it is there', async () => {
        await until('the peer', async () => peers.items.length &&
            ids(peers.items[peers.items.length - 1]).includes(theirs.id));
        assert(await call(our, 'conn.connect', theirs.address));
        assert.strictEqual(peers.items[peers.items.length - 1].length, 1);
    });
    await test('disconnect ends it', async () => {
        assert.strictEqual(await call(our, 'conn.disconnect', theirs.address), true);
        await until('nobody', async () => peers.items[peers.items.length - 1].length === 0);
        assert.strictEqual(await call(our, 'conn.disconnect', theirs.address), false);
    });
    await test('its pings are answered when it dials', async () => {
        const { host, port } = ours.config;
        await call(their, 'gossip.connect', { host, port, key: ours.id });
        await until('a ping', async () => {
            const { ping } = await call(their, 'gossip.get', ours.id);
            return ping && ping.rtt.count >= 1;
        });
    });
    await test('a server that we block is not dialled', async () => {
        await call(our, 'friends.block', theirs.id);
        await until('nobody', async () => (await call(our, 'status')).connections.length === 0);
        for (const method of ['gossip.connect', 'conn.connect']) {
            assert.strictEqual((await refusal(call(our, method, theirs.address))).message,
                               `we block ${theirs.id}`);
        }
        await call(our, 'friends.block', theirs.id, { state: false });
        await call(our, 'gossip.connect', theirs.address);
    });
    await Promise.all([close(our), close(their)]);
    await Promise.all([ours.stop(), theirs.stop()]);
}

async function what_was_asked_for() {
    const [room, added, met] = [1, 2, 3].map(() => ssb_keys.generate().id);
    const server = await Server.prepare({ name: 'ours' });
    const at = (id) => address_of('127.0.0.1', 1, id);
    await server.start();
    let rpc = await server.client();
    await call(rpc, 'conn.remember', at(room), { type: 'room', name: 'mine' });
    await call(rpc, 'gossip.add', at(added), 'manual');
    await call(rpc, 'gossip.add', at(met), 'pub');
    for (const round of ['first', 'second']) {
        await test(`what was asked for is kept over the ${round} restart, however often it failed`,
                   async () => {
            await close(rpc);
            await server.stop();
            const [gossip, conn] = ['gossip.json', 'conn.json'].map((name) => read(server, name));
            for (const entry of [...gossip, ...Object.values(conn)]) entry.failure = 200;
            fs.writeFileSync(file(server, 'gossip.json'), JSON.stringify(gossip));
            fs.writeFileSync(file(server, 'conn.json'), JSON.stringify(conn));
            await server.start();
            rpc = await server.client();
            await until('the other is dropped', async () =>
                !await call(rpc, 'gossip.get', met));
            const data = Object.fromEntries(ids_with_data(await call(rpc, 'conn.dbPeers')));
            assert.deepStrictEqual(Object.keys(data).sort(), [room, added].sort());
            const { type, name, source } = data[room];
            assert.deepStrictEqual([type, name, source], ['room', 'mine', undefined]);
            assert.strictEqual(data[added].source, 'stored');
        });
    }
    await close(rpc);
    await server.stop();
    assert.strictEqual(read(server, 'gossip.json').find(({ key }) => key === added).source,
                       'manual');
}

async function said_of_a_connection() {
    const caps = random_caps();
    const [ours, other] = await Promise.all(['ours', 'other'].map((name) =>
        Server.start({ caps, name })));
    const rpc = await ours.client();
    const peers = follow(rpc, 'conn.peers');
    const shown = () => until('the peer', async () => {
        const [pair] = peers.items[peers.items.length - 1] || [];
        return pair && pair[1].state === 'connected' && pair[1];
    });
    await test('conn.connect says what conn.peers shows, of one nobody knew', async () => {
        await call(rpc, 'conn.connect', other.address, { type: 'pub', note: 'n', state: 'odd' });
        const { type, note, key } = await shown();
        assert.deepStrictEqual([type, note, key], ['pub', 'n', other.id]);
    });
    await test('and of one that is remembered, without changing that', async () => {
        await call(rpc, 'conn.disconnect', other.address);  // and at once again
        await call(rpc, 'conn.remember', other.address, { autoconnect: false });
        await call(rpc, 'conn.connect', other.address, { type: 'pub' });
        await until('the new one', async () => (await shown()).autoconnect === false);
        const { type, note } = await shown();
        assert.deepStrictEqual([type, note], ['pub', undefined]);
        const [[, data]] = await call(rpc, 'conn.dbPeers');
        assert.strictEqual(data.type, undefined);
    });
    await close(rpc);
    await Promise.all([ours.stop(), other.stop()]);
}

/** Sockets that say nothing and come again when they are closed. */
function silent_sockets(port, count) {
    const sockets = new Set();
    let going_on = true;
    const add = () => {
        if (!going_on) return;
        const socket = net.connect(port, '127.0.0.1');
        sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
            sockets.delete(socket);
            setTimeout(add, 20);
        });
    };
    for (let i = 0; i < count; i++) add();
    return () => {
        going_on = false;
        for (const socket of sockets) socket.destroy();
    };
}

async function a_crowd() {
    const manifest = { ebt: { replicate: 'duplex' } };
    const stranger = (server) => server.client('net', ssb_keys.generate(), manifest);
    // Enough for 372 peers and 124 handshakes.
    const server = await Server.prepare({ name: 'ours', prefix: ['prlimit', '--nofile=560:560'] });
    await server.start();
    const stop = silent_sockets(server.port, 400);
    await test('sockets that say nothing keep nobody out, and that is said once', async () => {
        await until('they crowd', async () => /have not said who they are/.test(server.output));
        for (let i = 0; i < 5; i++) await close(await stranger(server));
        assert.strictEqual(server.output.match(/have not said who they are/g).length, 1);
        assert.match(server.output, /of them from 127\.0\.0\.1: each newcomer/);
    });
    stop();
    await server.stop();
    const few = await Server.prepare({ name: 'few', prefix: ['prlimit', '--nofile=128:128'] });
    await few.start();
    await test('where files are few, friends are let in and kept', async () => {
        const rpc = await few.client();
        const friends = [ssb_keys.generate(), ssb_keys.generate()];
        for (const { id } of friends) {
            await call(rpc, 'publish', { type: 'contact', contact: id, following: true });
        }
        let gone = false;
        const first = await few.client('net', friends[0], manifest);
        first.on('closed', () => {
            gone = true;
        });
        for (let i = 0; i < 80; i++) await stranger(few);
        await few.client('net', friends[1], manifest);
        await until('both', async () => {
            const links = (await call(rpc, 'status')).connections.map(({ id }) => id);
            return friends.every(({ id }) => links.includes(id));
        });
        assert(!gone);
        assert.strictEqual(few.output.match(/limit for open files/g).length, 1);
        await close(rpc);
    });
    await few.stop();
}

async function many_at_once() {
    const server = await Server.start({ name: 'ours' });
    await test('300 that dial at the same moment are all let in', async () => {
        const manifest = { ebt: { replicate: 'duplex' } };
        await Promise.all(Array.from({ length: 300 }, () =>
            server.client('net', ssb_keys.generate(), manifest)));
    });
    await server.stop();
}

async function by_themselves() {
    const caps = random_caps();
    const pub = await Server.start({ caps, name: 'pub' });
    const at_pub = await pub.client();
    const guest = await Server.start({
        caps, name: 'guest', config: { seeds: [pub.address], gossip: { ...off, seed: true } }
    });
    const at_guest = await guest.client();
    const state = async () => (await call(at_guest, 'gossip.get', pub.id)).state;
    await test('a seed is dialled', () => until('connected',
                                                async () => await state() === 'connected'));
    await test('and again after it was gone', async () => {
        await close(at_pub);
        await pub.stop('SIGKILL');
        await until('noticed', async () => await state() !== 'connected');
        await sleep(500);
        await pub.start();
        await until('connected again', async () => await state() === 'connected', 20000);
    });
    await test('two servers that dial each other at once end with one connection', async () => {
        const rpc = await pub.client();
        await call(at_guest, 'gossip.disable', 'seed');
        await call(at_guest, 'gossip.disconnect', pub.id);
        const lists = [follow(rpc, 'conn.peers'), follow(at_guest, 'conn.peers')];
        const last = (list) => list.items.length ? list.items[list.items.length - 1] : [];
        await until('apart', async () => lists.every((list) => list.items.length &&
                                                              last(list).length === 0));
        await Promise.all([
            call(rpc, 'gossip.connect', guest.address).catch(() => {}),
            call(at_guest, 'gossip.connect', pub.address).catch(() => {})
        ]);
        await until('one connection', async () => lists.every((list) => last(list).length === 1));
        await sleep(300);
        assert(lists.every((list) => last(list).length === 1));
        await close(rpc);
    });
    await close(at_guest);
    await Promise.all([pub.stop(), guest.stop()]);
}

async function idle() {
    const server = await Server.start({ name: 'ours', config: { timers: { inactivity: 700 } } });
    await test('a silent stranger is hung up on', async () => {
        const stranger = await server.client('net', ssb_keys.generate(), { whoami: 'sync' });
        let closed = false;
        stranger.on('closed', () => {
            closed = true;
        });
        await until('the end', async () => closed, 10000);
    });
    await server.stop();
}

run(async () => {
    await table();
    await with_javascript();
    await what_was_asked_for();
    await said_of_a_connection();
    await by_themselves();
    await a_crowd();
    await many_at_once();
    await idle();
});
