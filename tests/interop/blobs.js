'use strict';
// The blob store with npm ssb-client; packet by packet where ssb-client checks by itself what the
// server must, and for the server's answer to an add, which it does not look at. kill -9 during
// adds, again and again: ROUNDS=8.
const assert = require('assert');
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const path = require('path');
const pull = require('pull-stream');
const ssb_keys = require('ssb-keys');
const { run, sleep, test, until, within } = require('./lib/harness');
const { call, close, collect, follow, refusal } = require('./lib/rpc');
const { Server } = require('./lib/server');

const rounds = Number(process.env.ROUNDS || 8);
const MANIFEST = {
    blobs: {
        add: 'sink', get: 'source', getSlice: 'source', has: 'async', ls: 'source', meta: 'async',
        rm: 'async', size: 'async'
    }
};

const digest = (data, form) => crypto.createHash('sha256').update(data).digest(form);
const id_of = (data) => `&${digest(data, 'base64')}.sha256`;
const nothing = id_of('nobody has this');

let server;

function file_of(data) {
    const hex = digest(data, 'hex');
    return path.join(server.folder, 'blobs', 'sha256', hex.slice(0, 2), hex.slice(2));
}

const drafts = () => fs.readdirSync(path.join(server.folder, 'blobs', 'tmp'));

function* parts_of(data, size = 50000) {
    for (let at = 0; at < data.length; at += size) yield data.slice(at, at + size);
}

/** Through ssb-client, which gives the id, and does not wait for the server's answer. */
async function add(rpc, data, expected) {
    const id = await within(20000, 'blobs.add', new Promise((resolve, reject) => {
        const done = (error, given) => error ? reject(error) : resolve(given);
        const sink = expected ? rpc.blobs.add(expected, done) : rpc.blobs.add(done);
        pull(pull.values([...parts_of(data)]), sink);
    }));
    await until('the blob', () => call(rpc, 'blobs.has', id), 5000, 2);
    return id;
}

/** One `blobs.add` over the unix socket by hand, packet by packet. */
class BareAdd {
    constructor(...args) {
        this.socket = net.connect(path.join(server.folder, 'socket'));
        this.socket.on('error', () => {});
        this.answer = new Promise((resolve) => {
            let read = Buffer.alloc(0);
            this.socket.on('data', (data) => {
                read = Buffer.concat([read, data]);
                if (read.length < 9 || read.length < 9 + read.readUInt32BE(1)) return;
                assert.strictEqual(read[0] & 12, 12, 'the end of a stream');
                resolve(JSON.parse(read.slice(9, 9 + read.readUInt32BE(1))));
            });
            this.socket.on('close', () => resolve('the connection is lost'));
        });
        const call_text = JSON.stringify({ name: ['blobs', 'add'], args, type: 'sink' });
        this.packet(8 + 2, Buffer.from(call_text));
    }
    packet(flags, body) {
        const header = Buffer.alloc(9);
        header[0] = flags;
        header.writeUInt32BE(body.length, 1);
        header.writeInt32BE(1, 5);
        this.socket.write(Buffer.concat([header, body]));
    }
    send(item) {
        if (typeof item === 'string') this.packet(8 + 1, Buffer.from(item));
        else this.packet(8, item);
        return this;
    }
    /** The server's answer: true, or its error. */
    async end() {
        this.packet(8 + 4 + 2, Buffer.from('true'));
        const answer = await within(20000, 'the answer to blobs.add', this.answer);
        this.socket.destroy();
        return answer;
    }
}

const content = async (rpc, ...args) => Buffer.concat(await collect(rpc, 'blobs.get', ...args));
const slice = async (rpc, ...args) => Buffer.concat(await collect(rpc, 'blobs.getSlice', ...args));

async function storing(rpc) {
    for (const size of [0, 1, 65535, 65536, 65537, 131072, 1000000, 5 * 1024 * 1024 - 1]) {
        await test(`${size} bytes, added and read`, async () => {
            const data = crypto.randomBytes(size);
            const id = await add(rpc, data);
            assert(fs.readFileSync(file_of(data)).equals(data));
            assert.strictEqual(id, id_of(data));
            const items = await collect(rpc, 'blobs.get', id);
            assert(items.every((item) => item.length > 0 && item.length <= 65536));
            assert(Buffer.concat(items).equals(data));
            assert.strictEqual(await call(rpc, 'blobs.size', id), size);
        });
    }
    await test('with the right id, and once more', async () => {
        const data = Buffer.from('expected');
        for (let time = 0; time < 2; time++) {
            assert.strictEqual(await add(rpc, data, id_of(data)), id_of(data));
        }
        await until('no draft', async () => drafts().length === 0, 5000, 5);
    });
    await test('one blob from five connections at once', async () => {
        const data = crypto.randomBytes(300000);
        const others = await Promise.all([1, 2, 3, 4, 5].map(() => server.client()));
        await Promise.all(others.map((other) => add(other, data)));
        await until('no draft', async () => drafts().length === 0, 5000, 5);
        assert((await content(rpc, id_of(data))).equals(data));
        await Promise.all(others.map(close));
    });
}

