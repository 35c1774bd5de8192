'use strict';
// sbot-oracle: one JSON question a line, one answer a line, in order.
const readline = require('readline');
const { spawn } = require('child_process');
const { own } = require('./harness');

/** Asks all questions and gives the answers in the same order. */
module.exports = function ask(program, questions) {
    return new Promise((resolve, reject) => {
        const child = own(spawn(program, [], { stdio: ['pipe', 'pipe', 'inherit'] }));
        const answers = [];
        let next = 0;
        const feed = () => {
            // Bounded, so that neither side waits for the other with full pipes.
            while (next < questions.length && next < answers.length + 64) {
                child.stdin.write(`${JSON.stringify({ n: next, ...questions[next] })}\n`);
                next++;
            }
            if (answers.length === questions.length) child.stdin.end();
        };
        child.on('error', reject);
        child.stdin.on('error', () => {});
        readline.createInterface({ input: child.stdout }).on('line', (line) => {
            answers.push(JSON.parse(line));
            feed();
        });
        child.on('close', (status) => {
            if (status !== 0 || answers.length !== questions.length) {
                const last = JSON.stringify(questions[answers.length]);
                reject(new Error(`the oracle ended with ${status} at question ` +
                                 `${answers.length}: ${String(last).slice(0, 500)}`));
            } else {
                resolve(answers);
            }
        });
        feed();
    });
};
