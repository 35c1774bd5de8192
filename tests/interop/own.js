'use strict';
// Our own feed never forks: a folder restored from a backup near an ssb-server that has the newer
// messages, one that has only its secret, one whose last message (or a friend's) was deleted by
// JavaScript, what strangers say and what they show.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const { spawnSync } = require('child_process');
const pull = require('pull-stream');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, sleep, temporary_folder, test, until } = require('./lib/harness');
const { call, close, collect, refusal } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const follow = (rpc, id) => call(rpc, 'publish', { type: 'contact', contact: id, following: true });
const post = (rpc, text) => call(rpc, 'publish', { type: 'post', text });
const feed_at = (rpc, id) => collect(rpc, 'createUserStream', { id });
const number_at = async (rpc, id) => (await call(rpc, 'getVectorClock'))[id] || 0;

/** What a promise has come to after a while: its value, or 'waits'. */
const state_after = (ms, promise) => Promise.race([promise, sleep(ms).then(() => 'waits')]);

function restore(backup, folder) {
    fs.rmSync(folder, { recursive: true });
    fs.cpSync(backup, folder, { recursive: true, filter: (name) => !name.endsWith('/socket') });
}

/** A peer made of nothing but the EBT stream it opens: `say` sends an item, `heard` grows. */
async function talker(server, keys) {
    const manifest = { ebt: { replicate: 'duplex' } };
    const rpc = await server.client('net', keys, manifest);
    const queue = [];
    let wake = null;
    const push = () => {
        if (wake === null || queue.length === 0) return;
        const next = wake;
        wake = null;
        next(null, queue.shift());
    };
    const heard = [];
    const stream = rpc.ebt.replicate({ version: 3 }, () => {});
    pull((end, answer) => {
        if (end) return answer(end);
        wake = answer;
        push();
    }, stream, pull.drain((item) => heard.push(item), () => {}));
    await until('first notes', async () => heard.length > 0, 5000, 20);
    return { rpc, heard, say: (item) => { queue.push(item); push(); } };
}

