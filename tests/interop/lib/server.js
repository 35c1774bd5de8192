'use strict';
// Starts a server on a folder of its own: the one under test ($SBOT, else the release build) or
// the JavaScript one behind the same command line (js-sbot).
const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const path = require('path');
const { spawn } = require('child_process');
const ssb_client = require('ssb-client');
const ssb_keys = require('ssb-keys');
const { own, temporary_folder, until, within } = require('./harness');
const { call, close } = require('./rpc');

const build = path.join(__dirname, '../../../build/release/bin');
const programs = {
    sbot: process.env.SBOT || path.join(build, 'sbot'),
    oracle: process.env.SBOT_ORACLE || path.join(build, 'sbot-oracle'),
    shs1_testee: process.env.SHS1_TESTEE || path.join(build, 'shs1-testee'),
    js: path.join(__dirname, 'js-sbot'),
    db2: path.join(__dirname, 'js-db2')
};

const random_caps = () => crypto.randomBytes(32).toString('base64');

/** Ports nobody listens on now, as the system hands them out. */
async function free_ports(count) {
    const listeners = await Promise.all(Array.from({ length: count }, () =>
        new Promise((resolve, reject) => {
            const listener = net.createServer();
            listener.once('error', reject);
            listener.listen(0, '127.0.0.1', () => resolve(listener));
        })));
    const ports = listeners.map((listener) => listener.address().port);
    await Promise.all(listeners.map((listener) =>
        new Promise((resolve) => listener.close(resolve))));
    return ports;
}

class Server {
    /**
     * Prepares a folder; `start()` starts. Options: `program` (default: the one under test),
     * `name`, `folder`, `keys`, `caps`, `env`, `config` (more members for DIR/config) and
     * `prefix`, a command that runs the server.
     */
    static async prepare(options = {}) {
        const server = new Server();
        server.program = options.program || programs.sbot;
        server.name = options.name || path.basename(server.program);
        server.folder = options.folder || temporary_folder(server.name);
        server.caps = options.caps || random_caps();
        server.env = options.env || {};
        server.prefix = options.prefix || [];
        const [port, ws_port] = await free_ports(2);
        server.port = port;
        const secret = path.join(server.folder, 'secret');
        if (options.keys) {
            fs.writeFileSync(secret, JSON.stringify(options.keys, null, 2), { mode: 0o400 });
        }
        server.keys = ssb_keys.loadOrCreateSync(secret);
        server.id = server.keys.id;
        server.public_key = server.id.slice(1).replace('.ed25519', '');
        server.address = `net:127.0.0.1:${port}~shs:${server.public_key}`;
        server.config = {
            host: '127.0.0.1', port, ws: { port: ws_port }, caps: { shs: server.caps },
            gossip: { local: false, global: false, seed: false, friends: false },
            ...options.config
        };
        fs.writeFileSync(path.join(server.folder, 'config'),
                         JSON.stringify(server.config, null, 2));
        return server;
    }

    static async start(options) {
        return (await Server.prepare(options)).start();
    }

    /** The settings as the command line takes them. */
    settings() {
        return ['--path', this.folder, '--port', String(this.port), '--caps.shs', this.caps];
    }

    spawn() {
        const [program, ...args] = [...this.prefix, this.program, 'start', ...this.settings()];
        const child = own(spawn(program, args, {
            stdio: ['ignore', 'pipe', 'pipe'],
            env: { ...process.env, HOME: this.folder, ...this.env }
        }));
        this.child = child;
        this.output = '';
        for (const stream of [child.stdout, child.stderr]) {
            stream.on('data', (data) => {
                this.output = (this.output + data).slice(-20000);
            });
        }
        child.on('error', (error) => {
            this.output += error.message;
        });
        // Resolves, never rejects, with the status or the signal once the server has ended.
        this.ended = new Promise((resolve) => {
            child.once('error', () => resolve('cannot be started'));
            child.once('close', (status, signal) => resolve(signal || status));
        });
        this.ended.then(() => {
            child.gone = true;
        });
        return this;
    }

    /** Resolves when whoami answers. */
    async start() {
        const begin = process.hrtime.bigint();
        this.spawn();
        await until(`${this.name} answers`, async () => {
            if (this.child.gone) return 'gone';
            const rpc = await this.client();
            const { id } = await call(rpc, 'whoami');
            await close(rpc);
            return id;
        }, 60000, 10);  // JavaScript on a busy machine
        if (this.child.gone) throw new Error(`${this.name} ended while starting: ${this.output}`);
        this.start_ms = Number(process.hrtime.bigint() - begin) / 1e6;
        return this;
    }

    /** ssb-client over the `unix` socket or over `net`; with keys of its own: a stranger. */
    client(transport = 'unix', keys = this.keys, manifest = undefined) {
        const remote = transport === 'unix'
            ? `unix:${path.join(this.folder, 'socket')}~noauth:${this.public_key}`
            : this.address;
        const caps = { shs: this.caps };
        return within(8000, `connecting to ${this.name}`, new Promise((resolve, reject) => {
            const options = { remote, caps, manifest, timers: { handshake: 8000 } };
            ssb_client(keys, options, (error, rpc) => error ? reject(error) : resolve(rpc));
        }));
    }

    /** Asks it to end, and insists after a while; gives the exit status or the signal. */
    async stop(signal = 'SIGTERM') {
        if (!this.child || this.child.gone) return this.ended;
        this.child.kill(signal);
        try {
            return await within(10000, `${this.name} ending on ${signal}`, this.ended);
        } catch (error) {
            this.child.kill('SIGKILL');
            await this.ended;
            throw error;
        }
    }
}

module.exports = { Server, free_ports, programs, random_caps };
