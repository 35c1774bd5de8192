'use strict';
// The command line: starting, asking a running server, publishing, streams, errors, statuses.
const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { own, run, sleep, temporary_folder, test, until, within } = require('./lib/harness');
const { call, close } = require('./lib/rpc');
const { Server, programs } = require('./lib/server');

/** Starts the program; `done` gives `{status, out, err}`, `output()` what it printed so far. */
function launch(program, args, home, input = '', env = {}) {
    const child = own(spawn(program, args, { env: { ...process.env, HOME: home, ...env } }));
    let out = '', err = '';
    child.stdout.on('data', (data) => { out += data; });
    child.stderr.on('data', (data) => { err += data; });
    child.stdin.on('error', () => {});
    child.stdin.end(input);
    const done = new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (status, signal) => resolve({ status: signal || status, out, err }));
    });
    return { child, done, output: () => out };
}

/** One command to a running server, settings as ssb-server's command line takes them. */
const ask = (server, args, input) => within(20000, args.join(' '), launch(
    server.program, [...args, '--', ...server.settings()], server.folder, input).done);

/** Items of a stream: indented JSON, an empty line after each. */
const items = (out) => out.split('\n\n').filter((item) => item.trim()).map((item) =>
    JSON.parse(item));

async function answer(server, ...args) {
    const { status, out, err } = await ask(server, args);
    assert.strictEqual(status, 0, err);
    return out;
}

async function refused(server, args, words) {
    const { status, out, err } = await ask(server, args);
    assert.strictEqual(status, 1, out + err);
    assert.match(out + err, words);
}

async function asking(server) {
    await test('whoami prints JSON with two blanks', async () => {
        assert.strictEqual(await answer(server, 'whoami'), `{\n  "id": "${server.id}"\n}\n`);
    });
    await test('settings in DIR/config are enough', async () => {
        const { status, out, err } = await launch(
            server.program, ['whoami', '--', '--path', server.folder], server.folder).done;
        assert.strictEqual(status, 0, err);
        assert.strictEqual(JSON.parse(out).id, server.id);
    });
    let first;
    await test('publish --type post --text …', async () => {
        first = JSON.parse(await answer(server, 'publish', '--type', 'post', '--text', 'hi é'));
        assert.deepStrictEqual(Object.keys(first), ['key', 'value', 'timestamp']);
        assert.deepStrictEqual(first.value.content, { type: 'post', text: 'hi é' });
        assert.strictEqual(first.value.author, server.id);
    });
    await test('options make objects, lists, numbers and switches', async () => {
        const { value } = JSON.parse(await answer(
            server, 'publish', '--type=vote', '--vote.link', first.key, '--vote.value', '1',
            '--tag', 'a', '--tag', 'b', '--no-fun', '--real', '--neg=-5'));
        assert.deepStrictEqual(value.content, {
            type: 'vote', vote: { link: first.key, value: 1 }, tag: ['a', 'b'], fun: false,
            real: true, neg: -5
        });
    });
    await test('publish . takes JSON from standard input', async () => {
        const content = { type: 'post', text: 'piped', 1: [true, { a: 'b' }] };
        const { status, out, err } = await ask(server, ['publish', '.'], JSON.stringify(content));
        assert.strictEqual(status, 0, err);
        assert.deepStrictEqual(JSON.parse(out).value.content, content);
    });
    await test('publish . refuses broken JSON', async () => {
        const { status } = await ask(server, ['publish', '.'], '{"type":"post",');
        assert.strictEqual(status, 1);
    });
    await test('get KEY', async () => {
        assert.deepStrictEqual(JSON.parse(await answer(server, 'get', first.key)), first.value);
    });
    await test('an answer without a value prints as false', async () => {
        const stranger = `@${Buffer.alloc(32, 5).toString('base64')}.ed25519`;
        assert.strictEqual(await answer(server, 'getLatest', stranger), 'false\n');
    });
    await test('publish with recps goes out boxed', async () => {
        const { value } = JSON.parse(await answer(
            server, 'publish', '--type', 'post', '--text', 'secret', '--recps', server.id));
        assert(value.content.endsWith('.box'));
    });
}