run(async () => {
    const caps = random_caps();
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours' }),
        Server.start({ caps, name: 'js', program: programs.js })
    ]);
    const their = await theirs.client();
    let our = await ours.client();
    const connect = (rpc, to) => call(rpc, 'gossip.connect', {
        host: '127.0.0.1', port: to.port, key: to.id });
    const level = (sequence) => until(`message ${sequence} of ours over there`, async () =>
        await number_at(their, ours.id) === sequence, 20000);
    const chain_over_there = async () => {
        const feed = await feed_at(their, ours.id);
        feed.forEach(({ value }, i) => {
            assert.strictEqual(value.sequence, i + 1);
            assert.strictEqual(value.previous, i ? feed[i - 1].key : null);
        });
        return feed;
    };

    const backup = path.join(temporary_folder('backup'), 'folder');
    let newest = 0;
    await test('a feed is replicated, backed up, and goes on', async () => {
        await follow(our, theirs.id);
        await follow(their, ours.id);
        for (let i = 0; i < 4; i++) await post(our, `before the backup ${i}`);
        await connect(our, theirs);
        await level(5);
        await close(our);
        await ours.stop();
        fs.cpSync(ours.folder, backup, { recursive: true });
        await ours.start();
        our = await ours.client();
        await connect(our, theirs);
        for (let i = 0; i < 6; i++) await post(our, `after the backup ${i}`);
        await level(newest = 11);
        await close(our);
        await ours.stop();
    });

    // JavaScript believes that we have all of our feed, and does not mention it on its own.
    for (const who of ['we dial', 'JavaScript dials', 'JavaScript dials, without EBT']) {
        const good = await test(`restored from the backup, publishing waits: ${who}`, async () => {
            restore(backup, ours.folder);
            await ours.start();
            our = await ours.client();
            const publishing = post(our, `restored, ${who}`);
            assert.strictEqual(await state_after(1500, publishing), 'waits');
            let legacy = null;
            if (who === 'we dial') await connect(our, theirs);
            if (who === 'JavaScript dials') await connect(their, ours);
            if (who === 'JavaScript dials, without EBT') {
                // A second server with the same feeds, and without EBT.
                legacy = await Server.start({
                    caps, name: 'legacy', program: programs.js, keys: theirs.keys,
                    env: { WITHOUT: 'ssb-ebt' } });
                const rpc = await legacy.client();
                for (const id of [theirs.id, ours.id]) {
                    for (const { value } of await feed_at(their, id)) await call(rpc, 'add', value);
                }
                await connect(rpc, ours);
                await close(rpc);
            }
            const published = await publishing;
            assert.strictEqual(published.value.sequence, newest + 1);
            if (legacy) {
                await legacy.stop();
                await connect(our, theirs);
            }
            await level(++newest);
            const feed = await chain_over_there();
            assert.strictEqual(feed[newest - 1].key, published.key);
            // And at once from now on, also after the next start.
            const begin = Date.now();
            await post(our, 'no doubt any more');
            await close(our);
            await ours.stop();
            await ours.start();
            our = await ours.client();
            await post(our, 'nor now');
            assert(Date.now() - begin < 9000, `${Date.now() - begin} ms`);
            await connect(our, theirs);
            await level(newest += 2);
            await chain_over_there();
            await close(our);
            await ours.stop();
        });
        if (!good) return;
    }

    await test('with the secret alone and --recover, publishing waits for all of it', async () => {
        const fresh = await Server.prepare({ caps, name: 'recovering', keys: ours.keys,
                                             config: { recover: true } });
        await fresh.start();
        const rpc = await fresh.client();
        const publishing = call(rpc, 'publish', { type: 'post', text: 'recovered' });
        assert.strictEqual(await state_after(2000, publishing), 'waits');
        const waits = /^until a peer that we follow has said .*--recover/;
        assert.match((await call(rpc, 'status')).publishingWaits, waits);
        assert.match((await call(rpc, 'ebt.peerStatus', fresh.id)).why, /publishing waits until/);
        assert.match(fresh.output, /publishing waits until a peer that we follow/);
        const { stdout } = spawnSync(fresh.program, ['peers', '--', ...fresh.settings()],
                                     { encoding: 'utf8' });
        assert.match(stdout, /^publishing waits until .*, as --recover demands$/m);
        await connect(rpc, theirs);
        const published = await publishing;
        assert.strictEqual(published.value.sequence, newest + 1);
        assert.strictEqual((await call(rpc, 'status')).publishingWaits, undefined);
        assert.match(fresh.output, /publishing waits no more/);
        await level(++newest);
        await chain_over_there();
        await close(rpc);
        await fresh.stop();
        restore(fresh.folder, ours.folder);
        fs.writeFileSync(path.join(ours.folder, 'config'), JSON.stringify(ours.config));
    });

    await test('a log that is lost is no new feed, and it is said what to do', async () => {
        const without = await Server.prepare({ caps, name: 'without', keys: ours.keys });
        fs.cpSync(path.join(ours.folder, 'flume'), path.join(without.folder, 'flume'),
                  { recursive: true });
        fs.rmSync(path.join(without.folder, 'flume', 'log.offset'));
        for (let start = 0; start < 2; ++start) {
            without.spawn();
            assert.notStrictEqual(await without.ended, 0);
            assert.match(without.output, /log\.offset holds nothing.*start with --recover/);
        }
        without.config.recover = true;
        fs.writeFileSync(path.join(without.folder, 'config'), JSON.stringify(without.config));
        await without.start();
        const rpc = await without.client();
        assert.strictEqual(await number_at(rpc, ours.id), 0);
        await connect(rpc, theirs);
        await until('our feed is back', async () => await number_at(rpc, ours.id) === newest,
                    20000);
        assert.strictEqual((await post(rpc, 'on it goes')).value.sequence, newest + 1);
        await level(++newest);
        await chain_over_there();
        await close(rpc);
        await without.stop();
        restore(without.folder, ours.folder);
        fs.writeFileSync(path.join(ours.folder, 'config'), JSON.stringify(ours.config));
    });

    // Its view knows of the message that lost its end, and goes when the log is cut.
    await test('a torn record of JavaScript is still a message of ours, also later', async () => {
        const torn = await Server.start({ caps, name: 'torn', program: programs.js });
        const rpc = await torn.client();
        await follow(rpc, theirs.id);
        for (let i = 0; i < 4; i++) await post(rpc, `before the tear ${i}`);
        await sleep(1200);  // its views write themselves now and then
        await close(rpc);
        await torn.stop();
        const file = path.join(torn.folder, 'flume/log.offset');
        fs.truncateSync(file, fs.statSync(file).size - 20);
        for (const signal of ['SIGKILL', 'SIGTERM']) {
            const here = await Server.prepare({ caps, name: 'ours, torn', folder: torn.folder });
            await here.start();
            const client = await here.client();
            assert.strictEqual(await state_after(1500, post(client, 'no fork')), 'waits');
            assert.strictEqual(fs.existsSync(path.join(torn.folder, 'flume/last.json')), false);
            await here.stop(signal);
        }
    });

    await test('with the secret alone it publishes at once, as JavaScript does', async () => {
        const fresh = await Server.start({ caps, name: 'fresh' });
        const rpc = await fresh.client();
        const begin = Date.now();
        const { value } = await post(rpc, 'first');
        assert.strictEqual(value.sequence, 1);
        assert(Date.now() - begin < 3000);
        await close(rpc);
        await fresh.stop();
    });

    const fellow = ssb_keys.generate(), stranger = ssb_keys.generate();
    await test("notes of strangers change nothing; a friend's delay for ten seconds", async () => {
        await ours.start();
        our = await ours.client();
        // That folder was copied here: its peers are asked once more.
        await connect(our, theirs);
        newest = (await follow(our, fellow.id)).value.sequence;
        await level(newest);
        const unknown = await talker(ours, stranger);
        unknown.say({ [ours.id]: 2 * 500 });
        unknown.say({ [ours.id]: 2 * 600 + 1 });
        await sleep(300);
        let begin = Date.now();
        await post(our, 'whatever they say');
        assert(Date.now() - begin < 3000, `a stranger delayed it by ${Date.now() - begin} ms`);
        const known = await talker(ours, fellow);
        known.say({ [ours.id]: 2 * 700 + 1 });
        await until('the note has come', async () => {
            const { peers } = await call(our, 'ebt.peerStatus', ours.id);
            return peers[fellow.id] && peers[fellow.id].seq === 700;
        }, 5000);
        begin = Date.now();
        await post(our, 'late');
        const took = Date.now() - begin;
        assert(took > 8000 && took < 15000, `a friend delayed it by ${took} ms`);
        begin = Date.now();
        await post(our, 'not again');
        assert(Date.now() - begin < 3000);
        newest += 3;
        await Promise.all([close(unknown.rpc), close(known.rpc)]);
        await level(newest);
        await close(our);
        await ours.stop();
    });

    await test('no publishing while a signed message of ours lies beyond the log', async () => {
        const all = await chain_over_there();
        restore(backup, ours.folder);
        fs.rmSync(path.join(ours.folder, 'flume/head'));  // nothing shows that it is older
        await ours.start();
        our = await ours.client();
        const shows = await talker(ours, stranger);
        shows.say({ [ours.id]: 2 * newest + 1 });
        await sleep(200);
        shows.say(all[newest - 1].value);
        await sleep(500);
        const refused = async () => {
            const { message } = await refusal(post(our, 'a fork'));
            assert(message.includes('goes on elsewhere: message'), message);
        };
        await refused();
        await close(shows.rpc);
        await refused();
        await close(our);
        await ours.stop('SIGKILL');
        await ours.start();
        our = await ours.client();
        await refused();
        await connect(our, theirs);
        const published = await until('publishing', () => post(our, 'filled'), 20000, 300);
        assert.strictEqual(published.value.sequence, newest + 1);
        await level(++newest);
        await chain_over_there();
        await close(our);
        await ours.stop();
    });

    await test('no publishing once a peer shows another branch that we signed', async () => {
        const twice = await Server.start({ caps, name: 'twice' });
        let rpc = await twice.client();
        for (const text of ['one', 'two']) await post(rpc, text);
        const mine = (await feed_at(rpc, twice.id)).map(({ value }) => value);
        let state = validate.append(validate.initial(), null, mine[0]);
        state.queue = [];
        for (const text of ['elsewhere', 'and on']) {
            const content = { type: 'post', text };
            state = validate.appendNew(state, null, twice.keys, content, Date.now());
        }
        const other = state.queue.map(({ value }) => value);
        const shows = await talker(twice, stranger);
        for (const old of [...mine, other[0], { ...other[1], signature: other[0].signature }]) {
            shows.say(old);
        }
        await sleep(300);
        await post(rpc, 'three');
        await close(shows.rpc);
        const content = { type: 'post', text: 'x' };
        state = validate.appendNew(state, null, twice.keys, content, Date.now());
        const again = await talker(twice, fellow);
        again.say(state.queue[2].value);
        const told = await until('the fork is seen', async () =>
            (await call(rpc, 'status')).publishingWaits, 5000);
        assert.match(told, /another branch of our feed: peers have a message 4/);
        await close(again.rpc);
        for (let round = 0; round < 2; round++) {
            const { message } = await refusal(post(rpc, 'a fork'));
            assert.match(message, /goes on elsewhere, on another branch/);
            assert.strictEqual(await number_at(rpc, twice.id), 3);
            await close(rpc);
            await twice.stop();
            if (round === 0) {
                await twice.start();
                rpc = await twice.client();
            }
        }
    });

    await test('JavaScript deleted our last message: its number is not used again', async () => {
        const js = await Server.prepare({ caps, name: 'js here', program: programs.js,
                                          folder: ours.folder });
        await js.start();
        const rpc = await js.client();
        const last = await call(rpc, 'publish', { type: 'post', text: 'to be deleted' });
        await sleep(1200);  // its views write themselves now and then
        await call(rpc, 'del', last.key);
        await sleep(1200);
        await close(rpc);
        await js.stop();
        for (let round = 0; round < 2; round++) {
            await ours.start();
            our = await ours.client();
            if (round === 0) {
                const next = await post(our, 'behind it');
                assert.deepStrictEqual([next.value.sequence, next.value.previous],
                                       [last.value.sequence + 1, last.key]);
            } else {
                const next = await post(our, 'and on');
                assert.strictEqual(next.value.sequence, last.value.sequence + 2);
            }
            await close(our);
            await ours.stop();
        }
    });

    await test('JavaScript deleted the end of another feed: it is not fetched again', async () => {
        const last = await post(their, 'deleted over here');
        await ours.start();
        our = await ours.client();
        await connect(our, theirs);
        await until('it is here', async () =>
            await number_at(our, theirs.id) === last.value.sequence);
        await close(our);
        await ours.stop();
        const js = await Server.prepare({ caps, name: 'js here', program: programs.js,
                                          folder: ours.folder });
        await js.start();
        const rpc = await js.client();
        await until('its view', async () => await number_at(rpc, theirs.id) ===
            last.value.sequence);
        await sleep(1200);
        await call(rpc, 'del', last.key);
        await sleep(1200);
        await close(rpc);
        await js.stop();
        let newest_there = last.value.sequence;
        for (let round = 0; round < 2; round++) {
            // As a folder that comes from JavaScript: the end is known from its view alone.
            if (round === 0) {
                for (const suffix of ['', '-wal', '-shm']) {
                    fs.rmSync(path.join(ours.folder, 'flume', `core.sqlite${suffix}`),
                              { force: true });
                }
            }
            await ours.start();
            our = await ours.client();
            assert.strictEqual(await number_at(our, theirs.id), newest_there);
            await connect(our, theirs);
            const next = await post(their, 'behind it');
            await until('what follows', async () =>
                await number_at(our, theirs.id) === next.value.sequence);
            newest_there = next.value.sequence;
            const here = await feed_at(our, theirs.id);
            assert(here.every(({ key }) => key !== last.key));
            assert.strictEqual(here[here.length - 1].key, next.key);
            await close(our);
            await ours.stop();
        }
    });

    await close(their);
    await theirs.stop();
});
