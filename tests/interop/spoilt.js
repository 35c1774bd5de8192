'use strict';
// Twenty ways to spoil a data folder. Each start must come to a running server, or to one line
// that says what to do; never a crash, a new identity or a lost message.
const assert = require('assert');
const { execFileSync, spawn, spawnSync } = require('child_process');
const crypto = require('crypto');
const fs = require('fs');
const path = require('path');
const harness = require('./lib/harness');
const { own, run, temporary_folder, until, within } = harness;
const { call, close, collect } = require('./lib/rpc');
const { Server, programs } = require('./lib/server');

const root = process.getuid() === 0;
const nobody = 65534;
const texts = ['one', 'two', 'three'];
const log_of = (folder) => path.join(folder, 'flume/log.offset');

/** A test that leaves no server behind: all of them use one port. */
const started = new Set();
async function test(sentence, body) {
    await harness.test(sentence, body, 20000);
    for (const server of started) {
        if (!server.gone) server.child.kill('SIGKILL');
        await server.ended;
    }
    started.clear();
}

/** A copy of the good folder; as root it may belong to somebody else. */
function copy_of(good, user) {
    const folder = path.join(temporary_folder('spoilt'), 'ssb');
    execFileSync('cp', ['-a', good.folder, folder]);
    if (user !== undefined) {
        execFileSync('chown', ['-R', `${user}:${user}`, path.dirname(folder)]);
    }
    return folder;
}

/** Starts on a folder; resolves when it answers or has ended. */
async function start(good, folder, { user, command, args = [] } = {}) {
    const line = [...(command || [programs.sbot]), 'start', '--path', folder, ...args];
    const child = own(spawn(line[0], line.slice(1), {
        env: { ...process.env, HOME: folder }, stdio: ['ignore', 'pipe', 'pipe'],
        uid: user, gid: user
    }));
    const server = { child, out: '', err: '', gone: false };
    child.stdout.on('data', (data) => { server.out += data; });
    child.stderr.on('data', (data) => { server.err += data; });
    server.ended = new Promise((resolve, reject) => {
        child.once('error', reject);
        child.once('close', (status, signal) => {
            server.gone = true;
            resolve(signal || status);
        });
    });
    started.add(server);
    server.stop = async () => {
        if (!server.gone) child.kill('SIGTERM');
        return within(8000, 'the server ends', server.ended);
    };
    await until('it runs or has ended', async () => server.gone || /^next:/m.test(server.out),
                10000);
    return server;
}

/** A line for people, nothing else that looks like one, and status 1. */
async function refused(server, words) {
    const status = await server.stop();
    assert.strictEqual(status, 1, server.out + server.err);
    const lines = server.err.split('\n').filter((line) => /^sbot: /.test(line));
    assert.strictEqual(lines.length, 1, server.err);
    assert.match(lines[0], words);
    assert.doesNotMatch(server.err, /assert|Sanitizer|terminate called/i);
}

async function messages(good) {
    const rpc = await good.client('net');
    assert.strictEqual((await call(rpc, 'whoami')).id, good.id);
    const items = await collect(rpc, 'createLogStream', {});
    await close(rpc);
    return items.map((item) => item.value.content.text);
}

/** It runs, is who it was, and has these messages. */
async function runs(good, server, want = texts) {
    assert(!server.gone, server.out + server.err);
    assert.deepStrictEqual(await messages(good), want);
    assert.strictEqual(await server.stop(), 0, server.err);
}

/** Spoils a copy with `spoil(folder)`; then either `words` of the refusal or what it still has. */
async function spoilt(good, sentence, spoil, { words, want, untouched = true, ...options }) {
    await test(sentence, async () => {
        const folder = copy_of(good, options.user);
        await spoil(folder);
        const before = untouched && snapshot(folder);
        const server = await start(good, folder, options);
        if (words) await refused(server, words);
        else await runs(good, server, want);
        // What the identity and the messages are in is as we left it.
        if (before) assert.deepStrictEqual(snapshot(folder), before);
    });
}

function snapshot(folder) {
    const read = (file) => {
        try {
            return fs.readFileSync(file).toString('base64');
        } catch (error) {
            return error.code;
        }
    };
    return [read(path.join(folder, 'secret')), read(log_of(folder))];
}

