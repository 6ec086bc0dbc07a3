/*
 * Two readings of one request: paths, headers, methods and message framing
 * that a gateway and a record host may understand differently.
 */

import { format } from '../wire.mjs';
import {
  byPatient, door, form, group, hiddenDocument, rawDoor,
} from './door.mjs';

const encoded = (text) =>
  [...text].map((c) => `%${c.charCodeAt(0).toString(16)}`).join('');

/* The id's first letter as %xx, and that once more encoded. */
const once = (id) => encoded(id[0]) + id.slice(1);
const twice = (id) => encoded(id[0]).replace('%', '%25') + id.slice(1);

const paths = [
  ['a letter encoded', (id) => `DocumentReference/${once(id)}`],
  ['a letter encoded twice', (id) => `DocumentReference/${twice(id)}`],
  ['the type encoded', (id) => `%44ocumentReference/${id}`],
  ['/../', (id, c) => `DocumentReference/${c.visible.id}/../${id}`],
  ['%2e%2e', (id, c) => `DocumentReference/${c.visible.id}/%2e%2e/${id}`],
  ['%2e%2e%2f', (id, c) => `DocumentReference/${c.visible.id}%2f%2e%2e%2f${id}`],
  ['/..;/', (id, c) => `DocumentReference/${c.visible.id}/..;/${id}`],
  ['from metadata', (id) => `metadata/../DocumentReference/${id}`],
  ['/./', (id) => `DocumentReference/./${id}`],
  ['//', (id) => `DocumentReference//${id}`],
  ['// before the type', (id) => `/DocumentReference/${id}`, 'base'],
  ['%2f', (id) => `DocumentReference%2f${id}`],
  ['\\', (id) => `DocumentReference\\${id}`],
  ['%5c', (id) => `DocumentReference%5c${id}`],
  [';x=1 at the type', (id) => `DocumentReference;x=1/${id}`],
  [';x=1 at the id', (id) => `DocumentReference/${id};x=1`],
  ['a slash at the end', (id) => `DocumentReference/${id}/`],
  ['?', (id) => `DocumentReference/${id}?`],
  ['??', (id) => `DocumentReference/${id}??`],
  ['?x', (id) => `DocumentReference/${id}?x=${'1'.repeat(50)}`],
  ['#', (id) => `DocumentReference/${id}#x`],
  ['%23', (id) => `DocumentReference/${id}%23x`],
  ['%00', (id) => `DocumentReference/${id}%00`],
  ['%00.json', (id) => `DocumentReference/${id}%00.json`],
  ['.json', (id) => `DocumentReference/${id}.json`],
  ['%20 at the end', (id) => `DocumentReference/${id}%20`],
  ['%0a at the end', (id) => `DocumentReference/${id}%0a`],
  ['overlong UTF-8', (id) => `DocumentReference%c0%af${id}`],
  ['lower case', (id) => `documentreference/${id}`],
  ['upper case', (id) => `DOCUMENTREFERENCE/${id}`],
  ['a document shown, then the hidden one', (id, c) =>
    `DocumentReference/${c.visible.id},${id}`],
  ['the id twice', (id, c) => `DocumentReference/${c.visible.id}/${id}`],
  ['_id beside another id', (id, c) =>
    `DocumentReference/${c.visible.id}?_id=${id}`],
].map(([name, make, at]) =>
  door(name, (c, to) => at === 'base'
    ? { raw: `${to.base}/${make(c.first.id, c)}` }
    : make(c.first.id, c)));

