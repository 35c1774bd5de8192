'use strict';
// Messages for the differential test: made right, then twisted in one or two places, before or
// after they are signed.
const ssb_keys = require('ssb-keys');
const { number_text, spoilt, string_text, value_text } = require('./random');

const NAMES = ['previous', 'sequence', 'author', 'timestamp', 'hash', 'content'];
const UNITS_MAX = 8192;
const SIGNATURE = `${'A'.repeat(86)}==.sig.ed25519`;
// The order of the curve's group: S + L verifies in careless libraries.
const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const people = [1, 2, 3].map((seed) => ssb_keys.generate('ed25519', Buffer.alloc(32, seed)));
const network = [4, 5].map((seed) => Buffer.alloc(32, seed).toString('base64'));
const message_id = (random) => `%${random.bytes(32).toString('base64')}.sha256`;
const quote = JSON.stringify;

function type_text(random) {
    return random.chance(60) ? '"post"' : random.pick([
        '"abc"', '"ab"', '""', quote('x'.repeat(52)), quote('x'.repeat(53)), '"\\u00e9\\u00e9"',
        quote('é'.repeat(52)), quote('\u{1F600}'.repeat(26)), quote('\u{1F600}'.repeat(27)),
        '"\\ud800\\ud800\\ud800"', 'null', '5', '["post"]', '{"a":1}', '"\u{1F600}"', 'true']);
}

function boxed_text(random) {
    const box = random.bytes(random.below(150)).toString('base64');
    return quote(random.pick([
        `${box}.box`, `${box}.box2`, `${box}.boxing day`, `${box}.box\n`, `${box}.box é`, '.box',
        `${box}.box\u2028`, `${box}box`, `${box}.bo`, 'AAB=.box', 'AAA.box', 'A===.box', '',
        'hello', `${box.replace(/\+/g, '-')}.box`, ` ${box}.box`, `${box}.Box`, `${box}.box.box`]));
}

/** The text of a content: usually an object with a type. */
function content_text(random) {
    const choice = random.below(20);
    if (choice === 0) return random.pick(['null', 'true', '0', '[]', '{}', '["type"]', '7']);
    if (choice <= 2) return boxed_text(random);
    const members = [`"type":${type_text(random)}`];
    for (let left = random.below(4); left > 0; left--) {
        const name = random.chance(70) ? string_text(random, 3)
                                       : quote(random.pick(['0', '7', '__proto__', 'type', 'a']));
        members.push(`${name}:${value_text(random, 3)}`);
    }
    if (choice === 3) {
        const depth = 40 + random.below(40);
        members.push(`"deep":${'['.repeat(depth)}${']'.repeat(depth)}`);
    }
    return `{${random.shuffle(members).join(',')}}`;
}

/** A post whose message has nearly as many units as are allowed. */
function long_content(random, units_without) {
    const unit = random.pick(['x', 'é', '漢', '\u{1F600}', '\n', '\ud800', '"', '\u2028', '\0']);
    const size = quote(unit).length - 2;
    const room = UNITS_MAX - units_without + random.below(7) - 3;
    const count = Math.max(0, Math.floor(room / size));
    return quote({ type: 'post', text: unit.repeat(count) + 'x'.repeat(Math.max(
        0, room - count * size)) });
}

function object_text(members) {
    return `{${members.map(([name, text]) => `${quote(name)}:${text}`).join(',')}}`;
}

/** UTF-16 units of the canonical text. */
function units(texts) {
    return quote(JSON.parse(object_text(Object.entries(texts))), null, 2).length;
}

/** Members that stand for a field of a message and are wrong, or just look so. */
const ODD = {
    previous: (random) => random.pick(['null', '""', 'false', '0', '[]', quote(message_id(random)),
                                       '"null"', '{}', '[null]']),
    sequence: (random, right) => random.pick([
        `"${right}"`, `${right}.0`, `${right}e0`, `${right}.5`, `[${right}]`, `${right + 1}`,
        `${right - 1}`, '0', '-1', 'null', 'true', '2147483648', '2147483647', '1e1', '-0']),
    author: (random, right) => random.pick([
        right.replace('.ed25519', '.sha256'), right.replace('.ed', 'Xed'), `${right} `,
        right.slice(1), right.replace('=', ''), right.toUpperCase(), people[0].id,
        `@${Buffer.alloc(32).toString('base64')}.ed25519`,
        `@${Buffer.alloc(32, 255).toString('base64')}.ed25519`, '', 5, null, [right],
        { id: right }, `${right}\n`, right.replace(/.=/, 'B=')].map(quote)),
    timestamp: (random) => random.pick(['"1"', 'null', 'true', '[]', '{}', '-0', '1e400', '0',
                                        '-5', '1e21', '1491901740000.5', number_text(random)]),
    hash: (random) => random.pick(['"SHA256"', '"sha256 "', '["sha256"]', 'null', '""', '256',
                                   '"\\u0073ha256"']),
    content: content_text
};