const missing = (name) => (folder) => fs.rmSync(path.join(folder, name), { recursive: true });
const garbage = (name, data = crypto.randomBytes(3000)) => (folder) => {
    const file = path.join(folder, name);
    fs.rmSync(file, { force: true, recursive: true });
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, data, { mode: 0o600 });
};
const empty = (name) => garbage(name, '');
const a_folder = (name) => (folder) => {
    fs.rmSync(path.join(folder, name), { force: true, recursive: true });
    fs.mkdirSync(path.join(folder, name), { recursive: true });
};

async function the_secret(good) {
    await spoilt(good, 'the secret is missing: no new identity', missing('secret'),
                 { words: /secret is missing.*put it back/ });
    await spoilt(good, 'the secret is empty', empty('secret'), { words: /secret cannot be used/ });
    await spoilt(good, 'the secret is garbage', garbage('secret'),
                 { words: /secret cannot be used/ });
    await spoilt(good, 'the secret is a folder', a_folder('secret'), { words: /secret/ });
    await spoilt(good, 'the secret is a link that leads nowhere, with messages', (folder) => {
        missing('secret')(folder);
        fs.symlinkSync('/nowhere/at/all', path.join(folder, 'secret'));
    }, { words: /secret is a link that leads nowhere: put the secret back where it leads/ });
    await spoilt(good, 'the secret is a link that leads nowhere, without messages', (folder) => {
        missing('secret')(folder);
        missing('flume')(folder);
        fs.symlinkSync('/nowhere/at/all', path.join(folder, 'secret'));
    }, { words: /secret is a link that leads nowhere: put the secret back where it leads/ });
    await test('too long a path for a socket: goes on without, and says so', async () => {
        const folder = path.join(temporary_folder('long'), 'x'.repeat(100));
        execFileSync('cp', ['-a', good.folder, folder]);
        const server = await start(good, folder);
        assert.deepStrictEqual(await messages(good), texts);
        assert.doesNotMatch(server.out, /unix:/);
        assert.match(server.err, /no unix socket is made.*too long.*a shorter --path/);
        const asked = spawnSync(programs.sbot, ['whoami', '--path', folder], { encoding: 'utf8' });
        assert.strictEqual(asked.status, 0, asked.stderr);
        assert.match(asked.stdout, new RegExp(good.id.slice(1, 20).replace('+', '.')));
        assert.strictEqual(await server.stop(), 0, server.err);
    });
    await spoilt(good, 'the secret may be read by others: made private, with a warning',
                 (folder) => fs.chmodSync(path.join(folder, 'secret'), 0o644), {});
}