const targets = [
  door('absolute form', (c, to) => ({
    raw: `${to.origin}${to.base}/${hiddenDocument(c)}`,
  })),
  door('absolute form, another host', (c, to) => ({
    raw: `http://record.host.test${to.base}/${hiddenDocument(c)}`,
  })),
  door('absolute form, hidden behind "@"', (c, to) => ({
    raw: `http://${to.authority}@record.host.test${to.base}/${hiddenDocument(c)}`,
  })),
  door('outside the base and back', (c, to) => ({
    raw: `${to.base}/..${to.base}/${hiddenDocument(c)}`,
  })),
  door('the base in capitals', (c, to) => ({
    raw: `${to.base.toUpperCase()}/${hiddenDocument(c)}`,
  })),
  door('the base, slash encoded', (c, to) => ({
    raw: `${to.base}%2f${hiddenDocument(c)}`,
  })),
  door('the base twice', (c, to) => ({
    raw: `${to.base}${to.base}/${hiddenDocument(c)}`,
  })),
  door('no slash before it', (c, to) => ({
    raw: `${to.base.slice(1)}/${hiddenDocument(c)}`,
  })),
  door('another Host', (c) => ({
    target: hiddenDocument(c), headers: [['Host', 'record.host.test']],
  })),
  door('Host twice', (c, to) => ({
    target: hiddenDocument(c),
    headers: [['Host', to.authority], ['Host', 'record.host.test']],
  })),
];

const methods = [
  ...['OPTIONS', 'TRACE', 'POST', 'PROPFIND', 'get', 'GETS', 'SEARCH'].map(
    (method) => door(method, (c) => ({ method, target: hiddenDocument(c) }))),
  door('CONNECT', (c, to) => ({
    method: 'CONNECT', raw: `${to.base}/${hiddenDocument(c)}`,
  })),
  door('HTTP/1.0', (c) => ({ target: hiddenDocument(c), version: '1.0' })),
  door('HTTP/1.0, no Host', (c) => ({
    target: byPatient(c.patient), version: '1.0', headers: [['Host', null]],
  })),
  rawDoor('HTTP/0.9', (c, to) =>
    [`GET ${to.base}/${hiddenDocument(c)}\r\n\r\n`, ['GET']]),
  door('HTTP/1.2', (c) => ({ target: hiddenDocument(c), version: '1.2' })),
  door('HTTP/2.0 in words', (c) => ({
    target: hiddenDocument(c), version: '2.0',
  })),
];

/* A header, or several, on a read of the hidden document. */
const on = (name, headers, make = hiddenDocument) =>
  door(name, (c, to) => ({
    target: make(c),
    headers: typeof headers === 'function' ? headers(c, to) : headers,
  }));

