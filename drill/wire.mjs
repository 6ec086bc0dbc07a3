/*
 * HTTP/1 as bytes: what is sent is what a door says, which no library puts in
 * order, and what comes back is kept whole.  A side is one of the two things
 * that are asked: the record host itself, or the gateway in front of it.
 */

import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib';

const ANSWER_MS = 15_000;               /* an answer that takes longer: none */
const ANSWER_BYTES = 64 * 1024 * 1024;

/* Where to send to: base is its FHIR base. */
export function side(name, base) {
  const url = new URL(base);
  const secure = url.protocol === 'https:';

  return {
    name,
    secure,
    hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (secure ? 443 : 80)),
    authority: url.host,
    origin: url.origin,
    base: url.pathname.replace(/\/$/, ''),
  };
}

function open(to, credentials) {
  if (!to.secure) {
    return [connectTcp({ host: to.hostname, port: to.port }), 'connect'];
  }

  return [
    connectTls({
      host: to.hostname,
      port: to.port,
      servername: /^[\d.]+$|:/.test(to.hostname) ? undefined : to.hostname,
      ALPNProtocols: ['http/1.1'],
      ...credentials,
    }),
    'secureConnect',
  ];
}

/*
 * Sends the bytes on a connection of their own, with these credentials of
 * node:tls where it is TLS, and resolves to all that came back before it ended:
 * { bytes, connected, ended, error }.
 */
export function exchange(to, bytes, credentials = {}) {
  return new Promise((resolve) => {
    const parts = [];
    const got = { connected: false, ended: false, error: undefined };
    const [socket, ready] = open(to, credentials);
    let size = 0;

    const finish = () => {
      clearTimeout(timer);
      socket.destroy();
      resolve({ ...got, bytes: Buffer.concat(parts) });
    };

    const timer = setTimeout(finish, ANSWER_MS);

    socket.on(ready, () => {
      got.connected = true;
      socket.write(bytes);
    });

    socket.on('data', (part) => {
      parts.push(part);
      size += part.length;

      if (size > ANSWER_BYTES) {
        got.error = `more than ${ANSWER_BYTES} bytes`;
        finish();
      }
    });

    socket.on('error', (err) => {
      got.error = err.message;
      got.ended = got.connected;        /* a reset ends it as well */
      finish();
    });

    socket.on('end', () => {
      got.ended = true;
      finish();
    });
  });
}


/* ---------------------------------------------------------------- requests */

/*
 * One request as bytes.  target is relative to the base unless it begins with
 * "/" or is given as "raw"; headers are [name, value] pairs, added to Host,
 * Accept and Connection: close; a value that is null leaves one of these out.
 */
export function format(to, request) {
  const {
    method = 'GET', target = '', raw, headers = [], body, version = '1.1',
  } = request;
  const defaults = new Map([
    ['Host', to.authority],
    ['Accept', 'application/fhir+json'],
    ['Connection', 'close'],
  ]);
  const lines = [];

  for (const [name, value] of headers) {
    const own = [...defaults.keys()]
      .find((key) => key.toLowerCase() === name.toLowerCase());

    if (own) {
      defaults.delete(own);
    }

    if (value !== null) {
      lines.push(`${name}: ${value}`);
    }
  }

  const content = body === undefined ? Buffer.alloc(0) : Buffer.from(body);

  if (body !== undefined &&
      !headers.some(([n]) => /^(content-length|transfer-encoding)\b/i.test(n))) {
    lines.push(`Content-Length: ${content.length}`);
  }

  const path = raw ?? (target.startsWith('/') ? target
                                              : `${to.base}/${target}`);
  const head = [
    `${method} ${path} HTTP/${version}`,
    ...[...defaults].map(([name, value]) => `${name}: ${value}`),
    ...lines,
  ];

  return Buffer.concat([
    Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1'), content,
  ]);
}


/* ----------------------------------------------------------------- answers */

function headersOf(lines) {
  const headers = [];

  for (const line of lines) {
    const colon = line.indexOf(':');

    if (colon > 0) {
      headers.push([line.slice(0, colon).toLowerCase(),
                    line.slice(colon + 1).trim()]);
    }
  }

  return headers;
}

const valueOf = (headers, name) => headers.find(([n]) => n === name)?.[1];

/* A chunked body from "at" on: its content, and where it ends. */
function unchunk(bytes, at) {
  const parts = [];

  for (;;) {
    const eol = bytes.indexOf('\r\n', at);
    const size = eol < 0 ? NaN
      : Number.parseInt(bytes.toString('latin1', at, eol), 16);

    if (Number.isNaN(size)) {
      return { content: Buffer.concat(parts), end: bytes.length };
    }

    at = eol + 2;

    if (size === 0) {
      /* trailers, if any, and the empty line */
      const end = bytes.indexOf('\r\n\r\n', at - 2);

      return {
        content: Buffer.concat(parts),
        end: end < 0 ? bytes.length : end + 4,
      };
    }

    parts.push(bytes.subarray(at, at + size));
    at += size + 2;
  }
}

export function decoded(content, encoding) {
  const decoders = {
    gzip: gunzipSync, 'x-gzip': gunzipSync, deflate: inflateSync,
    br: brotliDecompressSync,
  };

  try {
    return decoders[encoding?.toLowerCase()]?.(content) ?? content;
  } catch {
    return content;                     /* the bytes as they are, then */
  }
}

/*
 * The answers in these bytes, in order.  methods are those of the requests,
 * since an answer to HEAD has no body; interim answers (1xx) are left out.
 */
export function answers(bytes, methods = ['GET']) {
  const found = [];
  let at = 0;

  while (at < bytes.length) {
    const end = bytes.indexOf('\r\n\r\n', at);

    if (end < 0) {
      break;
    }

    const [first, ...lines] = bytes.toString('latin1', at, end).split('\r\n');
    const status = Number(/^HTTP\/\d(?:\.\d)? (\d{3})/.exec(first)?.[1]);

    if (!status) {
      break;
    }

    at = end + 4;

    if (status < 200 && status !== 101) {
      continue;
    }

    const method = methods[Math.min(found.length, methods.length - 1)];
    const headers = headersOf(lines);
    const length = valueOf(headers, 'content-length');
    let content;

    if (method === 'HEAD' || status === 204 || status === 304) {
      content = Buffer.alloc(0);
    } else if (/chunked/i.test(valueOf(headers, 'transfer-encoding') ?? '')) {
      const chunks = unchunk(bytes, at);

      content = chunks.content;
      at = chunks.end;
    } else {
      const size = length === undefined ? bytes.length - at : Number(length);

      content = bytes.subarray(at, at + size);
      at += content.length;
    }

    found.push({
      status, headers,
      body: decoded(content, valueOf(headers, 'content-encoding')),
      header: (name) => valueOf(headers, name),
    });
  }

  return found;
}

export function jsonOf(answer) {
  try {
    return JSON.parse(answer?.body.toString('utf8'));
  } catch {
    return undefined;                   /* it is not JSON, which is an answer */
  }
}