async function the_log(good) {
    const size = fs.statSync(log_of(good.folder)).size;
    await spoilt(good, 'the log is missing: not begun anew, the feed would fork',
                 missing('flume/log.offset'), { words: /put the log back/, untouched: false });
    await spoilt(good, 'the log is empty', empty('flume/log.offset'),
                 { words: /put the log back/ });
    await spoilt(good, 'the log is garbage', garbage('flume/log.offset'),
                 { words: /log\.offset.*put a backup in its place.*Keep the secret/,
                   untouched: false });
    await spoilt(good, 'half a record at the end of the log', (folder) => {
        const data = fs.readFileSync(log_of(folder));
        fs.appendFileSync(log_of(folder), data.subarray(0, 200));
    }, { untouched: false });
    await spoilt(good, 'half a record is all that is left of the last message',
                 (folder) => fs.truncateSync(log_of(folder), size - 20),
                 { want: texts.slice(0, 2), untouched: false });
    for (const index of ['with its index', 'without an index']) {
        await spoilt(good, `garbage at the start of the log, ${index}`, (folder) => {
            const file = fs.openSync(log_of(folder), 'r+');
            fs.writeSync(file, crypto.randomBytes(60), 0, 60, 0);
            fs.closeSync(file);
            if (index !== 'with its index') missing('flume/core.sqlite')(folder);
        }, { want: texts.slice(1) });
    }
    await test('a message is overwritten: passed over, and said where', async () => {
        const folder = copy_of(good);
        const data = fs.readFileSync(log_of(folder));
        const keys = [...data.toString('latin1').matchAll(/"key":"(%[^"]*)/g)].map((at) => at[1]);
        data.fill('X', data.indexOf('"sequence":2'), data.indexOf('"sequence":2') + 16);
        fs.writeFileSync(log_of(folder), data);
        const server = await start(good, folder);
        const rpc = await good.client('net');
        const others = [texts[0], texts[2]];
        const values = (items) =>
            items.map((item) => (item.value.value || item.value).content.text);
        for (const [name, options] of [
            ['createLogStream', {}], ['createLogStream', { private: true }],
            ['createLogStream', { raw: true }], ['createRawLogStream', {}],
            ['createFeedStream', {}], ['createUserStream', { id: good.id }],
            ['createHistoryStream', { id: good.id }], ['messagesByType', 'post']
        ]) {
            assert.deepStrictEqual(values(await collect(rpc, name, options)), others, name);
        }
        const message =
            /^the message at offset \d+ of .*log\.offset is damaged: run `sbot flume check`$/;
        await assert.rejects(call(rpc, 'get', keys[1]), { message });
        assert.strictEqual((await call(rpc, 'get', keys[2])).content.text, texts[2]);
        await close(rpc);
        assert.strictEqual(await server.stop(), 0, server.err);
        const told = server.err.match(/offset \d+ of .*is damaged and is passed over/g);
        assert.strictEqual(told.length, 1, server.err);
    });
    await spoilt(good, 'the log is a folder', a_folder('flume/log.offset'),
                 { words: /log\.offset.*move/ });
}

/**
 * What was acknowledged into a file without a name would be lost with the process, and the feed
 * would fork. The file is kept under another name, and put back for the next start.
 */
async function the_log_is_gone(good) {
    const elsewhere = (folder) => path.join(path.dirname(folder), 'elsewhere');
    const put_back = (name) => (folder) => {
        fs.rmSync(path.join(folder, name), { force: true, recursive: true });
        fs.renameSync(elsewhere(folder), path.join(folder, name));
    };
    const ways = {
        'another file renamed over it': [(folder) => {
            fs.linkSync(log_of(folder), elsewhere(folder));
            fs.copyFileSync(log_of(folder), `${log_of(folder)}.old`);
            fs.renameSync(`${log_of(folder)}.old`, log_of(folder));
        }, put_back('flume/log.offset'), /log\.offset was replaced by another file/],
        'removed': [(folder) => {
            fs.linkSync(log_of(folder), elsewhere(folder));
            fs.rmSync(log_of(folder));
        }, put_back('flume/log.offset'), /log\.offset was removed or moved away/],
        'removed with its folder': [(folder) => {
            fs.cpSync(path.join(folder, 'flume'), elsewhere(folder), { recursive: true });
            missing('flume')(folder);
        }, put_back('flume'), /log\.offset was removed or moved away/],
        'away, as all of the folder is renamed': [
            (folder) => fs.renameSync(folder, elsewhere(folder)),
            (folder) => fs.renameSync(elsewhere(folder), folder),
            /log\.offset was removed or moved away/]
    };
    for (const [sentence, [spoil, mend, words]] of Object.entries(ways)) {
        await test(`the log of a running server is ${sentence}: refused`, async () => {
            const folder = copy_of(good);
            const server = await start(good, folder);
            const rpc = await good.client('net');
            await spoil(folder);
            for (let i = 0; i < 3; i++) {
                await assert.rejects(call(rpc, 'publish', { type: 'post', text: `lost ${i}` }),
                                     (why) => words.test(why.message) &&
                                         /Stop the server, put the log back/.test(why.message));
            }
            assert.strictEqual((await call(rpc, 'whoami')).id, good.id);
            await close(rpc);
            assert.strictEqual(await server.stop(), 0, server.err);
            const told = server.err.match(/log: the log could not be written/g);
            assert.strictEqual(told && told.length, 1, server.err);
            await mend(folder);
            await start(good, folder);
            const again = await good.client('net');
            await call(again, 'publish', { type: 'post', text: 'four' });
            await close(again);
            assert.deepStrictEqual(await messages(good), [...texts, 'four']);
        });
    }
}

