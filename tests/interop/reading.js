'use strict';
// The same log of 10,000 odd messages before our server and a real ssb-server, then every reading
// call with options at random: the same answers, item by item and to the letter.
// SEED=1 CALLS=500; fewer by itself.
const { run, tally } = require('./lib/harness');
const { close } = require('./lib/rpc');
const { generator } = require('./lib/random');
const { compare } = require('./lib/reading');
const { Server, programs } = require('./lib/server');
const { make_world, people, write_log } = require('./lib/world');

const seed = process.env.SEED || '1';
const count = Number(process.env.CALLS || 120);

run(async () => {
    console.log(`seed ${seed}`);
    const random = generator(`reading ${seed}`);
    const messages = make_world(random, Number(process.env.MESSAGES || 10000));
    const servers = [];
    for (const program of [programs.sbot, programs.js]) {
        const server = await Server.prepare({ keys: people[0], program });
        write_log(server.folder, messages);
        servers.push(await server.start());
    }
    const [ours, theirs] = await Promise.all(servers.map((server) => server.client()));
    const counts = tally(`reading calls on ${messages.length} messages`);
    await compare(ours, theirs, { random, messages, count, counts });
    counts.close();
    for (const rpc of [ours, theirs]) await close(rpc);
    for (const server of servers) await server.stop();
});