async function refusing(rpc) {
    await test('the answer comes when the blob is in its place', async () => {
        for (let time = 0; time < 20; time++) {
            const data = crypto.randomBytes(1000 * time);
            assert.strictEqual(await new BareAdd().send(data).end(), true);
            assert(fs.readFileSync(file_of(data)).equals(data));
        }
    });
    await test('data of another hash is refused and leaves nothing', async () => {
        const data = Buffer.from('other data');
        const { message } = await new BareAdd(nothing).send(data).end();
        assert.strictEqual(
            message, `actual hash:${id_of(data)} did not match expected id:${nothing}`);
        assert.deepStrictEqual(await call(rpc, 'blobs.has', [nothing, id_of(data)]),
                               [false, false]);
        assert.deepStrictEqual(drafts(), []);
    });
    await test('an id that is none is refused', async () => {
        const { message } = await new BareAdd('bogus').send(Buffer.from('x')).end();
        assert.strictEqual(message, 'not a valid hash: bogus');
    });
    await test('a blob of 5 MiB is refused and leaves nothing', async () => {
        const data = Buffer.alloc(5 * 1024 * 1024, 'x');
        const adding = new BareAdd(null);
        for (const part of parts_of(data)) adding.send(part);
        const { message } = await adding.end();
        assert.strictEqual(message, 'a blob must be smaller than 5242880 bytes');
        assert.strictEqual(await call(rpc, 'blobs.has', id_of(data)), false);
        assert.deepStrictEqual(drafts(), []);
    });
    await test('text counts as its UTF-8', async () => {
        assert.strictEqual(await new BareAdd().send('é').send(Buffer.from(' and '))
            .send('漢').end(), true);
        assert.strictEqual(await call(rpc, 'blobs.size', id_of('é and 漢')), 10);
    });
    await test('an add whose connection is lost leaves nothing', async () => {
        const adding = new BareAdd(null).send(crypto.randomBytes(70000));
        await until('a draft', async () => drafts().length === 1);
        adding.socket.destroy();
        await until('no draft', async () => drafts().length === 0);
    });
}

