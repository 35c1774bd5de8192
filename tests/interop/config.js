'use strict';
// Configuration merged from files, environment and arguments, as npm ssb-config merges it: random
// ones, compared whole. CASES=40, SEED=1.
const assert = require('assert');
const { execFileSync, spawnSync } = require('child_process');
const fs = require('fs');
const path = require('path');
const { run, temporary_folder, test } = require('./lib/harness');
const { generator } = require('./lib/random');
const { programs } = require('./lib/server');

const seed = Number(process.env.SEED || 1);
const cases = Number(process.env.CASES || 40);
const random = generator(seed);
const pick = random.pick;

const feed = `@${'A'.repeat(43)}=.ed25519`;
const keys = ['host', 'port', 'timeout', 'pub', 'local', 'party', 'logging.level', 'friends.hops',
              'friends.dunbar', 'gossip.connections', 'timers.ping', 'timers.handshake', 'ws.port',
              'blobs.max', 'unknown', 'own.nested.key', 'caps.sign', 'seeds', 'master'];
const values = {
    host: ['localhost', '127.0.0.1', '::1'], port: [8008, 9999, 1], 'ws.port': [8989, 7777],
    'logging.level': ['info', 'error', 'notice'], 'caps.sign': [null],
    seeds: [[], [`net:example.org:8008~shs:${feed.slice(1, 45)}`]],
    master: [[], [feed], [feed, feed.replace('A', 'B')]]
};
const any = [0, 1, -3, 2.5, true, false, 'word', 'two words', '', '007', '1e3', 'null', [1, 2],
             { deep: 1 }, 'ümlaut', '0x10'];
const numbers = [0, 1, 2, 2.5, 150, 60000];
const switches = [true, false];
const kind_of = (key) => values[key] || (/^(timeout|friends|gossip|timers|blobs)/.test(key)
    ? numbers : /^(pub|local|party)$/.test(key) ? switches : any);
/** Now and then of the wrong kind. */
const value_of = (key) => random.chance(4) ? pick(any) : pick(kind_of(key));

function set(tree, key, value) {
    const names = key.split('.');
    const last = names.pop();
    let at = tree;
    for (const name of names) {
        if (typeof at[name] !== 'object' || at[name] === null || Array.isArray(at[name])) {
            at[name] = {};
        }
        at = at[name];
    }
    at[last] = value;
}

function some_settings() {
    const tree = {};
    for (let i = random.below(5) + 1; i > 0; i--) {
        const key = pick(keys);
        set(tree, key, value_of(key));
    }
    return tree;
}

const as_json = (tree) => '// settings\n' + JSON.stringify(tree, null, 2)
    .replace('{', '{ /* a comment, "quoted": {} */');

/** Flat settings as INI: sections for what is nested, quotes at random. */
function as_ini(tree) {
    let top = '; settings\n', sections = '';
    const line = (name, value) => Array.isArray(value)
        ? value.map((item) => `${name}[] = ${item}\n`).join('')
        : `${name}${pick(['=', ' = '])}${typeof value === 'string' && random.below(2)
            ? JSON.stringify(value) : value}\n`;
    for (const [name, value] of Object.entries(tree)) {
        if (value && typeof value === 'object' && !Array.isArray(value)) {
            for (const [inner, leaf] of Object.entries(value)) {
                if (leaf && typeof leaf === 'object' && !Array.isArray(leaf)) continue;
                sections += `[${name}]\n${line(inner, leaf)}`;
            }
        } else {
            top += line(name, value);
        }
    }
    return top + sections;
}

function some_case() {
    const home = temporary_folder('config');
    const write = (name) => {
        const file = path.join(home, name);
        fs.mkdirSync(path.dirname(file), { recursive: true });
        const settings = some_settings();
        const text = (random.below(3) ? as_json : as_ini)(settings);
        fs.writeFileSync(file, text.replace(/^\/\/ settings\n(?=\{)/, ''));
    };
    for (const name of ['.ssb/config', '.ssbrc', '.config/ssb/config', 'work/.ssbrc', 'extra']) {
        if (random.below(2)) write(name);
    }
    fs.mkdirSync(path.join(home, 'work/deeper'), { recursive: true });
    const environment = { PATH: process.env.PATH, HOME: home };
    for (let i = random.below(3); i > 0; i--) {
        const key = pick(keys.filter((name) => !['master', 'seeds', 'caps.sign'].includes(name)));
        environment[pick(['ssb_', 'SSB_']) + key.replace(/\./g, '__')] = String(value_of(key));
    }
    const extra = path.join(home, 'extra');
    if (fs.existsSync(extra) && random.below(2)) environment.ssb_config = extra;
    const args = [];
    for (let i = random.below(4); i > 0; i--) {
        const key = pick(keys), value = value_of(key);
        if (typeof value === 'object') continue;
        const forms = [[`--${key}=${value}`], [`--${key}`, String(value)]];
        if (kind_of(key) === switches || kind_of(key) === any || random.chance(5)) {
            forms.push([`--no-${key}`], [`--${key}`]);
        }
        args.push(...pick(forms));
    }
    if (fs.existsSync(extra) && random.below(3) === 0) args.push('--config', extra);
    return { home, environment, args, at: path.join(home, 'work/deeper') };
}

/** What ssb-config makes of it; `config` is the command, so that both see the same line. */
const by_js = `
const config = require(${JSON.stringify(require.resolve('ssb-config/inject'))});
const minimist = require(${JSON.stringify(require.resolve('minimist'))});
const argv = process.argv.slice(2);
const cut = argv.indexOf('--');
try {
    process.stdout.write(JSON.stringify(config(process.env.ssb_appname,
                                               minimist(argv.slice(cut + 1)))));
} catch (error) {
    process.stdout.write(JSON.stringify({ error: error.message }));
}`;

function merged({ environment, args, at }, program) {
    const line = ['config', ...args];
    if (program === 'js') {
        const script = path.join(environment.HOME, 'merge.js');
        fs.writeFileSync(script, by_js);
        return JSON.parse(execFileSync('node', [script, ...line],
                                       { env: environment, cwd: at, encoding: 'utf8' }));
    }
    const done = spawnSync(programs.sbot, line, { env: environment, cwd: at, encoding: 'utf8' });
    if (done.status !== 0) return { error: done.stderr.trim() };
    return JSON.parse(done.stdout);
}

/** Without what only one side can have: keys, and what the loader itself adds. */
function comparable(config) {
    const { keys: own, _, configs, config: file, ...rest } = config;
    return JSON.parse(JSON.stringify(rest));
}

run(async () => {
    console.log(`seed ${seed}`);
    let refused = 0;
    for (let i = 0; i < cases; i++) {
        const one = some_case();
        await test(`case ${i}`, async () => {
            const js = merged(one, 'js'), ours = merged(one, 'sbot');
            const told = JSON.stringify({ args: one.args, environment: one.environment });
            if (ours.error && !js.error) {
                // A wrong value is refused here, with its place and what was expected.
                assert.match(ours.error, /(must be|expected|not a|cannot)/, told);
                refused++;
                if (process.env.VERBOSE) console.log('   ', ours.error, told);
                return;
            }
            if (js.error) return;
            assert.deepStrictEqual(comparable(ours), comparable(js), told);
        });
    }
    console.log(`${refused} of ${cases} refused with their reason`);
});
