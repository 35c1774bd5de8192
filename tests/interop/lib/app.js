'use strict';
// An application with a schema of its own: who wrote how many messages of each type, and the keys
// of all posts in order. It keeps this in one file, with the position in the log, and follows.
//   app.js LOG STATE [--live]      without --live it ends where the log does
const fs = require('fs');
const path = require('path');
const { follow } = require(path.join(__dirname, '../../../bindings/node'));

const [log, file] = process.argv.slice(2);
const live = process.argv.includes('--live');

function load() {
    try {
        return JSON.parse(fs.readFileSync(file, 'utf8'));
    } catch (error) {
        return { position: '', messages: [] };  // [offset, key, author, type] each
    }
}

function store(state) {
    fs.writeFileSync(`${file}.new`, JSON.stringify(state));
    fs.renameSync(`${file}.new`, file);
}

/** What an entry is to this application. */
function row({ offset, data }) {
    const { key, value } = JSON.parse(data);
    return [offset, key, value.author, typeof value.content === 'string' ? 'private'
        : value.content.type];
}

/** A list in the order of offsets, in which every piece of news finds its place. */
function take(messages, piece) {
    const at = messages.findIndex(([offset]) => offset >= piece.offset);
    const from = at < 0 ? messages.length : at;
    const same = at >= 0 && messages[at][0] === piece.offset ? 1 : 0;
    if (piece.kind === 'entry') messages.splice(from, same, row(piece));
    if (piece.kind === 'deleted') messages.splice(from, same);
    if (piece.kind === 'rewound') messages.splice(from);
}

(async () => {
    const state = load();
    for await (const { news, position } of follow(log, { live, position: state.position })) {
        for (const piece of news) take(state.messages, piece);
        state.position = position;
        store(state);
    }
})();
