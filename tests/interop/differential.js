'use strict';
// Thousands of generated texts and messages, most of them nearly right, to the oracle and to the
// JavaScript packages: the same verdict, the same characters, the same keys. SEED=1 SCALE=1.
const { createRequire } = require('module');
const dataset = require('ssb-validation-dataset');
const validate = require('ssb-validate');
const check_arguments = createRequire(require.resolve('ssb-server'))('ssb-db/lib/validators');
const { run, tally } = require('./lib/harness');
const ask = require('./lib/oracle');
const messages = require('./lib/messages');
const { generator, spoilt, value_text } = require('./lib/random');
const { programs } = require('./lib/server');

const seed = process.env.SEED || '1';
const scale = Number(process.env.SCALE || 1);
const base64 = (text) => Buffer.from(text).toString('base64');
const many = (count, make) => Array.from({ length: Math.ceil(count * scale) }, make);
const attempt = (reference) => {
    try {
        return reference();
    } catch (error) {
        return { threw: true, why: error.message };
    }
};

/** Puts cases `{question, wanted, about}` to the oracle; `equal` compares two answers. */
async function agree(what, cases, equal) {
    const counts = tally(what);
    const answers = await ask(programs.oracle, cases.map(({ question }) => question));
    const shown = (value) => JSON.stringify(value).slice(0, 600);
    cases.forEach(({ wanted, about }, index) => {
        const { n, ...answer } = answers[index];
        counts.check(n === index && equal(answer, wanted),
                     () => `case ${index}: ${about}\n       wanted ${shown(wanted)}` +
                           `\n       got    ${shown(answer)}`);
    });
    counts.close();
}

const same_member = (name) => (answer, wanted) =>
    wanted.threw ? answer.threw === true : !answer.threw && answer[name] === wanted[name];

async function printing() {
    const random = generator(`printing ${seed}`);
    for (const [op, indent] of [['canonical', 2], ['compact', undefined]]) {
        const cases = many(4000, () => {
            let json = Buffer.from(value_text(random, 5));
            if (random.chance(30)) json = spoilt(random, json);
            const wanted = attempt(() => ({
                out: base64(JSON.stringify(JSON.parse(json.toString('utf8')), null, indent))
            }));
            return { question: { op, json: base64(json) }, wanted, about: json.toString() };
        });
        await agree(`${op} text of JSON`, cases, same_member('out'));
    }
    const cases = many(2000, () => {
        const json = value_text(random, 5);
        const wanted = attempt(() => ({ key: validate.id(JSON.parse(json)) }));
        return { question: { op: 'msgid', json: base64(json) }, wanted, about: json };
    });
    await agree('key of a message', cases, same_member('key'));
}

/** ssb-validate's verdict; with `add` after ssb-db's check of the argument. */
function verdict({ json, hmac, prev, mode }) {
    try {
        const message = JSON.parse(json);
        if (mode === 'add') {
            check_arguments.async((_, done) => done(), 'msg')(message, (error) => {
                if (error) throw error;
            });
        }
        const state = validate.initial();
        if (prev) state.feeds[message.author] = { ...prev, queue: [] };
        return { ok: true, key: validate.append(state, hmac, message).queue[0].key };
    } catch (error) {
        return { ok: false, error: error.message };
    }
}

const same_verdict = (answer, wanted) =>
    answer.ok === wanted.ok && (!wanted.ok || answer.key === wanted.key);

async function validating() {
    for (const mode of ['validate', 'add']) {
        const random = generator(`${mode} ${seed}`);
        let accepted = 0;
        const cases = many(mode === 'add' ? 2000 : 6000, () => {
            const { json, hmac, prev, twists } = messages.nearly_right(random);
            const wanted = verdict({ json, hmac, prev, mode });
            accepted += wanted.ok;
            return { question: { op: 'validate', json: base64(json), hmac, prev, mode }, wanted,
                     about: `[${twists}] ${json.slice(0, 900)} after ${JSON.stringify(prev)}` };
        });
        await agree(`verdict on a message, ${mode} (${accepted} of ${cases.length} are valid)`,
                    cases, same_verdict);
    }
}

async function creating() {
    const random = generator(`creating ${seed}`);
    const cases = many(1500, () => {
        const { content, keys, hmac, prev, timestamp } = messages.to_create(random);
        const wanted = attempt(() => {
            const state = prev && { ...prev, queue: [] };
            const message = validate.create(state, keys, hmac, JSON.parse(content), timestamp);
            return { ok: true, msg: base64(JSON.stringify(message, null, 2)),
                     key: validate.id(message) };
        });
        return { question: { op: 'create', content: base64(content), keys, hmac, prev, timestamp },
                 wanted, about: content.slice(0, 500) };
    });
    await agree('a message to create', cases, (answer, wanted) => wanted.threw
        ? answer.ok === false
        : answer.ok === true && answer.msg === wanted.msg && answer.key === wanted.key);
}

async function published_dataset() {
    const cases = dataset.map(({ message, hmacKey, state, valid, id, error }) => ({
        question: { op: 'validate', json: base64(JSON.stringify(message)), hmac: hmacKey,
                    prev: state },
        wanted: { ok: valid, key: id }, about: error || 'a valid one'
    }));
    await agree('npm ssb-validation-dataset', cases, same_verdict);
    const keys = dataset.map(({ message, id }) => ({
        question: { op: 'msgid', json: base64(JSON.stringify(message)) },
        wanted: { key: id }, about: id
    }));
    await agree('npm ssb-validation-dataset, keys', keys, same_member('key'));
}

run(async () => {
    console.log(`seed ${seed}`);
    await published_dataset();
    await printing();
    await validating();
    await creating();
});
