/*
 * answers.mjs RUN PKI PEER:PORT:CLEAR_PORT...: asks each peer, before it is
 * measured, for everything that the load will ask for, looks at what the
 * answers say, and at what has to be refused.  A peer that answers wrongly ends
 * the run: how fast it is would say nothing.
 *
 * Writes RUN/seed/ROW.PEER, the targets with the length of each answer, which
 * the load then holds every answer against; prints, as JSON, how many requests
 * to each peer the histories of the patients must hold.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Agent as ClearAgent, request as clearRequest } from 'node:http';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { isDeepStrictEqual } from 'node:util';

const [run, pki, ...peers] = process.argv.slice(2);

const seed = (name) => readFileSync(`${run}/seed/${name}`, 'utf8');
const targetsOf = (name) => seed(name).trim().split('\n');

const OURS = ['memory', 'fsync', 'replicas'];
const LUA = ['lua', 'piped', 'cerbos'];

const tls = {
  ca: readFileSync(`${pki}/server-ca.pem`),
  servername: 'localhost',
  keepAlive: true,
  maxSockets: 1,
};
const card = {
  cert: readFileSync(`${pki}/morel.pem`),
  key: readFileSync(`${pki}/morel.key`),
};

const withCard = new TlsAgent({ ...tls, ...card });
const withoutCard = new TlsAgent(tls);
const clear = new ClearAgent({ keepAlive: true, maxSockets: 1 });

function ask(port, agent, path, header) {
  const headers = { accept: 'application/fhir+json', host: 'localhost' };
  const send = agent === clear ? clearRequest : tlsRequest;

  if (header) {
    const [, name, value] = header.match(/^([^:]+): (.*)$/);
    headers[name] = value;
  }

  return new Promise((resolve, reject) => {
    send({ host: '127.0.0.1', port, agent, path, headers }, (answer) => {
      const pieces = [];

      answer.on('data', (piece) => pieces.push(piece));
      answer.on('error', reject);
      answer.on('end', () => resolve({
        status: answer.statusCode,
        body: Buffer.concat(pieces),
      }));
    }).on('error', reject).end();
  });
}

const cut = JSON.parse(seed('www/search-cut'));
const idsOf = (bundle) => bundle.entry.map((e) => e.resource.id).join(' ');

/* What a document, a search answer, a check must say; a reason if not. */
const says = {
  read(body, path) {
    const host = seed(`www/DocumentReference/${path.split('/').pop()}`);

    return body.toString() === host ? '' : 'another document than the host has';
  },

  search(body, path, peer) {
    if (!OURS.includes(peer) && !LUA.includes(peer)) {
      return body.toString() === seed('www/search.json')
        ? '' : 'another answer than the host gave';
    }

    const bundle = JSON.parse(body);

    if (idsOf(bundle) !== idsOf(cut)) {
      return 'not what may leave';
    }

    if (bundle.total !== undefined && bundle.total !== cut.total) {
      return 'a total that tells how many are hidden';
    }

    return bundle.entry.every((e, i) => isDeepStrictEqual(e.resource, cut.entry[i].resource))
      ? '' : 'a document was changed';
  },

  cut: (body) => (body.toString() === seed('www/search-cut') ? '' : 'not the cut answer'),

  check(body, path) {
    const ins = path.split('%7C').pop();

    JSON.parse(body);
    return body.includes(ins) ? '' : 'nothing of the patient';
  },
};

function rowsOf(peer) {
  if (peer === 'piped') {
    return ['read'];
  }

  if (OURS.includes(peer) || LUA.includes(peer)) {
    return ['read', 'search', 'check'];
  }

  return peer === 'bare' ? ['read', 'search', 'cut'] : ['read', 'search'];
}

/*
 * path, header, agent, status: what a guard that decides must refuse; traced:
 * it stands in the patient's history.
 */
function refusals(peer) {
  const [document] = targetsOf('read');
  const [stranger] = targetsOf('refused');
  const base = document.slice(0, document.lastIndexOf('/') + 1);

  if (OURS.includes(peer)) {
    return [
      { path: stranger, agent: withCard, status: 404, traced: true },
      { path: document, agent: withoutCard, status: 401 },
    ];
  }

  const header = existsSync(`${run}/seed/${peer}.header`)
    ? seed(`${peer}.header`) : undefined;

  if (LUA.includes(peer)) {
    return [
      { path: document, agent: clear, status: 401 },
      { path: document, header: `${header}0`, agent: clear, status: 401 },
      ...[stranger, `${base}blocked`, `${base}other-type`].map((path) => ({
        path, header, agent: clear, status: 403,
      })),
    ];
  }

  if (peer === 'haproxy') {
    return [
      { path: document, agent: clear, status: 401 },
      {
        path: document, header: header.replace(/.{8}$/, 'AAAAAAAA'), agent: clear,
        status: 401,
      },
      { path: document, header: seed('haproxy.other'), agent: clear, status: 403 },
    ];
  }

  return [];
}

function wrong(peer, path, why) {
  process.stderr.write(`bench: ${peer} answers wrongly to ${path}: ${why}\n`);
  process.exit(1);
}

/* TLS, and in clear where the peer has a port for it: the same answers. */
async function check(peer, port, clearPort) {
  const header = existsSync(`${run}/seed/${peer}.header`)
    ? seed(`${peer}.header`) : undefined;
  const ways = [[port, withCard]];
  let asked = 0;

  if (clearPort) {
    ways.push([clearPort, clear]);
  }

  for (const row of rowsOf(peer)) {
    const lines = [];

    for (const path of targetsOf(row)) {
      for (const [at, agent] of ways) {
        const { status, body } = await ask(at, agent, path, header);

        asked++;
        if (status !== 200) {
          wrong(peer, path, `status ${status}`);
        }

        const why = says[row](body, path, peer);
        if (why) {
          wrong(peer, path, why);
        }

        lines.push(`${path} ${body.length}\n`);
      }
    }

    writeFileSync(`${run}/seed/${row}.${peer}`, [...new Set(lines)].join(''));
  }

  for (const refusal of refusals(peer)) {
    const { path, agent, header: other, status: expected } = refusal;
    const { status } = await ask(agent === clear ? clearPort : port, agent, path, other);

    if (status !== expected) {
      wrong(peer, path, `status ${status}, where ${expected} is right`);
    }

    asked += refusal.traced ? 1 : 0;
  }

  return asked;
}

const asked = {};

for (const peer of peers) {
  const [name, port, clearPort] = peer.split(':');

  asked[name] = await check(name, Number(port), Number(clearPort));
}

console.log(JSON.stringify(asked));
process.exit(0);