const headers = [
  on('DMP-Access-Mode twice', [
    ['DMP-Access-Mode', 'normal'], ['DMP-Access-Mode', 'centre-15'],
  ]),
  on('DMP-Access-Mode, two in one', [['DMP-Access-Mode', 'normal, centre-15']]),
  on('DMP-Access-Mode: centre-15', [['DMP-Access-Mode', 'centre-15']]),
  on('DMP-Access-Mode: bris-de-glace, alone',
     [['DMP-Access-Mode', 'bris-de-glace']]),
  on('DMP-Access-Mode: bris-de-glace, of another patient',
     [['DMP-Access-Mode', 'bris-de-glace']],
     (c) => byPatient(c.other ?? c.patient)),
  on('dmp_access_mode', [['dmp_access_mode', 'centre-15']]),
  on('DMP_Access-Mode, and the true one', [
    ['DMP-Access-Mode', 'normal'], ['DMP_Access-Mode', 'bris-de-glace'],
    ['DMP_Justification', 'nothing to justify it'],
  ]),
  on('X-DMP-Access-Mode', [['X-DMP-Access-Mode', 'centre-15']]),
  on('X-DMP-Decision', [
    ['X-DMP-Decision', 'allow'], ['X-DMP-Subject', '899700218896'],
  ]),
  on('a receipt of one’s own', [['DMP-Trace-Receipt', 'x']]),
  on('who asks, as proxies say it', [
    ['X-SSL-Client-Verify', 'SUCCESS'], ['X-Forwarded-User', 'operator'],
    ['X-Remote-User', 'operator'], ['X-Forwarded-For', '127.0.0.1'],
  ]),
  on('Forwarded', [
    ['Forwarded', 'for=127.0.0.1;proto=https;host=record.host.test'],
    ['X-Forwarded-Prefix', '/internal'],
  ]),
  on('a token without a signature', [['Authorization',
    'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJvcGVyYXRvciJ9.']]),
  on('Basic', [['Authorization', 'Basic b3BlcmF0b3I6b3BlcmF0b3I=']]),
  on('a session cookie', [['Cookie', '__Host-dmp-session=x']]),
  on('X-Original-URL', (c, to) => [
    ['X-Original-URL', `${to.base}/${hiddenDocument(c)}`],
    ['X-Rewrite-URL', `${to.base}/${hiddenDocument(c)}`],
  ], (c) => `DocumentReference/${c.visible.id}`),
  on('X-Accel-Redirect', (c, to) => [
    ['X-Accel-Redirect', `${to.base}/${hiddenDocument(c)}`],
    ['X-Sendfile', `${to.base}/${hiddenDocument(c)}`],
  ], (c) => `DocumentReference/${c.visible.id}`),
  on('Destination', (c, to) => [
    ['Destination', `${to.base}/${hiddenDocument(c)}`],
    ['Content-Location', `${to.base}/${hiddenDocument(c)}`],
  ]),
  on('If-None-Exist', [['If-None-Exist', 'identifier=x']]),
  on('Prefer', [['Prefer', 'return=representation, handling=lenient']]),
  on('Cache-Control: only-if-cached', [['Cache-Control', 'only-if-cached']]),
  on('Connection names our headers', [
    ['DMP-Access-Mode', 'normal'],
    ['Connection', 'close, DMP-Access-Mode, Authorization, Host'],
  ]),
  on('Connection names the receipt', [
    ['Connection', 'close, DMP-Trace-Receipt'],
  ]),
  on('Upgrade: h2c', [
    ['Connection', 'Upgrade, HTTP2-Settings'], ['Upgrade', 'h2c'],
    ['HTTP2-Settings', 'AAMAAABkAARAAAAAAAIAAAAA'], ['Connection', 'close'],
  ]),
  on('Upgrade: websocket', [
    ['Connection', 'Upgrade'], ['Upgrade', 'websocket'],
    ['Sec-WebSocket-Version', '13'],
    ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='], ['Connection', 'close'],
  ]),
  on('TE: trailers', [['TE', 'trailers']]),
  on('a folded header', [['X-Any', 'a\r\n  b']]),
  on('a header without a name', [['', 'x']]),
  on('a space before the colon', [['DMP-Access-Mode ', 'centre-15']]),
  on('a bare CR in a header', [['X-Any', 'a\rDMP-Access-Mode: centre-15']]),
  on('a bare LF in a header', [['X-Any', 'a\nDMP-Access-Mode: centre-15']]),
  on('NUL in a header', [['X-Any', 'a\0b']]),
];


/* -------------------------------------------------------------- the message */

const head = (to, line, ...lines) =>
  [`${line} HTTP/1.1`, `Host: ${to.authority}`,
   'Accept: application/fhir+json', ...lines, '', ''].join('\r\n');

const last = (to, target) =>
  format(to, { target }).toString('latin1');

/*
 * A request with a second one hidden in what one reader takes for its body;
 * an honest one ends the connection whichever way it was read.
 */
function smuggled(name, lines, wrap, method = 'POST') {
  return rawDoor(name, (c, to) => {
    const inner = head(to, `GET ${to.base}/${hiddenDocument(c)}`);
    const body = wrap(inner);
    const headers = typeof lines === 'function' ? lines(body) : lines;

    return [
      head(to, `${method} ${to.base}/${byPatient(c.patient)}`, ...headers) +
        body + last(to, byPatient(c.patient)),
      ['GET', 'GET', 'GET'],
    ];
  });
}

const length = (body) => `Content-Length: ${body.length}`;
const noChunk = (inner) => `0\r\n\r\n${inner}`;
const chunked = 'Transfer-Encoding: chunked';

