'use strict';
// Pub invites with ssb-server 16 as the pub and as the guest, what many guests at once do, and a
// pub that moves from ssb-server to us, back and again.
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const ssb_keys = require('ssb-keys');
const { run, test, until } = require('./lib/harness');
const { call, close, collect, refusal } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const config = { allowPrivate: true };
const manifest = { invite: { use: 'async' }, whoami: 'sync' };

const follows = async (rpc, from, to) => (await collect(rpc, 'messagesByType', {
    type: 'contact', keys: false
})).some(({ author, content }) =>
    author === from && content.contact === to && content.following === true);

const guest_keys = (code) => ssb_keys.generate('ed25519', Buffer.from(code.split('~')[1],
                                                                      'base64'));

async function exchange(pub_program, guest_program) {
    const caps = random_caps();
    const [pub, guest] = await Promise.all([
        Server.start({ caps, config, name: 'pub', program: pub_program }),
        Server.start({ caps, config, name: 'guest', program: guest_program })
    ]);
    const [at_pub, at_guest] = await Promise.all([pub.client(), guest.client()]);
    const who = guest_program === programs.js ? 'JavaScript as guest' : 'JavaScript as pub';
    const code = await call(at_pub, 'invite.create', { uses: 1, note: 'welcome' });
    await test(`${who}: accepting gives the two messages of the guest`, async () => {
        const [follow, announcement] = await call(at_guest, 'invite.accept', code);
        assert.deepStrictEqual(follow.value.content, {
            type: 'contact', following: true, autofollow: true, contact: pub.id
        });
        assert.deepStrictEqual(announcement.value.content, {
            type: 'pub', address: { host: '127.0.0.1', port: pub.port, key: pub.id }
        });
    });
    await test(`${who}: the pub follows the guest`,
               () => until('the follow', () => follows(at_pub, pub.id, guest.id)));
    await test(`${who}: the code is spent`, async () => {
        const is_js = guest_program === programs.js;
        const { message } = await refusal(
            call(at_guest, 'invite.accept', is_js ? code : ` ${code}\n`));
        assert.match(message, /invite not accepted|not in list of allowed methods/);
        if (is_js) return;
        assert.match(message, /^invite not accepted: the code was used up, or that server does/);
    });
    await Promise.all([close(at_pub), close(at_guest)]);
    await Promise.all([pub.stop(), guest.stop()]);
}

async function many_guests() {
    const pub = await Server.start({ config, name: 'pub' });
    const rpc = await pub.client();
    const code = await call(rpc, 'invite.create', 1);
    const guests = await Promise.all(Array.from({ length: 20 }, () =>
        pub.client('net', guest_keys(code), manifest)));
    await test('twenty uses at once of a code for one give one', async () => {
        const answers = await Promise.all(guests.map((guest) =>
            call(guest, 'invite.use', { feed: ssb_keys.generate().id })
                .then(() => 'followed', (error) => error.message)));
        assert.strictEqual(answers.filter((each) => each === 'followed').length, 1);
        assert.strictEqual(answers.filter((each) => each === 'invite has expired').length, 19);
    });
    await test('a feed that the pub blocks gets in by no code, and uses none up', async () => {
        const [spammer, other] = [ssb_keys.generate().id, ssb_keys.generate().id];
        await call(rpc, 'publish', { type: 'contact', contact: spammer, blocking: true });
        const guest = await pub.client('net', guest_keys(await call(rpc, 'invite.create', 1)),
                                       manifest);
        assert.strictEqual(
            (await refusal(call(guest, 'invite.use', { feed: spammer }))).message,
            'this server blocks you');
        await call(guest, 'invite.use', { feed: other });
        assert(!await follows(rpc, pub.id, spammer));
        await close(guest);
    });
    await test('a guest may call nothing else', async () => {
        assert.match((await refusal(call(guests[0], 'whoami'))).message,
                     /not in list of allowed methods/);
    });
    await test('a guest hears no address but the public one', async () => {
        const guest = await pub.client('net', guest_keys(await call(rpc, 'invite.create', 1)),
                                       { getAddress: 'async' });
        assert.strictEqual(await call(guest, 'getAddress', 'device'), null);
        assert.strictEqual(await call(guest, 'getAddress', 'local'), null);
        const open = await call(guest, 'getAddress');
        assert.strictEqual(open, await call(rpc, 'getAddress', 'public'));
        assert.doesNotMatch(open, /unix/);
        await close(guest);
    });
    await Promise.all(guests.map(close));
    await test('who comes with a spent code is a stranger, also after a kill', async () => {
        await close(rpc);
        await pub.stop('SIGKILL');
        await pub.start();
        const late = await pub.client('net', guest_keys(code), manifest);
        const feed = ssb_keys.generate().id;
        assert.strictEqual((await refusal(call(late, 'invite.use', { feed }))).message,
                           'method:invite,use is not in list of allowed methods');
        await close(late);
    });
    await pub.stop();
}

/** `count` strangers come with a code one after another: what each is told. */
async function use(pub, code, count) {
    const answers = [];
    for (let i = 0; i < count; i++) {
        const guest = await pub.client('net', guest_keys(code), manifest);
        answers.push(await call(guest, 'invite.use', { feed: ssb_keys.generate().id }).then(
            (message) => message.value.content.note || 'followed', (error) => error.message));
        await close(guest);
    }
    return answers;
}

async function moving_pub() {
    const pub = await Server.start({ config, name: 'pub', program: programs.js });
    const stranger = 'method:invite,use is not in list of allowed methods';
    const create = async (...args) => {
        const rpc = await pub.client();
        const code = await call(rpc, 'invite.create', ...args);
        await close(rpc);
        return code;
    };
    const move_to = async (program) => {
        await pub.stop();
        pub.program = program;
        await pub.start();
    };
    const three = await create({ uses: 3, note: 'welcome' });
    const spent = await create(1);
    const fresh = await create(1);
    await test('what is left of the codes of ssb-server can be used with us', async () => {
        assert.deepStrictEqual(await use(pub, three, 1), ['welcome']);
        assert.deepStrictEqual(await use(pub, spent, 1), ['followed']);
        await move_to(programs.sbot);
        assert.deepStrictEqual(await use(pub, spent, 1), [stranger]);
        assert.deepStrictEqual(await use(pub, three, 1), ['welcome']);
        assert.deepStrictEqual(await use(pub, fresh, 2), ['followed', stranger]);
    });
    await test('uses with both count, also after moving to and fro', async () => {
        await move_to(programs.js);
        const newer = await create(2);
        assert.deepStrictEqual(await use(pub, newer, 1), ['followed']);
        await move_to(programs.sbot);
        assert.deepStrictEqual(await use(pub, newer, 2), ['followed', stranger]);
        assert.deepStrictEqual(await use(pub, fresh, 1), [stranger]);
        assert.deepStrictEqual(await use(pub, three, 2), ['welcome', stranger]);
    });
    await test('ssb-server finds its codes as it left them', async () => {
        assert(!fs.existsSync(path.join(pub.folder, 'invites.copy')));
        await move_to(programs.js);
        assert.deepStrictEqual(await use(pub, three, 3), ['welcome', 'welcome', stranger]);
        await move_to(programs.sbot);
        assert.deepStrictEqual(await use(pub, three, 1), [stranger]);
    });
    await pub.stop();
}

run(async () => {
    await many_guests();
    await moving_pub();
    await exchange(programs.sbot, programs.js);
    await exchange(programs.js, programs.sbot);
});