async function reading(rpc) {
    const data = crypto.randomBytes(200000);
    const id = await add(rpc, data);
    await test('get by id, key and hash, with size and max', async () => {
        for (const asked of [id, { id }, { key: id }, { hash: id }, { id, size: data.length },
                             { id, max: data.length }]) {
            assert((await content(rpc, asked)).equals(data), JSON.stringify(asked));
        }
    });
    await test('slices', async () => {
        for (const [start, end] of [[0, 1], [1, 3], [65000, 140000], [65536, 65537],
                                    [199999, 300000], [200000, 200001], [-5, 3], [9, 4]]) {
            const from = Math.max(start, 0);
            assert((await slice(rpc, { id, start, end })).equals(data.slice(from, end)),
                   `${start} to ${end}`);
        }
    });
    await test('a slice that ends where it begins: hung up, as after the reference', async () => {
        const other = await server.client('net');
        const ask = collect(other, 'blobs.getSlice', { id, start: 5, end: 5 });
        assert.match((await refusal(ask)).message, /unexpected end of parent stream/);
        assert.strictEqual((await call(rpc, 'whoami')).id, server.id);
    });
    await test('refusals in the words of the reference', async () => {
        const words = async (method, ...args) =>
            (await refusal(collect(rpc, method, ...args))).message;
        assert.strictEqual(await words('blobs.get', nothing), 'could not get blob');
        assert.strictEqual(await words('blobs.get', { id: nothing }), 'stat failed');
        assert.strictEqual(await words('blobs.get', { id, size: 11 }),
                           `incorrect file length, requested:11 file was:200000 for file:${id}`);
        assert.strictEqual(
            await words('blobs.get', { id, max: 11 }),
            `incorrect file length, requested:undefined file was:200000 for file:${id}`);
        assert.strictEqual(await words('blobs.get', { id: 'x' }),
                           'multiblob.get: {id} is mandatory');
        assert.strictEqual(await words('blobs.getSlice', { id, start: 'x', end: 1 }),
                           'multiblob.getSlice: {start} must be a number');
        assert.strictEqual((await refusal(call(rpc, 'blobs.has', [id, 'x']))).message,
                           'invalid id:x');
    });
    await test('has and size, of one and of many', async () => {
        assert.strictEqual(await call(rpc, 'blobs.has', nothing), false);
        assert.strictEqual(await call(rpc, 'blobs.size', nothing), null);
        assert.deepStrictEqual(await call(rpc, 'blobs.size', [nothing, id]),
                               [null, data.length]);
        assert.match((await refusal(call(rpc, 'blobs.has', []))).message, /list is empty/);
        const many = Array.from({ length: 1000 }, (_, index) => index % 3 ? nothing : id);
        assert.deepStrictEqual(await call(rpc, 'blobs.has', many),
                               many.map((each) => each === id));
    });
    await test('ls: ids, what is known of them, and those to come', async () => {
        const ids = await collect(rpc, 'blobs.ls');
        assert(ids.includes(id));
        const long = await collect(rpc, 'blobs.ls', { long: true });
        assert.deepStrictEqual(long.map((blob) => blob.id), ids);
        const { size, ts } = long.find((blob) => blob.id === id);
        assert.strictEqual(size, data.length);
        assert(Math.abs(Date.now() - ts) < 60000);
        const live = follow(rpc, 'blobs.ls', { live: true });
        await until('the old part', async () => live.items.length === ids.length + 1);
        assert.deepStrictEqual(live.items, [...ids, { sync: true }]);
        const fresh = await add(rpc, crypto.randomBytes(10));
        await until('the new one', async () => live.items.length === ids.length + 2);
        assert.strictEqual(live.items.pop(), fresh);
        live.close();
    });
    await test('rm', async () => {
        await call(rpc, 'blobs.rm', id);
        assert.strictEqual(await call(rpc, 'blobs.has', id), false);
        assert(!fs.existsSync(file_of(data)));
        const { message } = await refusal(call(rpc, 'blobs.rm', id));
        assert.strictEqual(message,
                           `ENOENT: no such file or directory, unlink '${file_of(data)}'`);
    });
}

async function strangers(rpc) {
    await test('a stranger may read, and nothing else', async () => {
        const data = Buffer.from('for everybody');
        const id = await add(rpc, data);
        const stranger = await server.client('net', ssb_keys.generate(), MANIFEST);
        assert((await content(stranger, id)).equals(data));
        assert.strictEqual(await call(stranger, 'blobs.has', id), true);
        assert.strictEqual((await slice(stranger, { id, start: 4, end: 8 })).toString(), 'ever');
        for (const refused of [collect(stranger, 'blobs.ls'), call(stranger, 'blobs.rm', id),
                               call(stranger, 'blobs.size', id)]) {
            assert((await refusal(refused)).message.includes('not in list of allowed methods'));
        }
        const theirs = Buffer.from('by a stranger');
        pull(pull.once(theirs), stranger.blobs.add(() => {}));
        await sleep(300);
        assert.strictEqual(await call(rpc, 'blobs.has', id_of(theirs)), false);
        await close(stranger);
    });
}

async function killing() {
    let acknowledged = 0;
    for (let round = 0; round < rounds; round++) {
        const good = await test(`kill -9 during adds, round ${round} of ${rounds}`, async () => {
            const rpc = await server.client();
            const done = new Set();
            const worker = async () => {
                for (;;) done.add(await add(rpc, crypto.randomBytes(200000)));
            };
            for (let each = 0; each < 6; each++) worker().catch(() => {});
            await sleep(60 + Math.random() * 120);
            server.child.kill('SIGKILL');
            assert.strictEqual(await server.ended, 'SIGKILL', server.output);
            await server.start();
            const again = await server.client();
            assert.deepStrictEqual(drafts(), []);
            const ids = new Set(await collect(again, 'blobs.ls'));
            for (const id of done) assert(ids.has(id), `acknowledged, then lost: ${id}`);
            for (const id of ids) assert.strictEqual(id_of(await content(again, id)), id);
            for (const id of ids) await call(again, 'blobs.rm', id);
            acknowledged += done.size;
            await close(again);
        });
        if (!good) return;
    }
    console.log(`${rounds} kills; ${acknowledged} blobs acknowledged, none lost, none in part`);
}

run(async () => {
    server = await Server.start();
    const rpc = await server.client();
    await storing(rpc);
    await refusing(rpc);
    await reading(rpc);
    await strangers(rpc);
    await close(rpc);
    await killing();
    await server.stop();
});
