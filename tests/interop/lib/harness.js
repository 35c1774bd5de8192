'use strict';
// A test is a sentence and a function that throws. Tests run one after another; the last line
// says how many passed. The process always ends, and ends what it started.
const fs = require('fs');
const os = require('os');
const path = require('path');

const children = new Set();
const folders = new Set();
let suite = path.basename(process.argv[1], '.js');
let passed = 0;
let failed = 0;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

function kill_now(child) {
    try {
        child.kill('SIGKILL');
    } catch (error) {
        // It has ended by itself.
    }
}

process.on('exit', () => {
    for (const child of children) kill_now(child);
    if (process.env.KEEP) return;
    for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => process.exit(1));
}

/** Remembers a child process until it ends, so that it never outlives this one. */
function own(child) {
    children.add(child);
    child.once('exit', () => children.delete(child));
    return child;
}

/** A folder of our own, removed at the end (kept with KEEP=1). */
function temporary_folder(name) {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), `sbot-${name}-`));
    folders.add(folder);
    return folder;
}

function within(ms, what, promise) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`no answer in ${ms} ms: ${what}`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Tries `probe` until it gives something true; errors count as not yet. */
async function until(what, probe, ms = 20000, pause_ms = 50) {
    const end = Date.now() + ms;
    let last;
    for (;;) {
        try {
            const value = await within(ms, what, probe());
            if (value) return value;
        } catch (error) {
            last = error;
        }
        if (Date.now() > end) {
            throw new Error(`not within ${ms} ms: ${what}${last ? ` (${last.message})` : ''}`);
        }
        await sleep(pause_ms);
    }
}

async function test(sentence, body, ms = 60000) {
    const start = Date.now();
    try {
        await within(ms, sentence, body());
        passed++;
        const took = Date.now() - start;
        console.log(`ok     ${sentence}${took > 1000 ? ` (${(took / 1000).toFixed(1)} s)` : ''}`);
        return true;
    } catch (error) {
        failed++;
        console.log(`FAILED ${sentence}`);
        const text = String((error && (error.stack || error.message)) || error);
        const lines = text.split('\n').slice(0, 40);
        for (const line of lines) console.log(`       ${line.slice(0, 300)}`);
        return false;
    }
}

/** Many cases of one kind: counts each, prints only the first few that fail. */
function tally(what) {
    const counts = { passed: 0, failed: 0 };
    return {
        check(good, describe) {
            if (good) {
                counts.passed++;
                passed++;
                return;
            }
            counts.failed++;
            failed++;
            if (counts.failed <= 5) console.log(`FAILED ${what}: ${describe()}`);
        },
        close() {
            console.log(`${counts.failed ? 'FAILED' : 'ok    '} ${what}: ` +
                        `${counts.passed} agree, ${counts.failed} do not`);
        }
    };
}

/** Runs a suite; ends the process with status 0 only if all passed. */
function run(main, limit_s = Number(process.env.LIMIT_S || 170)) {
    setTimeout(() => {
        console.log(`FAILED the whole suite within ${limit_s} s`);
        process.exit(1);
    }, limit_s * 1000);
    main().catch((error) => {
        failed++;
        console.log(`FAILED the suite: ${error.stack || error}`);
    }).then(() => {
        if (passed + failed === 0) failed = 1;
        console.log(`${suite}: ${passed} passed, ${failed} failed`);
        process.exit(failed ? 1 : 0);
    });
}

module.exports = { own, run, sleep, tally, temporary_folder, test, until, within };
