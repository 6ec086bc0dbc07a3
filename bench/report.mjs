/*
 * report.mjs SAMPLES SCAN REPORT: medians of the slices that run.sh took, and
 * medians of the ratios within each round, as a table and as JSON.
 *
 * The spread of a row is half the distance between its quartiles, in per cent
 * of its median: what the machine around us did to it.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const [samplesFile, scanFile, reportFile] = process.argv.slice(2);

const samples = readFileSync(samplesFile, 'utf8').trim().split('\n')
  .map((line) => JSON.parse(line))
  .filter((sample) => sample.round > 0);

/* Handshakes have more of them, and shorter ones, than the other rows. */
const roundsOf = (row) =>
  [...new Set(samples.filter((s) => s.row === row).map((s) => s.round))];

function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);

  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/* Median, and half the interquartile range in per cent of it. */
function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2;

  return {
    median: Number(median.toPrecision(4)),
    spread_percent: Number(((100 * spread) / Math.abs(median)).toFixed(1)),
  };
}

const result = (round, row, peer) =>
  samples.find((s) => s.round === round && s.row === row && s.peer === peer).result;

const each = (f, row = 'read') => summary(roundsOf(row).map(f));

function throughput(row, peer) {
  const of = (name) => each((n) => result(n, row, peer)[name], row);
  const out = {
    requests_per_second: of('rate'),
    p50_us: of('p50_us'),
    p99_us: of('p99_us'),
    body_bytes: of('body').median,
    gateway_cpu_us: of('gateway_us'),
    gateway_busy: of('gateway_busy').median,
    load_cpu_us: of('load_us'),
    host_cpu_us: of('host_us'),
  };

  return peer === 'bare' ? out : { ...out, store_cpu_us: of('store_us') };
}

/* Two readings: what came out, and what the gateway's own CPU time allows. */
const ratios = (row, peer) => ({
  requests_per_second: each(
    (n) => result(n, row, peer).rate / result(n, row, 'bare').rate, row
  ),
  gateway_cpu: each(
    (n) => result(n, row, 'bare').gateway_us / result(n, row, peer).gateway_us, row
  ),
});

/*
 * What the gateway's worker adds to a connection with one read, and to a read
 * on a connection that stands; the rest is the handshake's: the certificate
 * read once, and verified again when the session is resumed.  Reads that come
 * apart are committed apart: the rest is a little too much.
 */
function handshake(row, peer) {
  const cpu = (n, name, of) => result(n, name, of).gateway_us;
  const read = (of) => each((n) => cpu(n, 'read', of)).median;
  const added = (n, name) => cpu(n, name, peer) - cpu(n, name, 'bare');
  const toRead = each((n) => added(n, 'read'));
  const bareRead = read('bare');
  const ourRead = read(peer);

  return {
    added_us: each((n) => added(n, row), row),
    added_to_read_us: toRead,
    added_to_handshake_us: each((n) => added(n, row) - toRead.median, row),
    handshake_alone: each(
      (n) => (cpu(n, row, 'bare') - bareRead) / (cpu(n, row, peer) - ourRead), row
    ),
  };
}

const connections = (row) => ({
  bare: throughput(row, 'bare'),
  memory: {
    ...throughput(row, 'memory'),
    to_bare: ratios(row, 'memory'),
    handshake: handshake(row, 'memory'),
  },
});

/* At p10 what else the machine does is least seen. */
function latency(peer, p) {
  const at = (name, of) => (n) => result(n, name, of)[p];
  const store = (n) => result(n, 'store', peer);
  const added = (n) => at('read1', peer)(n) - at('read1', 'bare')(n);

  return {
    bare_us: each(at('read1', 'bare')),
    ours_us: each(at('read1', peer)),
    added_us: each(added),
    ping_us: each((n) => store(n)[`ping_${p}`]),
    commit_us: each((n) => store(n)[`commit_${p}`]),
    added_to_ping: each((n) => added(n) / store(n)[`ping_${p}`]),
    added_to_commit: each((n) => added(n) / store(n)[`commit_${p}`]),
  };
}

const latencies = (peer) => ({
  p50: latency(peer, 'p50_us'),
  p10: latency(peer, 'p10_us'),
});

function version(command, ...args) {
  try {
    return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
      .trim();
  } catch {
    return '';
  }
}

const scan = Object.fromEntries(
  readFileSync(scanFile, 'utf8').split('\n').filter(Boolean).map((line) => {
    const [name, value, unit] = line.split(' ');
    return [name, { value: Number(value), unit }];
  })
);

