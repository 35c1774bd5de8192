'use strict';
// A Scuttlebutt log for Node programs: everything that takes long is done by a worker thread.
//
//     const { follow, live, query, view } = require('sbot-flume');
//     for await (const { news, position } of follow(log, { live: true, position })) …
//     const index = await view(log, 'my.sqlite');
//     while (!(await index.process({ chunk: 1000 })).level) { … }
//     const rows = await query('my.sqlite', 'SELECT key FROM messages WHERE type = ?', ['post']);
//     for await (const { rows, added, removed, changed } of live('my.sqlite', sql, { params })) …
const fs = require('fs');
const path = require('path');

const places = [process.env.SBOT_FLUME_NODE, path.join(__dirname, 'sbot_flume.node'),
                path.join(__dirname, '../../build/release/lib/sbot_flume.node')];
const addon = require(places.find((place) => place && fs.existsSync(place)) || places[1]);

const POLL_MS = 1000;  // where the system does not tell of changes

/** What would only come back as the system's words for something else. */
function check_path(name, value) {
    if (typeof value !== 'string' || value === '') {
        throw new TypeError(`${name} must be the path of a file`);
    }
}

function check_chunk(chunk) {
    if (!Number.isSafeInteger(chunk) || chunk < 1) {
        throw new TypeError('chunk must be a whole number of entries, 1 or more');
    }
}

/** Resolves when the log or its journal may have changed. */
class Changes {
    constructor(log) {
        this.changed = true;
        this.wake = () => {};
        const names = [path.basename(log), 'log.journal'];
        try {
            this.watcher = fs.watch(path.dirname(log), (event, name) => {
                if (names.includes(name)) this.tell();
            });
        } catch (error) {
            this.watcher = null;  // no such folder yet: the clock will do
        }
    }
    tell() {
        this.changed = true;
        this.wake();
    }
    async next() {
        if (!this.changed) {
            await new Promise((resolve) => {
                const timer = setTimeout(resolve, POLL_MS);
                this.wake = () => {
                    clearTimeout(timer);
                    resolve();
                };
            });
        }
        this.changed = false;
    }
    close() {
        if (this.watcher) this.watcher.close();
        this.tell();
    }
}

/**
 * What happens to a log, once and in order: `{news, position}` again and again, `news` a list of
 * `{kind, offset, data}`: `entry` (data is JSON), `deleted`, `reindex`, `rewound` (see flume.h).
 * Store `position` with what you made of the news; given as an option it is where to go on.
 * Ends at the log's end, unless `live`.
 */
async function* follow(log, options = {}) {
    const { position = '', live = false, chunk = 200 } = options;
    check_path('log', log);
    check_chunk(chunk);
    const handle = await addon.follow(log, position);
    const changes = live ? new Changes(log) : null;
    try {
        for (;;) {
            if (changes) changes.changed = false;
            const some = await addon.next(handle, chunk);
            if (some.news.length > 0) yield some;
            else if (changes) await changes.next();
            else return;
        }
    } finally {
        if (changes) changes.close();
    }
}

/** A database of the messages of a log: the tables of `sbot flume index`. */
async function view(log, database) {
    check_path('log', log);
    check_path('database', database);
    const handle = await addon.view(log, database);
    return {
        /** Takes in some `chunk` entries: `{level, done, total}`, the latter two in bytes. */
        process: async ({ chunk = 1000 } = {}) => {
            check_chunk(chunk);
            return addon.process(handle, chunk);
        }
    };
}

/** Parameters, and how many rows are wanted: what is wrong with them is thrown. */
function checked(parameters, limit) {
    if (parameters === undefined || parameters === null) parameters = [];
    if (typeof parameters !== 'object' || ArrayBuffer.isView(parameters)) {
        throw new TypeError('parameters must be a list or an object');
    }
    if (!Number.isSafeInteger(limit) || limit < 0) {
        throw new TypeError('limit must be a whole number of rows');
    }
    return parameters;
}

