'use strict';
// npm shs1-test, 45 cases for each role, against shs1-testee.
const assert = require('assert');
const { spawn } = require('child_process');
const fs = require('fs');
const path = require('path');
const { own, run, temporary_folder, test } = require('./lib/harness');
const { programs } = require('./lib/server');

const CASES = 45;

/** The suite starts a program with its own arguments only: the role goes in by a wrapper. */
function wrapper(role) {
    const file = path.join(temporary_folder('shs1'), role);
    const program = programs.shs1_testee.replace(/'/g, "'\\''");
    fs.writeFileSync(file, `#!/bin/sh\nexec '${program}' ${role} "$@"\n`, { mode: 0o700 });
    return file;
}

/** Gives the exit status of the suite: the number of failed cases. */
function suite(role, seed) {
    const file = require.resolve(`shs1-test/test-${role}.js`);
    const child = own(spawn(process.execPath, [file, wrapper(role), seed],
                            { stdio: ['ignore', 'pipe', 'pipe'] }));
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', (data) => {
            output = (output + data).slice(-4000);
        });
    }
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, output })));
}

run(async () => {
    const seeds = ['1', '2', String(Date.now())];
    for (const role of ['server', 'client']) {
        for (const seed of seeds) {
            await test(`shs1-test, ${role} role, seed ${seed}: ${CASES} cases`, async () => {
                const { status, output } = await suite(role, seed);
                assert.strictEqual(status, 0, output);
            });
        }
    }
});