async function the_rest(good) {
    await spoilt(good, 'the index is missing', missing('flume/core.sqlite'), {});
    await spoilt(good, 'the index is empty', empty('flume/core.sqlite'), {});
    await spoilt(good, 'the index is garbage', garbage('flume/core.sqlite'), {});
    await spoilt(good, 'the machine stopped while the index was open', (folder) => {
        const index = path.join(folder, 'flume/core.sqlite');
        const half = Math.floor(fs.statSync(index).size / 8192) * 4096;
        fs.truncateSync(index, half);
        fs.truncateSync(index, 2 * half);
        fs.writeFileSync(`${index}-boot`, `${crypto.randomUUID()}\n`);
    }, {});
    for (const [sentence, how] of [['missing', missing], ['empty', empty], ['garbage', garbage]]) {
        await spoilt(good, `manifest.json is ${sentence}`, how('manifest.json'), {});
    }
    await spoilt(good, 'manifest.json is a folder', a_folder('manifest.json'),
                 { words: /manifest\.json: Is a directory;.*move/ });
    await spoilt(good, 'a file stands where the socket is to be', garbage('socket'),
                 { words: /socket is no socket.*move it away/ });
    await spoilt(good, 'gossip.json and conn.json are garbage: left alone', (folder) => {
        garbage('gossip.json', '{"x')(folder);
        garbage('conn.json', '{"x')(folder);
    }, {});
    await spoilt(good, 'the folder flume is a file', garbage('flume'), { words: /flume.*move/ });
    await spoilt(good, 'a lock file of the JavaScript server is garbage',
                 garbage('flume/keys/LOCK'), {});
}

async function the_configuration(good) {
    const changed = (change) => (folder) => fs.writeFileSync(
        path.join(folder, 'config'), JSON.stringify({ ...good.config, ...change }));
    const file = /config: .*must be/;
    await spoilt(good, 'no end in the configuration', garbage('config', '{"port": 1,'),
                 { words: /config: line 1/ });
    await spoilt(good, 'nonsense in the configuration', garbage('config', '= x\n'),
                 { words: /config: line 1: value without a key/ });
    const config = (folder) => path.join(folder, 'config');
    const instead = (make) => (folder) => {
        fs.rmSync(config(folder));
        make(config(folder));
    };
    const named = (reason) => ({ words: new RegExp(`configuration file .*/config.*${reason}`) });
    // Were they taken for one that says nothing, the node would run on the main network.
    await spoilt(good, 'random bytes in the configuration', garbage('config', Buffer.concat(
        [crypto.randomBytes(300), Buffer.from([0xff])])), named('no text in UTF-8'));
    await spoilt(good, 'zero bytes in the configuration', garbage('config', Buffer.alloc(300)),
                 named('line 1: a control character'));
    await spoilt(good, 'a list in the configuration', garbage('config', '[1,2]'),
                 named('must be an object'));
    await spoilt(good, 'the configuration is a folder', a_folder('config'),
                 named('no regular file'));
    await spoilt(good, 'the configuration is a fifo',
                 instead((file) => execFileSync('mkfifo', [file])), named('no regular file'));
    await spoilt(good, 'the configuration is a link that leads nowhere',
                 instead((file) => fs.symlinkSync('/nowhere/at/all', file)),
                 named('leads nowhere'));
    await spoilt(good, 'the configuration is a link to a file', (folder) => {
        fs.renameSync(config(folder), `${config(folder)}.kept`);
        fs.symlinkSync('config.kept', config(folder));
    }, {});
    await spoilt(good, 'a byte order mark in the configuration', (folder) =>
        fs.writeFileSync(config(folder), `\ufeff${fs.readFileSync(config(folder))}`), {});
    await spoilt(good, 'a port that is none', changed({ port: 'high' }), { words: file });
    await spoilt(good, 'caps that are none', changed({ caps: { shs: 'x' } }), { words: file });
    await spoilt(good, 'a time that is none', changed({ timers: { handshake: 'soon' } }),
                 { words: file });
    await spoilt(good, 'listeners that are none',
                 changed({ connections: { incoming: { net: [5] } } }), { words: file });
    await spoilt(good, 'a bad log level: the reference\'s warning',
                 changed({ logging: { level: 'loud' } }), {});
    await test('other caps: runs, and our clients over the net are refused', async () => {
        const folder = copy_of(good);
        changed({ caps: { shs: Buffer.alloc(32, 3).toString('base64') } })(folder);
        const server = await start(good, folder);
        await assert.rejects(good.client('net'));
        assert.strictEqual(await server.stop(), 0);
    });
    await test('the port is taken', async () => {
        const other = await start(good, copy_of(good));
        await refused(await start(good, copy_of(good)),
                      new RegExp(`port ${good.port}.*choose another port`));
        await runs(good, other);
    });
    await test('the folder is taken: the owner is named', async () => {
        const folder = copy_of(good);
        const other = await start(good, folder);
        await refused(await start(good, folder), new RegExp(`process ${other.child.pid}\\b`));
        await runs(good, other);
    });
}

