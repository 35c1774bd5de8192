'use strict';
// Seeded randomness, and JSON texts in all the spellings a peer may choose.

/** sfc32: small, fast, the same on every machine. */
function generator(seed) {
    let a = 0x9e3779b9, b = 0x243f6a88, c = 0xb7e15162, d = 1;
    const word = () => {
        const sum = (a + b + d) | 0;
        d = (d + 1) | 0;
        a = b ^ (b >>> 9);
        b = (c + (c << 3)) | 0;
        c = ((c << 21) | (c >>> 11)) + sum | 0;
        return sum >>> 0;
    };
    for (const character of String(seed)) {
        a ^= character.charCodeAt(0) * 0x01000193;
        word();
    }
    for (let round = 0; round < 20; round++) word();
    const below = (bound) => word() % bound;
    const random = {
        below,
        chance: (percent) => below(100) < percent,
        pick: (list) => list[below(list.length)],
        bytes: (count) => Buffer.from(Array.from({ length: count }, () => below(256))),
        shuffle: (list) => {
            const mixed = list.slice();
            for (let at = mixed.length - 1; at > 0; at--) {
                const other = below(at + 1);
                [mixed[at], mixed[other]] = [mixed[other], mixed[at]];
            }
            return mixed;
        }
    };
    return random;
}

const digits = (random, count) => Array.from({ length: count }, () => random.below(10)).join('');

/** A number as JSON text: plain ones, doubles of any bits, long digits, limits. */
function number_text(random) {
    switch (random.below(9)) {
        case 0: return String(random.below(1000));
        case 1: return `-${random.below(100000)}.${digits(random, 1 + random.below(5))}`;
        case 2: return JSON.stringify(random.bytes(8).readDoubleBE(0));
        case 3: return `${1 + random.below(9)}${digits(random, random.below(40))}`;
        case 4: return `${random.below(10)}.${digits(random, 1 + random.below(30))}` +
                       `${random.pick(['e', 'E'])}${random.pick(['', '+', '-'])}` +
                       digits(random, 1 + random.below(3));
        case 5: return random.pick(['0', '-0', '0.0', '1e21', '1e20', '123456789012345680000',
                                    '1e-6', '1e-7', '5e-324', '4.9e-324', '2.5e-324', '1e400',
                                    '-1e400', '1e-400', '1.7976931348623157e308',
                                    '1.7976931348623159e308', '9007199254740993',
                                    '2.2250738585072011e-308', '0.1', '100', '1E2']);
        case 6: return String(2 ** random.below(1024));
        case 7: return String(random.below(2 ** 31) * 4096 + random.below(4096));
        default: return `${1 + random.below(9)}${digits(random, 16)}5e${random.below(300)}`;
    }
}

const CHARACTERS = ['a', 'Z', '0', ' ', '/', '\x7f', 'é', 'ÿ', 'ß', 'Ā', '漢', '\u2028', '\u2029',
                    '\ufeff', '\uffff', '\u{1F600}', '\u{10FFFF}', '\ud800', '\udfff', '\udc00',
                    '"', '\\', '\b', '\f', '\n', '\r', '\t', '\0', '\x1f', '%', '@', '&'];

const hex = (unit) => `\\u${unit.toString(16).padStart(4, '0')}`;

/** One character of a string in one of its spellings. */
function spelled(random, character) {
    const plain = JSON.stringify(character).slice(1, -1);
    if (random.chance(80)) return plain;
    const text = [...Array(character.length).keys()]
        .map((at) => hex(character.charCodeAt(at))).join('');
    return random.chance(50) ? text : text.toUpperCase().replace(/\\U/g, '\\u');
}

function string_text(random, length_max = 12) {
    let text = '';
    for (let left = random.below(length_max + 1); left > 0; left--) {
        text += spelled(random, random.pick(CHARACTERS));
    }
    return `"${text}"`;
}

function key_text(random) {
    if (random.chance(60)) return string_text(random, 3);
    return JSON.stringify(random.pick(['0', '1', '2', '10', '01', '-1', '1.0', '4294967294',
                                       '4294967295', '4294967296', '999999999999', '__proto__',
                                       'constructor', 'type', '', 'toJSON', 'length', 'a']));
}

function value_text(random, depth = 4) {
    const space = () => random.chance(5) ? random.pick([' ', '\n', '\t', '\r', '  \n']) : '';
    const kind = random.below(depth > 0 ? 8 : 5);
    if (kind === 0) return random.pick(['null', 'true', 'false']);
    if (kind <= 2) return number_text(random);
    if (kind <= 4) return string_text(random);
    const parts = [];
    for (let left = random.below(6); left > 0; left--) {
        const value = `${space()}${value_text(random, depth - 1)}${space()}`;
        parts.push(kind === 5 ? value : `${space()}${key_text(random)}${space()}:${value}`);
    }
    return kind === 5 ? `[${parts.join(',')}]` : `{${parts.join(',')}}`;
}

/** Bytes with a few places changed: most are no JSON any more, some are no UTF-8. */
function spoilt(random, bytes) {
    let text = Buffer.from(bytes);
    for (let left = 1 + random.below(3); left > 0 && text.length > 0; left--) {
        const at = random.below(text.length);
        switch (random.below(5)) {
            case 0: text[at] ^= 1 << random.below(8); break;
            case 1: text = text.subarray(0, at); break;
            case 2: text = Buffer.concat([text.subarray(0, at), text.subarray(at + 1)]); break;
            case 3: text = Buffer.concat([text.subarray(0, at), random.bytes(1 + random.below(3)),
                                          text.subarray(at)]); break;
            default: text = Buffer.concat([text.subarray(0, at),
                                           Buffer.from(random.pick(['\ufeff', ',', ']', '}', '[',
                                                                    '0', '.', 'e', '\\', '"'])),
                                           text.subarray(at)]);
        }
    }
    return text;
}

module.exports = { generator, number_text, spoilt, string_text, value_text };