function add_group_order(signature) {
    const bytes = Buffer.from(signature, 'base64');
    let number = 0n;
    for (let at = 63; at >= 32; at--) number = number << 8n | BigInt(bytes[at]);
    number += GROUP_ORDER;
    for (let at = 32; at < 64; at++, number >>= 8n) bytes[at] = Number(number & 255n);
    return bytes.toString('base64');
}

function odd_signature(random, signature) {
    const text = signature.slice(0, -'.sig.ed25519'.length);
    const bytes = Buffer.from(text, 'base64');
    const flipped = Buffer.from(bytes);
    flipped[random.below(64)] ^= 1 << random.below(8);
    const as_text = (data) => `${data.toString('base64')}.sig.ed25519`;
    return random.pick([
        as_text(flipped), as_text(Buffer.concat([bytes, Buffer.from([7])])),
        as_text(Buffer.concat([bytes, Buffer.from([7, 7])])),
        as_text(Buffer.concat([bytes, Buffer.from([7, 7, 7])])), as_text(bytes.subarray(0, 63)),
        as_text(Buffer.alloc(64)), `${add_group_order(text)}.sig.ed25519`, `${text}.sig.sha256`,
        text, `${text}.sig`, `${signature} `, `${text}Xsig.ed25519`, text.replace(/=+$/, ''),
        `${text.slice(0, 85)}B==.sig.ed25519`, '', null, 5, [signature]]);
}

/** `{json, hmac, prev, twists}`: a message, and what is known of its author's feed. */
function nearly_right(random) {
    const keys = random.pick(people);
    let hmac = random.chance(70) ? null : random.pick(network);
    let prev = random.chance(40) ? null : {
        id: message_id(random), timestamp: random.pick([1491901740000, 0, 1.5]),
        sequence: random.pick([1, 2, 41, 2147483645, 2147483646, 2147483647])
    };
    const sequence = prev ? prev.sequence + 1 : 1;
    const texts = {
        previous: quote(prev ? prev.id : null), sequence: String(sequence),
        author: quote(keys.id), timestamp: '1491901740001', hash: '"sha256"', content: '{}'
    };
    const twists = [];
    const twist = (percent, name) => {
        const chosen = random.chance(percent);
        if (chosen) twists.push(name);
        return chosen;
    };
    texts.content = twist(10, 'length')
        ? long_content(random, units({ ...texts, content: '{"type":"post","text":""}',
                                       signature: quote(SIGNATURE) }))
        : content_text(random);
    const right = { sequence, author: keys.id };
    for (const name of NAMES) {
        if (twist(3, name)) texts[name] = ODD[name](random, right[name]);
    }
    let order = random.chance(70) ? NAMES : ['previous', 'author', 'sequence', ...NAMES.slice(3)];
    if (twist(3, 'order')) order = random.shuffle(NAMES);
    if (twist(2, 'missing')) order = order.filter((_, at) => at !== random.below(6));
    let members = order.map((name) => [name, texts[name]]);
    if (twist(3, 'twice')) members.splice(random.below(members.length), 0, random.pick(members));
    const extra = [random.pick(['extra', '0', '__proto__', 'key', 'meta']), '1'];
    if (twist(2, 'extra')) members.splice(random.below(members.length + 1), 0, extra);
    const signed = ssb_keys.signObj(keys, hmac, JSON.parse(object_text(members)));
    let signature = signed.signature;
    if (twist(8, 'signature')) signature = odd_signature(random, signature);
    if (!twist(1, 'unsigned')) members = [...members, ['signature', quote(signature)]];
    if (twist(2, 'extra at the end')) members.push(extra);
    let json = Buffer.from(object_text(members));
    if (twist(4, 'spoilt')) json = spoilt(random, json);
    if (twist(3, 'another network')) hmac = random.pick([null, ...network]);
    if (twist(2, 'no network')) {
        hmac = random.pick(['', 'x', network[0].slice(1), `${network[0]}=`, ` ${network[0]}`,
                            Buffer.alloc(31).toString('base64'), network[0].replace('=', '')]);
    }
    if (twist(3, 'another state')) {
        prev = random.pick([null, { id: message_id(random), sequence, timestamp: 1 },
                            { id: message_id(random), sequence: sequence - 1, timestamp: 1 }]);
    }
    return { json: json.toString('utf8'), hmac, prev, twists };
}

/** What `create` needs. */
function to_create(random) {
    return {
        content: content_text(random), keys: random.pick(people),
        hmac: random.chance(60) ? null : random.pick(network),
        prev: random.chance(40) ? null : { id: message_id(random), timestamp: 1,
                                           sequence: 1 + random.below(100000) },
        timestamp: random.pick([1491901740000, 1448326990124.001, 1448326990124.5, 0, 1e-7, 1e21,
                                1700000000000 + random.below(1000000) / 997])
    };
}

module.exports = { nearly_right, to_create };
