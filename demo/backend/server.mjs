/*
 * A plain FHIR R4 record host in memory, for the demo and the tests.  It
 * serves whoever reaches it and knows nothing of the gateway in front of it:
 * what it received stands in its log, which the tests read.
 */

import './polyfills.mjs';

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { openSync, rmSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { isIP } from 'node:net';
import { parseArgs } from 'node:util';

import { fhirListener } from './http.mjs';
import { loadFolders } from './load.mjs';
import { indexDefinitions, RecordStore } from './store.mjs';

const USAGE = `usage: node server.mjs [--listen ADDRESS:PORT | unix:PATH]
                       [--data DIR]... [--log FILE] [--base URL]

  --listen  where to listen, default 127.0.0.1:8090; port 0 takes a free one
  --data    folder of *.json and *.ndjson to load at start, repeatable
  --log     append one JSON line per request received, before it is answered
  --base    base of the URLs in answers, default http://<Host header>/fhir;
            of those that the data names with "{base}/", default the address
            it listens at`;

/* Longer than a proxy's idle time, so that the proxy is the one to close. */
const KEEP_ALIVE_MS = 120_000;

function fail(message) {
  process.stderr.write(`record host: ${message}\n`);
  process.exit(1);
}

function arguments_() {
  try {
    return parseArgs({
      options: {
        listen: { type: 'string', default: '127.0.0.1:8090' },
        data: { type: 'string', multiple: true, default: [] },
        log: { type: 'string' },
        base: { type: 'string' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    }).values;
  } catch (err) {
    return fail(`${err.message}\n${USAGE}`);
  }
}

function listenAddress(text) {
  if (text.startsWith('unix:')) {
    return { path: text.slice('unix:'.length) };
  }

  const m = /^(.+):(\d{1,5})$/.exec(text);
  const host = m?.[1].replace(/^\[(.*)\]$/, '$1');

  if (!m || !isIP(host) || Number(m[2]) > 65535) {
    fail(`--listen ${text}: expected ADDRESS:PORT or unix:PATH`);
  }

  return { host, port: Number(m[2]) };
}

function requestLog(path) {
  if (path === undefined) {
    return () => {};
  }

  let fd;

  try {
    fd = openSync(path, 'a');
  } catch (err) {
    fail(`cannot open log: ${err.message}`);
  }

  return (req, body, bytes) => {
    const headers = [];

    for (let i = 0; i < req.rawHeaders.length; i += 2) {
      headers.push([req.rawHeaders[i], req.rawHeaders[i + 1]]);
    }

    /* Synchronous: the line must stand before the client can see the answer. */
    writeSync(fd, `${JSON.stringify({
      time: new Date().toISOString(),
      method: req.method,
      target: req.url,
      headers,
      body_bytes: bytes,
      body_sha1: createHash('sha1').update(body).digest('hex'),
    })}\n`);
  };
}

const args = arguments_();

if (args.help) {
  process.stdout.write(`${USAGE}\n`);
  process.exit(0);
}

const address = listenAddress(args.listen);
const fixedBase = args.base?.replace(/\/$/, '');
const store = new RecordStore();
const server = createServer({ keepAlive: true, maxHeaderSize: 64 * 1024 });

server.keepAliveTimeout = KEEP_ALIVE_MS;
server.headersTimeout = KEEP_ALIVE_MS + 1000;

server.on('error', (err) => fail(err.message));

for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    /* a client that never ends its request must not keep us */
    setTimeout(() => server.closeAllConnections(), 1000).unref();
  });
}

if (address.path) {
  /* a socket left by a run that was killed would refuse the address */
  rmSync(address.path, { force: true });
}

server.listen(address);
await once(server, 'listening');

/* Known only now: port 0 is any free one. */
const at = server.address();
const origin = typeof at === 'string'
  ? undefined
  : `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`;

try {
  indexDefinitions();
  await loadFolders(store, args.data, {
    base: fixedBase ?? `${origin ?? 'http://localhost'}/fhir`,
    warn: (message) => process.stderr.write(`record host: ${message}\n`),
  });
} catch (err) {
  fail(err.message);
}

server.on('request', fhirListener(store, {
  base: fixedBase,
  onRequest: requestLog(args.log),
}));

process.stdout.write(`ready ${origin ?? `unix:${at}`}\n`);