async function streaming(server) {
    await test('createLogStream --limit 2', async () => {
        const printed = await answer(server, 'createLogStream', '--limit', '2');
        assert.strictEqual(items(printed).length, 2);
        assert(printed.startsWith('{\n  "key": "%') && printed.endsWith('}\n\n'));
    });
    await test('log, hist, feed and logt are short for streams', async () => {
        const log = items(await answer(server, 'log'));
        assert.deepStrictEqual(items(await answer(server, 'createLogStream')), log);
        assert.strictEqual(items(await answer(server, 'hist', '--id', server.id)).length,
                           log.length);
        assert.strictEqual(items(await answer(server, 'feed', '--limit', '1')).length, 1);
        assert.strictEqual(items(await answer(server, 'logt', '--type', 'vote')).length, 1);
    });
    await test('createUserStream --id, backward', async () => {
        const printed = await answer(server, 'createUserStream', '--id', server.id, '--reverse',
                                     '--limit', '2');
        const [last, before] = items(printed);
        assert.strictEqual(last.value.sequence, before.value.sequence + 1);
    });
    await test('createLogStream --live prints messages as they come', async () => {
        const stream = launch(server.program, [
            'createLogStream', '--live', '--no-old', '--', ...server.settings()], server.folder);
        await sleep(1000);
        for (const words of ['one', 'two']) {
            await answer(server, 'publish', '--type', 'post', '--text', words);
            await until(`${words} is printed`, async () => stream.output().includes(`"${words}"`),
                        5000);
        }
        assert.strictEqual(stream.child.exitCode, null);
        stream.child.kill('SIGTERM');
        await stream.done;
        assert.deepStrictEqual(items(stream.output()).map((item) => item.value.content.text),
                               ['one', 'two']);
    });
    await test('a stream stops when nobody reads it', async () => {
        const { child, done } = launch(server.program, [
            'createLogStream', '--live', '--', ...server.settings()], server.folder);
        await sleep(500);
        child.stdout.destroy();
        await answer(server, 'publish', '--type', 'post', '--text', 'nobody reads');
        await answer(server, 'publish', '--type', 'post', '--text', 'nobody reads');
        await done;
    }, 15000);
}