const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    kernel: release(),
    redis: (version('redis-server', '--version').match(/v=(\S+)/) ?? [])[1] ?? null,
    openssl: version('openssl', 'version').split(' ')[1] ?? null,
  },
  rounds: roundsOf('read').length,
  read: {
    bare: throughput('read', 'bare'),
    memory: { ...throughput('read', 'memory'), to_bare: ratios('read', 'memory') },
    fsync: { ...throughput('read', 'fsync'), to_bare: ratios('read', 'fsync') },
  },
  search: {
    bare: throughput('search', 'bare'),
    memory: { ...throughput('search', 'memory'), to_bare: ratios('search', 'memory') },
    fsync: { ...throughput('search', 'fsync'), to_bare: ratios('search', 'fsync') },
  },
  check: {
    memory: throughput('check', 'memory'),
    fsync: throughput('check', 'fsync'),
  },
  handshake: { full: connections('full'), resumed: connections('resumed') },
  latency: { memory: latencies('memory'), fsync: latencies('fsync') },
  scan,
};

writeFileSync(reportFile, `${JSON.stringify(report, null, 2)}\n`);


/* The same for people. */

const number = ({ median }) => String(Math.round(median));
const small = ({ median }) => median.toFixed(1);
const ratio = ({ median }) => median.toFixed(2);
const noise = ({ spread_percent: p }) => `±${p.toFixed(0)} %`;

function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));

  for (const row of rows) {
    console.log(row.map((cell, i) =>
      i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join('  '));
  }
}

const names = { bare: 'bare proxy_pass', memory: 'ours, memory', fsync: 'ours, fsync' };

const rows = [[
  '', 'requests/s', 'noise', 'ratio', 'noise', 'floor', 'gateway us', 'CPU ratio',
  'busy', 'load us', 'host us', 'store us', 'p50 us', 'p99 us',
]];

const floors = {
  read: { memory: '0.45', fsync: '0.40' },
  search: { memory: '0.40', fsync: '0.40' },
};

for (const [row, title, peers] of [
  ['read', 'read', report.read],
  ['search', 'search of 50', report.search],
  ['check', 'check', report.check],
  ['full', 'full handshake and read', report.handshake.full],
  ['resumed', 'resumed session and read', report.handshake.resumed],
]) {
  for (const [peer, r] of Object.entries(peers)) {
    rows.push([
      `${title}: ${names[peer]}`, number(r.requests_per_second),
      noise(r.requests_per_second),
      r.to_bare ? ratio(r.to_bare.requests_per_second) : '',
      r.to_bare ? noise(r.to_bare.requests_per_second) : '',
      floors[row]?.[peer] ?? '',
      small(r.gateway_cpu_us), r.to_bare ? ratio(r.to_bare.gateway_cpu) : '',
      `${Math.round(100 * r.gateway_busy)} %`,
      small(r.load_cpu_us), small(r.host_cpu_us),
      r.store_cpu_us ? small(r.store_cpu_us) : '',
      number(r.p50_us), number(r.p99_us),
    ]);
  }
}

console.log('');
table(rows);
console.log(`
gateway, load, host, store us: CPU time per request; CPU ratio: that of bare to
ours, in the gateway's worker.  busy: the worker's share of its core; far below
100 % something else is the limit.  noise: half the interquartile range.
`);

table([
  ['a connection for each read, gateway us', 'bare', 'ours', 'added', 'noise',
    'to a read', 'to a handshake', 'noise', 'ratio', 'noise'],
  ...Object.entries(report.handshake).map(([name, { bare, memory }]) => {
    const h = memory.handshake;
    return [
      name === 'full' ? 'full handshake' : 'resumed session',
      small(bare.gateway_cpu_us), small(memory.gateway_cpu_us),
      small(h.added_us), noise(h.added_us), small(h.added_to_read_us),
      small(h.added_to_handshake_us), noise(h.added_to_handshake_us),
      ratio(h.handshake_alone), noise(h.handshake_alone),
    ];
  }),
]);
console.log(`
to a read: what is added to a read on a connection that stands; to a handshake:
the rest.  ratio: bare to ours, both without their read.
`);

table([
  ['one client at a time, us', 'bare', 'ours', 'added', 'noise', 'PING', 'commit',
    'added/PING', 'added/commit'],
  ...['memory', 'fsync'].flatMap((peer) => ['p50', 'p10'].map((p) => {
    const l = report.latency[peer][p];
    return [
      `read: ${names[peer]}, ${p}`, small(l.bare_us), small(l.ours_us),
      small(l.added_us), noise(l.added_us), small(l.ping_us), small(l.commit_us),
      ratio(l.added_to_ping), ratio(l.added_to_commit),
    ];
  })),
]);

if (Object.keys(scan).length !== 0) {
  console.log('');
  table(Object.entries(scan).map(([name, { value, unit }]) =>
    [name, String(value), unit]));
}

console.log(`\nwritten to ${reportFile}`);