/**
 * The rows of an SQL statement on a database that it cannot change, at most `limit`. Parameters are
 * a list, or an object by name (`t` or `:t`): null, booleans (0 and 1), numbers, BigInts, strings,
 * Buffers and Uint8Arrays; none may be missing, and none too many. Blobs come as Buffers, integers
 * beyond 2^53 as BigInts.
 */
async function query(database, sql, parameters = [], { limit = 1000 } = {}) {
    check_path('database', database);
    return addon.query(database, String(sql), checked(parameters, limit), limit);
}

const LIVE_MS_MIN = 100;

/** The file that has the name now; undefined where there is none just then. */
async function identity(database) {
    try {
        const { dev, ino } = await fs.promises.stat(database, { bigint: true });
        return `${dev}:${ino}`;
    } catch (error) {
        return undefined;
    }
}

/** Whether a server has only begun to make the file. */
async function is_begun(database) {
    const sql = 'SELECT count(*) AS tables FROM sqlite_master';
    const rows = await addon.query(database, sql, [], 1).catch(() => []);
    return rows.length === 1 && rows[0].tables === 0;
}

/** A pause that can be cut short. */
class Pause {
    take(ms) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            this.end = () => {
                clearTimeout(timer);
                resolve();
            };
        });
    }
    end() {}
}

const MISSES_MAX = 3;  // in a row, once there was an answer: tables may come only now

async function* looks(handle, database, interval, state) {
    let file;
    let misses = 0;
    while (!state.stopped) {
        const now = await identity(database);
        // While a server puts a new file there, the old answer stands.
        if (!state.stopped && (now !== undefined || file === undefined)) {
            const from = Date.now();
            let missed = false;
            const news = await addon.look(handle, now !== file).catch(async (error) => {
                if (state.stopped) return;
                missed = file !== undefined;
                if (missed && await is_begun(database)) return;
                if (!missed || ++misses === MISSES_MAX) throw error;
            });
            if (!missed) [file, misses] = [now, 0];
            // A costly one leaves others as much time as it takes.
            state.wait = Math.max(interval, Date.now() - from);
            if (news && !state.stopped) yield news;
        }
        if (!state.stopped) await state.pause.take(state.wait || interval);
    }
}

/**
 * The answer of an SQL statement, and then what changes in it: first `{rows}`, then
 * `{added, removed, changed}`, lists of whole rows, whenever a commit of whatever process has
 * changed the answer. By `key`, a column or a list of columns that no two rows share, a row is
 * known whose other columns change (`changed` has its new form); without, rows are counted.
 * It asks again when something was committed, at most every `interval` ms (100 or more), and goes
 * over to a new file that takes the name of the database. For at most `limit` rows.
 * Ends when the loop over it is left, `return()` is called, or the `signal` is aborted.
 */
function live(database, sql, options = {}) {
    const { params, key = [], interval = LIVE_MS_MIN, limit = 1000, signal } = options;
    check_path('database', database);
    const columns = typeof key === 'string' ? [key] : key;
    if (!Array.isArray(columns) || !columns.every((name) => typeof name === 'string')) {
        throw new TypeError('key must be a column, or a list of columns');
    }
    if (!(interval >= LIVE_MS_MIN)) {
        throw new TypeError(`interval must be ${LIVE_MS_MIN} ms or more`);
    }
    const handle = addon.live(database, String(sql), checked(params, limit),
                              { key: columns, rows: limit });
    const state = { stopped: false, pause: new Pause() };
    const news = looks(handle, database, interval, state);
    const stop = () => {
        if (signal) signal.removeEventListener('abort', stop);
        if (state.stopped) return;
        state.stopped = true;
        addon.stop(handle);
        state.pause.end();
    };
    if (signal && signal.aborted) stop();
    else if (signal) signal.addEventListener('abort', stop);
    return {
        next: () => news.next().catch((error) => {
            stop();
            throw error;
        }),
        return: (value) => {
            stop();
            return news.return(value);
        },
        [Symbol.asyncIterator]() {
            return this;
        }
    };
}

module.exports = { follow, live, query, view };
