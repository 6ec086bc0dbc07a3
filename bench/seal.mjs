/*
 * seal.mjs SOCKET: how long accesses stand in the trace before a signature
 * covers them: from the id that the store gave an entry to the id of the first
 * checkpoint (heartbeat, end of the epoch) whose heads reach it.  Of a few
 * buckets, all accesses.  Prints one line of JSON.
 */

import { execFileSync } from 'node:child_process';

const [socket] = process.argv.slice(2);
const SAMPLED = 8;
const BUCKETS = 64;
const FIRST = 100;
const SIGNED = ['checkpoint', 'heartbeat', 'epoch-close'];

function fail(why) {
  process.stderr.write(`seal: ${why}\n`);
  process.exit(1);
}

const keyOf = (bucket) => `{dmp:${String(bucket).padStart(2, '0')}}:trace`;

/* Entries as { ms, ...body }, oldest first. */
function entriesOf(bucket, ...count) {
  const out = execFileSync('redis-cli',
    ['-s', socket, '--json', 'XRANGE', keyOf(bucket), '-', '+', ...count],
    { encoding: 'utf8', maxBuffer: 2 ** 30 });

  return JSON.parse(out).map(([id, fields]) => ({
    ms: Number(id.split('-')[0]), ...JSON.parse(fields[fields.indexOf('b') + 1]),
  }));
}

const all = Array.from({ length: BUCKETS }, (_, i) => i);
const begins = all.map((bucket) => entriesOf(bucket, 'COUNT', String(FIRST)));
const gateways = new Set(begins.flat().filter((e) => e.kind === 'access').map((e) => e.writer));
const homes = all.filter((bucket) => begins[bucket].some(
  (e) => e.kind === 'epoch-open' && gateways.has(e.writer)
));

if (homes.length === 0) {
  fail('no gateway has begun an epoch');
}

/* "writer epoch bucket": [seq, ms] of what was signed, in time's order */
const signed = new Map();

for (const entry of homes.flatMap((bucket) => entriesOf(bucket))) {
  if (SIGNED.includes(entry.kind) && entry.heads) {
    for (const [bucket, epoch, seq] of entry.heads) {
      const key = `${entry.writer} ${epoch} ${bucket}`;

      if (!signed.has(key)) {
        signed.set(key, []);
      }
      signed.get(key).push([seq, entry.ms]);
    }
  }
}

const lags = [];

for (const bucket of all.filter((b) => b % (BUCKETS / SAMPLED) === 0)) {
  const next = new Map();

  for (const entry of entriesOf(bucket).filter((e) => e.kind === 'access')) {
    const key = `${entry.writer} ${entry.epoch} ${bucket}`;
    const heads = signed.get(key) ?? [];
    let at = next.get(key) ?? 0;

    while (at < heads.length && heads[at][0] < entry.seq) {
      at++;
    }

    next.set(key, at);
    if (at === heads.length) {
      fail(`an entry of bucket ${bucket} is not signed (${key}, seq ${entry.seq})`);
    }
    lags.push(heads[at][1] - entry.ms);
  }
}

if (lags.length === 0) {
  fail('no access in the buckets looked at');
}

lags.sort((a, b) => a - b);
const at = (q) => lags[Math.min(lags.length - 1, Math.floor(lags.length * q))];

console.log(JSON.stringify({
  entries: lags.length, p50_ms: at(0.5), p99_ms: at(0.99), most_ms: at(1),
}));
