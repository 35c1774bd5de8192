'use strict';
// Feeds written elsewhere, the same ones every time.
const crypto = require('crypto');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');

/** `{id, messages}`: signed values in order. */
function make_feed(number, count) {
    const seed = crypto.createHash('sha256').update(`feed ${number}`).digest();
    const keys = ssb_keys.generate('ed25519', seed);
    let state = validate.initial();
    const messages = [];
    for (let i = 0; i < count; i++) {
        const content = { type: 'post', text: `feed ${number} é message ${i}`, 3: i / 7 };
        state = validate.appendNew(state, null, keys, content, 1500000000000 + i);
        messages.push(state.queue.pop().value);
    }
    return { id: keys.id, messages };
}

module.exports = { make_feed };