const message = [
  rawDoor('two requests at once, both hidden', (c, to) => [
    head(to, `GET ${to.base}/${hiddenDocument(c)}`) +
      last(to, hiddenDocument(c)), ['GET', 'GET'],
  ]),
  rawDoor('a refused request before an allowed one', (c, to) => [
    head(to, `GET ${to.base}/${hiddenDocument(c)}`) +
      last(to, byPatient(c.patient)), ['GET', 'GET'],
  ]),
  rawDoor('an allowed request before a refused one', (c, to) => [
    head(to, `GET ${to.base}/${byPatient(c.patient)}`) +
      last(to, hiddenDocument(c)), ['GET', 'GET'],
  ]),
  rawDoor('HTTP/1.0, kept alive', (c, to) => [
    head(to, `GET ${to.base}/${hiddenDocument(c)}`, 'Connection: keep-alive')
      .replace('HTTP/1.1', 'HTTP/1.0') + last(to, hiddenDocument(c)),
    ['GET', 'GET'],
  ]),
  rawDoor('HEAD before GET', (c, to) => [
    head(to, `HEAD ${to.base}/${hiddenDocument(c)}`) +
      last(to, hiddenDocument(c)), ['HEAD', 'GET'],
  ]),
  smuggled('a body on a GET', (body) => [length(body)], (inner) => inner, 'GET'),
  smuggled('a chunked body on a GET', [chunked], noChunk, 'GET'),
  smuggled('length and chunks', (body) => [length(body), chunked], noChunk),
  smuggled('chunks and length', (body) => [chunked, length(body)], noChunk),
  smuggled('chunks, folded', (body) =>
    [length(body), 'Transfer-Encoding:\r\n chunked'], noChunk),
  smuggled('chunks, with a space before the colon', (body) =>
    [length(body), 'Transfer-Encoding : chunked'], noChunk),
  smuggled('chunks, and identity', (body) =>
    [length(body), 'Transfer-Encoding: chunked, identity'], noChunk),
  smuggled('chunks twice', (body) =>
    [length(body), chunked, 'Transfer-Encoding: x'], noChunk),
  smuggled('chunks by an unknown name', (body) =>
    [length(body), 'Transfer-Encoding: xchunked'], noChunk),
  smuggled('a chunk with a long size', [chunked],
           (inner) => `0000000000000000000000000\r\n\r\n${inner}`),
  smuggled('a chunk extension', [chunked],
           (inner) => `0;a="\r\n\r\n${inner}`),
  smuggled('trailers', [chunked, 'Trailer: DMP-Access-Mode'],
           (inner) => `0\r\nDMP-Access-Mode: centre-15\r\n\r\n${inner}`),
  smuggled('two lengths', (body) => [length(body), 'Content-Length: 0'],
           (inner) => inner),
  smuggled('two lengths, the other way', (body) =>
    ['Content-Length: 0', length(body)], (inner) => inner),
  smuggled('two lengths in one', (body) =>
    [`Content-Length: 0, ${body.length}`], (inner) => inner),
  smuggled('a length with a sign', (body) =>
    [`Content-Length: +${body.length}`], (inner) => inner),
  smuggled('a length that is none', ['Content-Length: 0x0'], (inner) => inner),
  rawDoor('ended by LF alone', (c, to) => [
    head(to, `GET ${to.base}/${hiddenDocument(c)}`, 'Connection: close')
      .replace(/\r\n/g, '\n'), ['GET'],
  ]),
  rawDoor('empty lines first', (c, to) =>
    [`\r\n\r\n${last(to, hiddenDocument(c))}`, ['GET']]),
  door('Expect: 100-continue', (c) => c.other && form(
    'DocumentReference/_search', `patient.identifier=${c.other.encoded}`,
    [['Expect', '100-continue']])),
  door('Expect: something else', (c) => ({
    target: hiddenDocument(c), headers: [['Expect', 'nothing']],
  })),
  door('a compressed form', (c) => c.other && form(
    'DocumentReference/_search', `patient.identifier=${c.other.encoded}`,
    [['Content-Encoding', 'gzip']])),
  /* what was smuggled would come with the answers of those who follow */
  {
    name: 'the answers after all these',
    async play(player, c) {
      for (let i = 0; i < 4; i++) {
        await player.send(byPatient(c.patient));
      }
    },
  },
];

export default [
  ...group('path', [...paths, ...targets]),
  ...group('method and version', methods),
  ...group('headers', headers),
  ...group('message', message),
];
