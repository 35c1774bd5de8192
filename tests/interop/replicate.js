'use strict';
// Whole feeds to and from ssb-server 16: it dials and it is dialled, with
// its EBT plugin and without (createHistoryStream then).
const assert = require('assert');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');
const { run, test, until } = require('./lib/harness');
const { call, close, collect, publish_many } = require('./lib/rpc');
const { Server, programs, random_caps } = require('./lib/server');

const has = (rpc, id, sequence, ms) => until(`${sequence} messages of ${id}`, async () =>
    (await call(rpc, 'getVectorClock'))[id] >= sequence, ms, 100);

/** The chain as the reference's validator sees it; throws what it refuses. */
function check_chain(messages) {
    let state = validate.initial();
    for (const { key, value } of messages) {
        state = validate.append(state, null, value);
        assert.strictEqual(state.queue.pop().key, key);
        assert.strictEqual(`%${ssb_keys.hash(JSON.stringify(value, null, 2))}`, key);
    }
}

const characters = (messages) => messages.map(({ key, value }) =>
    `${key} ${JSON.stringify(value)}`);

async function exchange({ ebt, dials, count }) {
    const caps = random_caps();
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours' }),
        Server.start({ caps, name: 'js', program: programs.js,
                       env: { WITHOUT: ebt ? '' : 'ssb-ebt' } })
    ]);
    const [our, their] = await Promise.all([ours.client(), theirs.client()]);
    const who = `${dials} dials, JavaScript ${ebt ? 'with' : 'without'} EBT`;
    const content = (index) => ({ type: 'post', 7: index / 3, text: `é 漢 \u{1F600} ${index}` });
    await test(`${who}: ${count} messages on each side`, () => Promise.all([
        publish_many(our, count, content), publish_many(their, count, content)]));
    await call(our, 'replicate.request', theirs.id);
    await call(their, 'replicate.request', ours.id);
    await test(`${who}: a connection`, async () => {
        const { host, port } = ours.config;
        if (dials === 'ours') await call(our, 'gossip.connect', theirs.address);
        else await call(their, 'gossip.connect', { host, port, key: ours.id });
    });
    await test(`${who}: our feed reaches JavaScript`, () => has(their, ours.id, count, 60000));
    await test(`${who}: its feed reaches us`, () => has(our, theirs.id, count, 60000));
    for (const [whose, id] of [['our', ours.id], ['its', theirs.id]]) {
        await test(`${who}: ${whose} feed has the same keys and characters on both sides, ` +
                   'and ssb-validate accepts them', async () => {
            const [here, there] = await Promise.all([our, their].map(
                (rpc) => collect(rpc, 'createUserStream', { id })));
            assert.strictEqual(here.length, count);
            assert.deepStrictEqual(characters(here), characters(there));
            check_chain(here);
        });
    }
    await test(`${who}: what is published now crosses at once, both ways`, async () => {
        const late = { type: 'post', text: 'late' };
        await Promise.all([call(our, 'publish', late), call(their, 'publish', late)]);
        await Promise.all([has(our, theirs.id, count + 1, 10000),
                           has(their, ours.id, count + 1, 10000)]);
    });
    await test(`${who}: nothing else was taken`, async () => {
        assert.deepStrictEqual(await call(our, 'getVectorClock'),
                               { [ours.id]: count + 1, [theirs.id]: count + 1 });
    });
    await test(`${who}: both sides live on`, async () => {
        for (const server of [ours, theirs]) assert(!server.child.gone, server.output);
    });
    await Promise.all([close(our), close(their)]);
    await Promise.all([ours.stop(), theirs.stop()]);
}

/** What we come to want after JavaScript, which dialled, has said what it has. */
async function wanted_later(count) {
    const caps = random_caps();
    const [ours, theirs] = await Promise.all([
        Server.start({ caps, name: 'ours' }),
        Server.start({ caps, name: 'js', program: programs.js })
    ]);
    const [our, their] = await Promise.all([ours.client(), theirs.client()]);
    const third = ssb_keys.generate();
    let state = validate.initial();
    for (let index = 0; index < count; ++index) {
        const message = validate.create(state.feeds[third.id], third, null,
                                        { type: 'post', text: `${index} é` }, 1e12 + index);
        state = validate.append(state, null, message);
        await call(their, 'add', message);
    }
    await call(their, 'publish', { type: 'post', text: 'here' });
    await call(their, 'replicate.request', third.id);
    await call(our, 'replicate.request', theirs.id);
    await call(their, 'replicate.request', ours.id);
    await test(`JavaScript dials, and we want ${count} messages later`, async () => {
        const { host, port } = ours.config;
        await call(their, 'gossip.connect', { host, port, key: ours.id });
        await has(our, theirs.id, 1, 20000);
        await call(our, 'replicate.request', third.id);
        await has(our, third.id, count, 20000);
        const [here, there] = await Promise.all([our, their].map(
            (rpc) => collect(rpc, 'createUserStream', { id: third.id })));
        assert.strictEqual(here.length, count);
        assert.deepStrictEqual(characters(here), characters(there));
    });
    await test('and what follows comes by itself', async () => {
        const message = validate.create(state.feeds[third.id], third, null,
                                        { type: 'post', text: 'late' }, 2e12);
        await call(their, 'add', message);
        await has(our, third.id, count + 1, 10000);
    });
    await Promise.all([close(our), close(their)]);
    await Promise.all([ours.stop(), theirs.stop()]);
}

run(async () => {
    await exchange({ ebt: true, dials: 'ours', count: 5100 });
    await exchange({ ebt: false, dials: 'JavaScript', count: 5100 });
    await exchange({ ebt: true, dials: 'JavaScript', count: 300 });
    await exchange({ ebt: false, dials: 'ours', count: 300 });
    await wanted_later(300);
});