/** Rights count for everybody but root. */
async function rights(good) {
    const user = root ? nobody : undefined;
    const chmod = (name, mode) => (folder) => fs.chmodSync(path.join(folder, name), mode);
    const words = /Permission denied; start as the user/;
    const options = { user, words, untouched: false };
    await spoilt(good, 'the folder may not be written', chmod('.', 0o500), options);
    await spoilt(good, 'the log may not be read', chmod('flume/log.offset', 0), options);
    await spoilt(good, 'the secret may not be read', chmod('secret', 0), options);
    await spoilt(good, 'the configuration may not be read', chmod('config', 0),
                 { ...options, words: /cannot be read.*config: Perm.*; make it read/ });
    await spoilt(good, 'the index may not be written', (folder) => {
        for (const name of fs.readdirSync(path.join(folder, 'flume'))) {
            if (/sqlite/.test(name)) chmod(`flume/${name}`, 0o400)(folder);
        }
        chmod('flume', 0o500)(folder);
    }, { ...options,
         words: /flume\b.*(must be writable|Permission denied); ?.*start as the user/ });
    for (const name of ['gossip.json', 'conn.json']) {
        await test(`${name} may not be read: left where it is, nothing starts`, async () => {
            const folder = copy_of(good, user);
            const file = path.join(folder, name);
            fs.writeFileSync(file, '[]', { mode: 0 });
            if (root) fs.chownSync(file, nobody, nobody);
            await refused(await start(good, folder, { user }),
                          new RegExp(`table of peers.*${name}: Permission denied; start as`));
            assert(fs.existsSync(file) && !fs.existsSync(`${file}.damaged`));
        });
    }
    if (!root) return;
    await spoilt(good, 'the secret belongs to somebody else', (folder) =>
        fs.chownSync(path.join(folder, 'secret'), 0, 0), options);
    await test('a secret of somebody else that all may read: not called private', async () => {
        const folder = copy_of(good, user);
        const file = path.join(folder, 'secret');
        fs.chownSync(file, 0, 0);
        fs.chmodSync(file, 0o444);
        const server = await start(good, folder, { user });
        await refused(server, /secret can be read by others, and that cannot be changed/);
        assert.doesNotMatch(server.err, /private now/);
    });
    await spoilt(good, 'the log belongs to somebody else', (folder) =>
        fs.chownSync(log_of(folder), 0, 0), options);
    await spoilt(good, 'all belongs to the one who starts', () => {}, { user });
}

/** A small disk, in a namespace of its own, where we may make one. */
function mounted(good, options, then = ':') {
    const place = temporary_folder('disk');
    const script = `mount -t tmpfs -o ${options} none "$1" && cp -a "$2" "$1/ssb" && ` +
        `{ ${then}; } && shift 2 && exec "$@"`;
    return { command: ['unshare', '-m', 'sh', '-c', script, 'sh', place, good.folder,
                       programs.sbot], folder: path.join(place, 'ssb') };
}

function may_mount() {
    try {
        execFileSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'],
                     { stdio: 'ignore' });
        return true;
    } catch (error) {
        return false;
    }
}

