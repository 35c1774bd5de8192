'use strict';
// Every reading call with options at random, put to two servers with the same messages.
const { call, collect } = require('./rpc');
const { blob, people, start_ms, types } = require('./world');

const nobody = `@${Buffer.alloc(32, 77).toString('base64')}.ed25519`;
const no_message = `%${Buffer.alloc(32, 78).toString('base64')}.sha256`;

/** `[name, kind, ...arguments]` of a call. */
function call_at_random(random, messages, { offsets = true } = {}) {
    const makers = {
        limit: () => random.pick([-1, 0, 1, 2, 7, 30, 500, 2.5, 1e99]),
        reverse: () => random.chance(50),
        keys: () => random.chance(50), values: () => random.chance(50),
        private: () => random.chance(70), live: () => false, old: () => true,
        sync: () => random.chance(50)
    };
    const some = (...names) => {
        const options = {};
        for (const name of names) if (random.chance(35)) options[name] = makers[name]();
        // Whole logs are the slow ones over there.
        if (names.includes('limit') && options.limit === undefined && random.chance(60)) {
            options.limit = 1 + random.below(200);
        }
        return options;
    };
    // What is no number has its place before or behind all numbers. (No objects: they end the
    // JavaScript server.)
    const odd = [null, true, false, '', 'x', '5', '2020-01-01', [], [1], [null], ['x'], -1, -0.5,
                 0, 1e99, -1e99];
    const bounds = (make) => {
        const options = {};
        const value = () => random.chance(20) ? random.pick(odd) : make();
        if (random.chance(50)) options[random.pick(['gt', 'gte'])] = value();
        if (random.chance(50)) options[random.pick(['lt', 'lte'])] = value();
        if (random.chance(30)) options[random.pick(['min', 'max', 'start', 'end'])] = value();
        if (random.chance(10)) options[random.pick(['start', 'end'])] = value();
        return options;
    };
    /** Both forms of one bound, of which the reference takes one, or neither. */
    const both = (make, names = random.pick([['gt', 'gte'], ['lt', 'lte']])) =>
        random.chance(10) ? { [names[0]]: make(), [names[1]]: make() } : {};
    const message = () => random.pick(messages);
    const who = () => random.chance(10) ? nobody : random.pick(people).id;
    const key = () => random.chance(10) ? no_message : message().key;
    const sequence = () => random.below(Math.floor(messages.length / people.length) + 10);
    const received = () => random.chance(80) ? message().timestamp : start_ms + random.below(1e7);
    const standard = () => some('limit', 'reverse', 'keys', 'values', 'private', 'live', 'old',
                                'sync');
    const source = (name, options) => [name, collect, options];
    return random.pick([
        () => source('createLogStream', { ...standard(), ...bounds(received),
                                            ...both(() => message().timestamp) }),
        () => source('createFeedStream', {
            ...standard(), ...bounds(() => random.chance(50) ? message().value.timestamp
                                                             : received()),
            ...both(() => message().timestamp)
        }),
        () => source('createUserStream', { id: who(), ...standard(), ...bounds(sequence),
                                             ...both(() => 1 + sequence()) }),
        () => {
            const { values, ...options } = some('limit', 'keys', 'live', 'private', 'reverse');
            if (random.chance(50)) options[random.pick(['seq', 'sequence'])] = sequence();
            return source('createHistoryStream', { id: who(), ...options });
        },
        () => source('messagesByType', {
            type: random.pick([...types, 'none']), ...standard(), ...bounds(received)
        }),
        () => {
            const options = some('keys', 'values', 'reverse', 'limit');
            if (options.keys !== false && random.chance(30)) options.meta = false;
            if (random.chance(50)) options.source = random.pick([who(), '@', 'feed']);
            if (random.chance(60)) options.dest = random.pick([who(), key(), blob, '%', 'blob']);
            if (random.chance(40)) {
                options.rel = random.pick(['root', 'branch', 'mentions', 'contact', 'a b', 'vote',
                                           '1']);
            }
            return source('links', options);
        },
        ...(offsets ? [() => source('createRawLogStream', some('limit', 'reverse', 'live')),
                       () => source('createLogStream',
                                    { raw: true, ...some('limit', 'reverse', 'live') })] : []),
        () => ['get', call, random.pick([key(), { id: key() }, { id: key(), meta: true },
                                         { id: key(), private: true },
                                         { id: key(), private: true, meta: true }])],
        () => ['getLatest', call, who()],
        () => ['latestSequence', call, who()],
        () => ['getFeedState', call, who()],
        () => ['getVectorClock', call],
        () => source('latest')
    ])();
}

/** What the JavaScript leaves on cached messages, or does not; and unordered answers in order. */
function normal(item) {
    if (Array.isArray(item)) return item.map(normal);
    if (item && item.seq !== undefined) return { ...item, value: normal(item.value) };
    if (!item || typeof item !== 'object' || !item.key || !item.value) return item;
    const { rts, dest, ...plain } = item;
    return plain;
}

const ordered = {
    getVectorClock: (clock) => Object.fromEntries(Object.entries(clock).sort()),
    // `ts` is when the feed's last message came, or what it claims: see client.js.
    latest: (feeds) => feeds.slice().sort((a, b) => a.id < b.id ? -1 : 1)
};

async function answer(rpc, [name, how, ...args]) {
    try {
        const value = await how(rpc, name, ...args.filter((arg) => arg !== undefined));
        return name === 'links' ? value : normal((ordered[name] || ((all) => all))(value));
    } catch (error) {
        return { error: error.message };
    }
}

function difference([name, , ...args], got, want) {
    const lists = Array.isArray(got) && Array.isArray(want);
    const all = lists ? want.map((item) => JSON.stringify(item)) : [JSON.stringify(want)];
    const ours = lists ? got.map((item) => JSON.stringify(item)) : [JSON.stringify(got)];
    const item = Math.max(0, all.findIndex((text, at) => text !== ours[at]));
    const [left, right] = [String(all[item]), String(ours[item])];
    let at = 0;
    while (at < left.length && left[at] === right[at]) at++;
    const part = (text) => text.slice(Math.max(0, at - 60), at + 200);
    return `${name} ${JSON.stringify(args)}: item ${item} of ${all.length}/${ours.length}, ` +
           `at ${at}\n       wanted …${part(left)}\n       got    …${part(right)}`;
}

/** Compares `count` calls; `counts` is a tally. */
async function compare(ours, theirs, { random, messages, count, counts, ...options }) {
    for (let left = count; left > 0; left--) {
        const asked = call_at_random(random, messages, options);
        const [got, want] = await Promise.all([ours, theirs].map((rpc) => answer(rpc, asked)));
        counts.check(JSON.stringify(got) === JSON.stringify(want),
                     () => difference(asked, got, want));
    }
}

module.exports = { compare };
