'use strict';
// A log of odd messages: several feeds, linked to each other in all the ways there are, with
// contents and times that are hard to keep. The same bytes can be put before both servers.
const fs = require('fs');
const path = require('path');
const ssb_keys = require('ssb-keys');
const validate = require('ssb-validate');

const people = [1, 2, 3, 4, 5].map((n) => ssb_keys.generate('ed25519', Buffer.alloc(32, n)));
const blob = `&${Buffer.alloc(32, 9).toString('base64')}.sha256`;
const start_ms = 1500000000000;
const types = ['post', 'vote', 'contact', 'about', 'abc', 'é漢\u{1F600}', 'x'.repeat(32),
               'x'.repeat(33), 'x'.repeat(52)];

const numbers = [0, -0, 1e21, 1e20, 5e-324, 1.7976931348623157e308, 0.1, 123456789012345680000,
                 -2147483649, 4294967296, 9007199254740993, 1e-7, 1 / 3];
const texts = ['é ü ß', '漢字', '\u{1F600}\u{10FFFF}', '\ud800', 'x\udc00y', '\u2028\u2029',
               '\0\x01\x1f\x7f', '"\\/\b\f\n\r\t', '\ufeff', '', '__proto__', '<&>\'`'];

/** Something that is no link, nested a little. */
function odd_value(random, depth = 3) {
    const kind = random.below(depth > 0 ? 8 : 5);
    if (kind < 2) return random.pick(numbers);
    if (kind < 4) return random.pick(texts);
    if (kind === 4) return random.pick([null, true, false]);
    const values = Array.from({ length: random.below(4) }, () => odd_value(random, depth - 1));
    // The reference's index of links stands still for ever at a null in a list.
    if (kind < 6) return values.filter((value) => value !== null);
    const object = {};
    for (const value of values) {
        object[random.pick(['b', 'a', '10', '2', '01', '4294967294', '4294967295', '-1', ' ', 'é',
                            'type', 'length'])] = value;
    }
    return object;
}

/** A content by `author`; `keys` are those of the messages before. */
function content(random, keys, author) {
    const any_key = () => keys.length ? random.pick(keys) : blob;
    const odd = () => ({ [random.pick(['z', 'odd', '7', '2'])]: odd_value(random) });
    return random.pick([
        () => ({ type: 'post', text: random.pick(texts), ...odd(), root: any_key(),
                 branch: [any_key(), any_key()] }),
        () => ({ type: 'post', text: 'm', mentions: [{ link: random.pick(people).id },
                                                     { link: any_key() }, { link: blob }] }),
        () => ({ 2: 'two', 1: any_key(), type: random.pick(types), 0: odd_value(random) }),
        () => ({ type: 'vote', vote: { link: any_key(), value: random.pick([1, 0, -1]) } }),
        () => ({ type: 'contact', contact: random.pick(people).id, following: true }),
        () => ({ type: random.pick(types), 'a b': any_key(), a: any_key(), ...odd() }),
        () => ssb_keys.box({ type: 'post', text: 'psst', ...odd(), root: any_key() },
                           [people[0], random.pick(people)]),
        () => ssb_keys.box({ type: 'post', text: 'sealed' }, [people[3]]),
        () => `${random.bytes(30 + random.below(200)).toString('base64')}.box2`,
        () => ({ type: 'about', about: author, name: random.pick(texts), ...odd() })
    ])();
}

/** `count` stored messages, in the order in which they came. */
function make_world(random, count) {
    const states = {};
    const messages = [];
    const keys = [];
    let received = start_ms + 1000;
    const used = new Set();
    while (messages.length < count) {
        const who = random.pick(people);
        let claimed = random.pick([received - 1, received - random.below(5e6), received + 0.25,
                                     received + 1e7, random.below(1e6), 0, 1e15, start_ms]);
        // The reference's index by time keeps one message of an author for each time.
        const taken = (time) => used.has(`${time}${who.id}`);
        while (taken(claimed) || taken(Math.min(claimed, received))) {
            claimed += 0.25;
            received += 0.25;
        }
        used.add(`${claimed}${who.id}`).add(`${Math.min(claimed, received)}${who.id}`);
        const value = validate.create(states[who.id] && { ...states[who.id], queue: [] }, who,
                                      null, content(random, keys, who.id), claimed);
        const key = validate.id(value);
        states[who.id] = { id: key, sequence: value.sequence, timestamp: claimed };
        messages.push({ key, value, timestamp: received });
        keys.push(key);
        received += random.pick([0.001, 0.25, 1, 7, 1000]);
    }
    return messages;
}

/** The file of flumelog-offset, 32 bits wide. */
function write_log(folder, messages) {
    const parts = [];
    let end = 0;
    for (const message of messages) {
        const data = Buffer.from(JSON.stringify(message));
        const frame = Buffer.alloc(data.length + 12);
        frame.writeUInt32BE(data.length, 0);
        data.copy(frame, 4);
        frame.writeUInt32BE(data.length, data.length + 4);
        end += frame.length;
        frame.writeUInt32BE(end, data.length + 8);
        parts.push(frame);
    }
    fs.mkdirSync(path.join(folder, 'flume'), { recursive: true });
    fs.writeFileSync(path.join(folder, 'flume/log.offset'), Buffer.concat(parts));
}

/** Its records that are not deleted, parsed; every length and offset must be right. */
function read_log(folder) {
    const bytes = fs.readFileSync(path.join(folder, 'flume/log.offset'));
    const records = [];
    for (let at = 0; at < bytes.length;) {
        const length = bytes.readUInt32BE(at);
        const after = at + 4 + length;
        const whole = bytes.readUInt32BE(after) === length &&
                      bytes.readUInt32BE(after + 4) === after + 8;
        if (!whole) throw new Error(`no record at ${at}`);
        const data = bytes.subarray(at + 4, after);
        records.push(data.every((byte) => byte === 0) ? null : JSON.parse(data));
        at = after + 8;
    }
    return records;
}

module.exports = { blob, content, make_world, people, read_log, start_ms, types, write_log };