async function failing(server) {
    await test('a refused call: its message, status 1', () => refused(
        server, ['publish', '--text', 'no type'], /type must be a string/));
    await test('a missing argument: its message, status 1', () => refused(
        server, ['latestSequence'], /Param 0 is required/));
    await test('a stream that fails: its message, status 1', () => refused(
        server, ['createUserStream', '--id', 'x'], /Param 0 must have a \.id of type "feedId"/));
    await test('an unknown command: help, status 1', () => refused(
        server, ['nonsense'], /missing command: nonsense/));
    await test('an unknown command is said as Node prints it', async () => {
        const { status, out } = await ask(server, ['gossip.nonsense']);
        assert.strictEqual(status, 1);
        assert(out.startsWith('{ cmd: [ \'gossip\' ], help: [ \'nonsense\' ] }\n' +
                              'missing command: gossip.nonsense\n'), out);
    });
    await test('a refusal without a usage error: the object, as Node prints it', async () => {
        const { status, err } = await ask(server, ['get', 'x']);
        assert.strictEqual(status, 1);
        assert.match(err, /^\{\n? +message: 'Param 0 must by of type object',/m);
    });
    await test('a duplex method is refused', async () => {
        if (!('ping' in JSON.parse(await answer(server, 'manifest')).gossip)) return;
        await refused(server, ['gossip.ping'],
                      /Invalid Manifest: duplex is not a valid method-type/);
    });
    await test('METHOD --help, GROUP and --help: usage, status 0', async () => {
        assert.match(await answer(server, 'publish', '--help'), /^publish # .*\n  --type /);
        assert.match(await answer(server, 'gossip'), /\bconnect\b.*\|help$/m);
        assert.match(await answer(server, 'gossip', '--help'), /^gossip\.connect \{address\} # /m);
        const all = await answer(server, '--help');
        assert.match(all, /^createLogStream # [^]*^ {2}--reverse [^]*^gossip # /m);
    });
    await test('config prints the settings that are in force, with the keys', async () => {
        const config = JSON.parse(await answer(server, 'config'));
        assert.strictEqual(config.port, server.port);
        assert.deepStrictEqual(config.friends, { dunbar: 150, hops: 2 });
        assert.deepStrictEqual(config.keys, server.keys);
    });
    await test('no command: help, status 0', async () => {
        const { status, out } = await ask(server, []);
        assert.strictEqual(status, 0);
        assert.match(out, /whoami/);
    });
}

/** One command whose settings come as a person gives them: a file, the environment, before --. */
const plainly = (server, args, env = {}) => within(20000, args.join(' '), launch(
    server.program, args, server.folder, '', env).done);

async function other_servers(server) {
    const other = await Server.start({ caps: server.caps, config: { master: [server.id] } });
    const config = path.join(server.folder, 'config');
    const home = temporary_folder('asks');
    fs.mkdirSync(path.join(home, '.ssb'));
    for (const name of ['secret', 'config', 'manifest.json']) {
        fs.copyFileSync(path.join(server.folder, name), path.join(home, '.ssb', name));
    }
    fs.symlinkSync(path.join(server.folder, 'socket'), path.join(home, '.ssb/socket'));
    const at_home = { ...server, folder: home };
    const asks = async (whom, args, env) => {
        const { status, out, err } = await plainly(at_home, ['whoami', ...args], env);
        assert.strictEqual(status, 0, err);
        assert.strictEqual(JSON.parse(out).id, whom.id);
    };
    const port = String(other.port);
    await test('without a word about the server, the one at the socket is asked', () =>
        asks(server, []));
    await test('our own key changes nothing', () => asks(server, ['--key', server.id]));
    await test('--key of another server, without and behind --', async () => {
        const named = ['--host', '127.0.0.1', '--port', port, '--key', other.id];
        await asks(other, named);
        fs.writeFileSync(path.join(home, '.ssb/config'), JSON.stringify(
            { caps: { shs: server.caps } }));
        await asks(other, ['--', ...named]);
        fs.copyFileSync(config, path.join(home, '.ssb/config'));
    });
    await test('ssb_key and ssb_port', () => asks(other, [], { ssb_key: other.id,
                                                               ssb_port: port }));
    await test('another key, and nobody there who has it: not the socket', async () => {
        const { status, out, err } = await plainly(at_home, ['whoami', '--key', other.id]);
        assert.strictEqual(status, 1, out);
        assert.match(err, /Could not connect/);
    });
    await test('another network: not the socket', async () => {
        const { status, out, err } = await plainly(at_home, ['whoami', '--caps.shs',
                                                             `${'A'.repeat(43)}=`]);
        assert.strictEqual(status, 1, out);
        assert.match(err, /Could not connect/);
    });
    await test('key and port in the configuration file', async () => {
        fs.writeFileSync(path.join(home, '.ssb/config'), JSON.stringify(
            { ...server.config, key: other.id, port: other.port }));
        await asks(other, []);
        const { out, err } = await plainly(at_home, ['publish', '--type', 'post', '--text', 'B']);
        assert.strictEqual(JSON.parse(out).value.author, other.id, err);
    });
    await test('before -- stand the options of the method alone', async () => {
        const asked = await ask(server, ['sql.index', '--name', 'last', '--path', '$.items']);
        assert.strictEqual(asked.status, 0, asked.err);
        const published = await ask(server, ['publish', '--type', 'pub', '--key', other.id,
                                             '--port', '1']);
        assert.strictEqual(published.status, 0, published.err);
        assert.strictEqual(JSON.parse(published.out).value.author, server.id);
    });
    await other.stop();
}

async function starting_twice(server) {
    await test('a second start on the folder stops and names the owner', async () => {
        const log = path.join(server.folder, 'flume/log.offset');
        const before = fs.readFileSync(log);
        const { status, out, err } = await launch(
            programs.sbot, ['start', '--path', server.folder], server.folder).done;
        assert.strictEqual(status, 1);
        assert.match(out + err, new RegExp(`\\b${server.child.pid}\\b`));
        assert.deepStrictEqual(fs.readFileSync(log), before);
        await answer(server, 'whoami');
    });
    await test('beside a running JavaScript server it stops too', async () => {
        const theirs = await Server.start({ program: programs.js, name: 'js' });
        const rpc = await theirs.client();
        await call(rpc, 'publish', { type: 'post', text: 'mine' });
        const log = path.join(theirs.folder, 'flume/log.offset');
        const before = fs.readFileSync(log);
        const { status, out, err } = await launch(
            programs.sbot, ['start', '--path', theirs.folder], theirs.folder).done;
        assert.strictEqual(status, 1);
        assert.match(out + err, new RegExp(`\\b${theirs.child.pid}\\b`));
        assert.deepStrictEqual(fs.readFileSync(log), before);
        await call(rpc, 'publish', { type: 'post', text: 'still mine' });
        await close(rpc);
        await theirs.stop();
    });
    await test('a taken port stops the start and says so', async () => {
        const { status, out, err } = await launch(programs.sbot, [
            'start', '--path', temporary_folder('port'), '--port', String(server.port), '--host',
            '127.0.0.1'], temporary_folder('home')).done;
        assert.strictEqual(status, 1);
        assert.match(out + err, new RegExp(`\\b${server.port}\\b`));
    });
}

async function the_secret(server) {
    const start = (folder) => launch(programs.sbot, [
        'start', '--path', folder, '--port', String(server.port), '--host', '127.0.0.1',
        '--caps.shs', server.caps], folder);
    const mode = (file) => (fs.statSync(file).mode & 0o777).toString(8);
    await test('start makes a secret that only its owner may read, and prints the id', async () => {
        const folder = path.join(temporary_folder('fresh'), 'deep/inside');
        const { child, done, output } = start(folder);
        await until('it has started', async () => fs.existsSync(`${folder}/manifest.json`), 5000);
        const { id } = JSON.parse(fs.readFileSync(`${folder}/secret`, 'utf8')
            .replace(/#[^\n]*/g, ''));
        assert.strictEqual(mode(`${folder}/secret`), '400');
        await until('it prints', async () => output().includes(id.slice(1, -8)), 3000);
        assert.strictEqual(mode(`${folder}/socket`), '600');
        child.kill('SIGTERM');
        await done;
    });
    await test('a secret that others may read is tightened', async () => {
        const folder = temporary_folder('open');
        fs.copyFileSync(`${server.folder}/secret`, `${folder}/secret`);
        fs.chmodSync(`${folder}/secret`, 0o644);
        const { child, done } = start(folder);
        await until('it has started', async () => fs.existsSync(`${folder}/manifest.json`), 5000);
        assert.match(mode(`${folder}/secret`), /^[46]00$/);
        child.kill('SIGTERM');
        assert.match((await done).err, /secret/);
    });
    for (const spoilt of ['', '{', 'null', '{"curve":"ed25519"}']) {
        await test(`a spoilt secret, ${JSON.stringify(spoilt)}, stops the start`, async () => {
            const folder = temporary_folder('spoilt');
            fs.writeFileSync(`${folder}/secret`, spoilt, { mode: 0o600 });
            const { status, out, err } = await start(folder).done;
            assert.strictEqual(status, 1);
            assert.match(out + err, /secret/);
            assert.strictEqual(fs.readFileSync(`${folder}/secret`, 'utf8'), spoilt);
        });
    }
    await test('a broken configuration file stops the start', async () => {
        const folder = temporary_folder('broken');
        fs.writeFileSync(`${folder}/config`, '{"port": 1234,');
        const { status, out, err } = await start(folder).done;
        assert.strictEqual(status, 1);
        assert.match(out + err, /config/);
        assert(!fs.existsSync(`${folder}/flume`));
    });
}

/** A command by way of the shell, for what becomes of its descriptors. */
const shell = (server, words, redirection) => within(20000, words, launch(
    '/bin/sh', ['-c', `"$@" ${redirection}`, 'sh', server.program, ...words.split(' '), '--',
                ...server.settings()], server.folder).done);

async function descriptors(server) {
    for (const redirection of ['>&-', '<&-', '2>&-', '<&- >&- 2>&-']) {
        await test(`whoami ${redirection}`, async () => {
            const { status, out, err } = await shell(server, 'whoami', redirection);
            assert.strictEqual(status, 0, err);
            if (!redirection.includes('>&-')) assert.strictEqual(JSON.parse(out).id, server.id);
        });
    }
    for (const words of ['whoami', 'createLogStream', 'config', '--version']) {
        await test(`${words} on a full disk says so, status 1`, async () => {
            const { status, err } = await shell(server, words, '> /dev/full');
            assert.strictEqual(status, 1);
            assert.strictEqual(err, 'Error: standard output: No space left on device\n');
        });
    }
    await test('nobody who reads any more is no trouble to tell of', async () => {
        const { err } = await shell(server, 'createLogStream', '| true');
        assert.strictEqual(err, '');
    });
}

/** Messages from one server's stream to another's, as a pipe does. */
async function storing(server) {
    const other = await Server.start({ caps: server.caps, name: 'other' });
    const log = (await answer(server, 'createLogStream'));
    const count = items(log).length;
    const stored = async () => items(await answer(other, 'createLogStream')).map(({ key }) => key);
    const keys = items(log).map(({ key }) => key);
    await test('createWriteStream takes what createLogStream prints', async () => {
        const { status, err } = await ask(other, ['createWriteStream'], log);
        assert.strictEqual(status, 0, err);
        assert.deepStrictEqual(await stored(), keys);
        assert(count > 5);
    });
    await test('and messages a line each, up to what is none', async () => {
        const third = await Server.start({ caps: server.caps, name: 'third' });
        const lines = items(log).slice(0, 3).map(({ value }) => JSON.stringify(value));
        const { status, err } = await ask(third, ['createWriteStream'],
                                          `${lines.join('\n')}\nodd\n${lines[0]}`);
        assert.strictEqual(status, 1);
        assert.strictEqual(err, 'Error: standard input: line 4: no JSON object\n');
        const got = items(await answer(third, 'createLogStream')).map(({ key }) => key);
        assert.deepStrictEqual(got, keys.slice(0, 3));
        await third.stop();
    });
    await test('a file that cannot be read is named', async () => {
        const { status, err } = await ask(other, ['blobs.add', other.folder]);
        assert.strictEqual(status, 1);
        assert.strictEqual(err, `Error: ${other.folder}: Is a directory\n`);
        const piped = await shell(other, 'createWriteStream', '< /');
        assert.strictEqual(piped.status, 1);
        assert.strictEqual(piped.err, 'Error: standard input: Is a directory\n');
    });
    await test('a port behind the cut is asked, whatever the folder has', async () => {
        const { status, err } = await launch(other.program, [
            'whoami', '--', '--path', other.folder, '--port', String(server.port), '--key',
            server.id], other.folder).done;
        assert.strictEqual(status, 1);
        assert.match(err, /not in list of allowed methods/);  // who asks is a stranger there
        const wrong = await launch(other.program, ['whoami', '--', '--path', other.folder,
                                                   '--port', 'abc'], other.folder).done;
        assert.strictEqual(wrong.status, 1);
        assert.match(wrong.err, /port must be a port, 1 to 65535, not "abc"/);
    });
    await other.stop();
}

async function no_server(server) {
    await test('SIGTERM ends the server with status 0', async () => {
        assert.strictEqual(await server.stop(), 0, server.output);
    });
    await test('without a server: says so, status 1', () => refused(
        server, ['whoami'], new RegExp(`Could not connect to .*127.0.0.1:${server.port}`)));
    await test('in a folder no server ever ran in: says so, status 1', async () => {
        const folder = temporary_folder('empty');
        const { status, out, err } = await launch(
            server.program, ['whoami', '--', '--path', folder], folder).done;
        assert.strictEqual(status, 1, out + err);
        // As the reference: it looks for the manifest first, and says no more.
        assert.strictEqual(err, 'Error: no manifest file- should be generated first time server ' +
            'is run\n');
    });
}

run(async () => {
    const server = await Server.start();
    await asking(server);
    await streaming(server);
    await failing(server);
    await other_servers(server);
    await descriptors(server);
    await storing(server);
    await starting_twice(server);
    await no_server(server);
    await the_secret(server);
});
