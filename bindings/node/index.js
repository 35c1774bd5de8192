'use strict';
// A Scuttlebutt log for Node programs: everything that takes long is done by a worker thread.
//
//     const { follow, query, view } = require('sbot-flume');
//     for await (const { news, position } of follow(log, { live: true, position })) …
//     const index = await view(log, 'my.sqlite');
//     while (!(await index.process({ chunk: 1000 })).level) { … }
//     const rows = await query('my.sqlite', 'SELECT key FROM messages WHERE type = ?', ['post']);
const fs = require('fs');
const path = require('path');

const places = [process.env.SBOT_FLUME_NODE, path.join(__dirname, 'sbot_flume.node'),
                path.join(__dirname, '../../build/release/lib/sbot_flume.node')];
const addon = require(places.find((place) => place && fs.existsSync(place)) || places[1]);

const POLL_MS = 1000;  // where the system does not tell of changes

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
    const handle = await addon.view(log, database);
    return {
        /** Takes in some `chunk` entries: `{level, done, total}`, the latter two in bytes. */
        process: ({ chunk = 1000 } = {}) => addon.process(handle, chunk)
    };
}

/** The rows of an SQL statement on a database that it cannot change, at most `limit`. */
const query = (database, sql, parameters = [], { limit = 1000 } = {}) =>
    addon.query(database, sql, parameters, limit);

module.exports = { follow, query, view };