/** Publishes until that fails; the texts that were acknowledged. */
async function fill(good) {
    const rpc = await good.client('net');
    const done = [];
    let why;
    for (let i = 0; i < 3000 && !why; i++) {
        const text = `${i} ${'x'.repeat(7000)}`;
        await call(rpc, 'publish', { type: 'post', text }).then(() => done.push(text), (error) => {
            why = error;
        });
    }
    assert(why, 'the disk never got full');
    await close(rpc);
    return done;
}

/** The index may lack the last ones while there is no room for it, the log does not. */
async function shows_the_first(good, done) {
    const seen = await messages(good);
    assert(seen.length >= texts.length);
    assert.deepStrictEqual(seen, [...texts, ...done].slice(0, seen.length));
}

async function few_files(good) {
    for (const most of [8, 24]) {
        await test(`no more than ${most} files: says which limit is to be raised`, async () => {
            const command = ['bash', '-c', `ulimit -n ${most} && exec "$@"`, 'bash', programs.sbot];
            const folder = copy_of(good);
            fs.writeFileSync(path.join(folder, 'gossip.json'), '[]');
            await refused(await start(good, folder, { command }), /64 are needed.*ulimit -n/);
            assert(fs.existsSync(path.join(folder, 'gossip.json')));
            if (most > 8) return;
            const asked = spawnSync(command[0], [...command.slice(1), 'whoami', '--path', folder],
                                    { encoding: 'utf8' });
            assert.strictEqual(asked.status, 1, asked.stderr);
            assert.match(asked.stderr, /^sbot: .*16 are needed.*ulimit -n\)\n$/);
        });
    }
}

async function the_disk(good) {
    await test('files may not grow: what was acknowledged stays, also over a restart', async () => {
        const folder = copy_of(good);
        const small = ['bash', '-c', 'ulimit -f 300 && exec "$@"', 'bash', programs.sbot];
        const server = await start(good, folder, { command: small });
        const done = await fill(good);
        await shows_the_first(good, done);
        assert.strictEqual(await server.stop(), 0, server.err);
        const again = await start(good, folder);
        const now = await messages(good);
        assert.deepStrictEqual(now.slice(0, 3 + done.length), [...texts, ...done]);
        assert.strictEqual(await again.stop(), 0);
    });
    if (!may_mount()) {
        console.log('       no disks of our own may be mounted here: two cases are left out');
        return;
    }
    await test('the disk can only be read', async () => {
        const { command, folder } = mounted(good, 'size=8m', 'mount -o remount,ro "$1"');
        await refused(await start(good, folder, { command }), /Read-only.*writable/);
    });
    await test('the disk is full', async () => {
        const { command, folder } = mounted(good, 'size=8m',
                                            'cat /dev/zero > "$1/filler" 2>/dev/null; true');
        const server = await start(good, folder, { command });
        if (server.gone) await refused(server, /make room/);
        else await runs(good, server);
    });
    await test('the disk gets full while messages come', async () => {
        const { command, folder } = mounted(good, 'size=3500k',
                                            'head -c 1700k /dev/zero > "$1/filler"');
        const server = await start(good, folder, { command });
        const done = await fill(good);
        await shows_the_first(good, done);
        fs.unlinkSync(`/proc/${server.child.pid}/root${path.dirname(folder)}/filler`);
        const rpc = await good.client('net');
        done.push('room again');
        await call(rpc, 'publish', { type: 'post', text: done.at(-1) });
        await close(rpc);
        assert.deepStrictEqual(await messages(good), [...texts, ...done]);
        assert.strictEqual(await server.stop(), 0, server.err);
    });
}

run(async () => {
    // Others than root must get at the program too.
    const place = temporary_folder('program');
    fs.chmodSync(place, 0o755);
    fs.copyFileSync(programs.sbot, path.join(place, 'sbot'));
    programs.sbot = path.join(place, 'sbot');
    const good = await Server.start({ name: 'good' });
    const rpc = await good.client();
    for (const text of texts) await call(rpc, 'publish', { type: 'post', text });
    await close(rpc);
    await good.stop();
    for (const part of [the_secret, the_log, the_log_is_gone, the_rest, the_configuration, rights,
                        few_files, the_disk]) {
        await part(good);
    }
});
