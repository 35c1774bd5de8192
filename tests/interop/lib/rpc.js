'use strict';
// muxrpc calls as promises.
const pull = require('pull-stream');
const { within } = require('./harness');

const method = (rpc, name) => {
    const found = name.split('.').reduce((object, part) => object && object[part], rpc);
    if (typeof found !== 'function') throw new Error(`not in the manifest: ${name}`);
    return found;
};

/** The answer of an async or sync method. */
function call(rpc, name, ...args) {
    return within(30000, name, new Promise((resolve, reject) => {
        method(rpc, name)(...args, (error, value) => error ? reject(error) : resolve(value));
    }));
}

/** All items of a source that ends. */
function collect(rpc, name, ...args) {
    return within(60000, name, new Promise((resolve, reject) => {
        pull(method(rpc, name)(...args),
             pull.collect((error, items) => error && error !== true ? reject(error)
                                                                    : resolve(items)));
    }));
}

/** The error of a call or stream that must be refused. */
async function refusal(promise) {
    let value;
    try {
        value = await promise;
    } catch (error) {
        return { name: error.name, message: error.message };
    }
    throw new Error(`was not refused: ${JSON.stringify(value).slice(0, 200)}`);
}

/** A source that goes on: `items` grows, `close()` ends it. */
function follow(rpc, name, ...args) {
    const stream = { items: [], ended: false, error: null };
    const read = method(rpc, name)(...args);
    (function next() {
        read(stream.closing || null, (end, item) => {
            if (end) {
                stream.ended = true;
                if (end !== true) stream.error = end;
                return;
            }
            stream.items.push(item);
            next();
        });
    })();
    stream.close = () => {
        stream.closing = true;
        if (!stream.ended) read(true, () => {});
    };
    return stream;
}

function close(rpc) {
    return new Promise((resolve) => {
        setTimeout(resolve, 500);
        try {
            rpc.close(true, resolve);
        } catch (error) {
            resolve();
        }
    });
}

/** `count` publishes with at most `window` of them in flight; gives the stored messages. */
async function publish_many(rpc, count, content, window = 64) {
    const stored = new Array(count);
    let next = 0;
    const worker = async () => {
        while (next < count) {
            const index = next++;
            stored[index] = await call(rpc, 'publish', content(index));
        }
    };
    await Promise.all(Array.from({ length: window }, worker));
    return stored.sort((a, b) => a.value.sequence - b.value.sequence);
}

/** Adds stored messages of any author, in order. */
async function add_many(rpc, messages, window = 200) {
    for (let start = 0; start < messages.length; start += window) {
        await Promise.all(messages.slice(start, start + window)
            .map((message) => call(rpc, 'add', message.value)));
    }
}

module.exports = { add_many, call, close, collect, follow, publish_many, refusal };
