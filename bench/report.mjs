/*
 * report.mjs SAMPLES SCAN REPORT: medians of the slices that run.sh took, and
 * medians of the ratios within each round, as a table and as JSON.
 *
 * The spread of a row is half the distance between its quartiles, in per cent
 * of its median: what the machine around us did to it.  Ratios of requests per
 * second and of CPU time are at best 1 and fall; those of a latency begin at 1
 * and rise.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

const [samplesFile, scanFile, reportFile] = process.argv.slice(2);

const samples = readFileSync(samplesFile, 'utf8').trim().split('\n')
  .map((line) => JSON.parse(line))
  .filter((sample) => sample.round > 0);

const LEVELS = ['memory', 'fsync', 'replicas'];

/* f of each level, under its name. */
const byLevel = (f) => Object.fromEntries(LEVELS.map((level) => [level, f(level)]));

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
    spread_percent:
      spread === 0 ? 0 : Number(((100 * spread) / Math.abs(median)).toFixed(1)),
  };
}

const sample = (round, row, peer) =>
  samples.find((s) => s.round === round && s.row === row && s.peer === peer);

const result = (round, row, peer) => sample(round, row, peer).result;

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

  if (peer !== 'bare') {
    out.store_cpu_us = of('store_us');
  }

  if (peer === 'replicas') {
    out.replica_cpu_us = of('replica_us');
  }

  return out;
}

/* Of ours to that of the bare proxy_pass in the same round. */
const toBare = (row, peer, name) =>
  each((n) => result(n, row, peer)[name] / result(n, row, 'bare')[name], row);

/* What came out, and what the gateway's own CPU time allows. */
const ratios = (row, peer) => ({
  requests_per_second: toBare(row, peer, 'rate'),
  gateway_cpu: each(
    (n) => result(n, row, 'bare').gateway_us / result(n, row, peer).gateway_us, row
  ),
  p50: toBare(row, peer, 'p50_us'),
  p99: toBare(row, peer, 'p99_us'),
});

const levels = (row) => ({
  bare: throughput(row, 'bare'),
  ...byLevel((level) => ({ ...throughput(row, level), to_bare: ratios(row, level) })),
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
    to_bare: toBare('read1', peer, p),
    ping_us: each((n) => store(n)[`ping_${p}`]),
    commit_us: each((n) => store(n)[`commit_${p}`]),
    added_to_ping: each((n) => added(n) / store(n)[`ping_${p}`]),
    added_to_commit: each((n) => added(n) / store(n)[`commit_${p}`]),
  };
}

const latencies = (peer) => ({
  p50: latency(peer, 'p50_us'),
  p10: latency(peer, 'p10_us'),
  p99: latency(peer, 'p99_us'),
});

/*
 * What the store was left with, and asked, for each access of a slice: the
 * entry, its place in the history, and its share of what comes in batches
 * (outcomes, checkpoints).  An append is a call that writes one entry.
 */
function traced(row, peer) {
  const grown = (name) => each((n) => {
    const { before, after, result: { requests } } = sample(n, row, peer);

    return (after[name] - before[name]) / requests;
  }, row);
  const out = { store_bytes: grown('memory'), appends: grown('appends') };

  if (peer !== 'memory') {
    out.aof_bytes = grown('aof');
  }

  if (peer === 'replicas') {
    out.waits = grown('waits');
    out.waits_per_append = each((n) => {
      const { before, after } = sample(n, row, peer);

      return (after.waits - before.waits) / (after.appends - before.appends);
    }, row);
  }

  return out;
}

/* One client alone asks too little to weigh what it leaves. */
function alone(peer) {
  const { appends, waits, waits_per_append: perAppend } = traced('read1', peer);

  return waits ? { appends, waits, waits_per_append: perAppend } : { appends };
}

const traces = (peer) => ({
  read: traced('read', peer),
  read_one_client: alone(peer),
  search: traced('search', peer),
  check: traced('check', peer),
});

/* "dmpctl audit verify" of all that the run wrote, from socket to verdict. */
function verification(peer) {
  const cost = (n) => sample(n, 'verify', peer).cost;
  const { entries } = result(1, 'verify', peer);
  const perSecond = (us) => each(
    (n) => result(n, 'verify', peer).entries / (us(cost(n)) / 1e6), 'verify'
  );

  return {
    entries,
    runs: roundsOf('verify').length,
    entries_per_cpu_second: perSecond((c) => c.user_us + c.system_us),
    entries_per_second: perSecond((c) => c.elapsed_us),
    peak_rss_mib: Number(
      (Math.max(...roundsOf('verify').map((n) => cost(n).peak_rss_kib)) / 1024).toFixed(1)
    ),
  };
}

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
  read: levels('read'),
  search: levels('search'),
  check: byLevel((level) => throughput('check', level)),
  handshake: { full: connections('full'), resumed: connections('resumed') },
  latency: byLevel(latencies),
  trace: byLevel(traces),
  verify: byLevel(verification),
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

const names = {
  bare: 'bare proxy_pass',
  memory: 'ours, memory',
  fsync: 'ours, fsync',
  replicas: 'ours, replicas 1',
};

const rows = [[
  '', 'requests/s', 'noise', 'ratio', 'noise', 'floor', 'gateway us', 'CPU ratio',
  'busy', 'load us', 'host us', 'store us', 'replica us', 'p50 us', 'p99 us',
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
      r.replica_cpu_us ? small(r.replica_cpu_us) : '',
      number(r.p50_us), number(r.p99_us),
    ]);
  }
}

console.log('');
table([
  ['a read, ratio to bare', 'requests/s', 'noise', 'p50', 'noise', 'p99', 'noise',
    'one client: p50', 'noise', 'p99', 'noise'],
  ...LEVELS.map((level) => {
    const { requests_per_second: rate, p50, p99 } = report.read[level].to_bare;
    const one = report.latency[level];

    return [
      names[level], ...[rate, p50, p99, one.p50.to_bare, one.p99.to_bare]
        .flatMap((r) => [ratio(r), noise(r)]),
    ];
  }),
]);
console.log(`
requests/s, and the latencies beside, with all connections at once; of requests
per second less is slower, of a latency more.
`);

table(rows);
console.log(`
gateway, load, host, store, replica us: CPU time per request; CPU ratio: that of bare to
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
  ...LEVELS.flatMap((peer) => ['p50', 'p10', 'p99'].map((p) => {
    const l = report.latency[peer][p];
    return [
      `read: ${names[peer]}, ${p}`, small(l.bare_us), small(l.ours_us),
      small(l.added_us), noise(l.added_us), small(l.ping_us), small(l.commit_us),
      ratio(l.added_to_ping), ratio(l.added_to_commit),
    ];
  })),
]);

console.log('');
table([
  ['for each access', 'store bytes', 'noise', 'floor', 'AOF bytes', 'noise', 'appends',
    'WAITs', 'WAITs/append'],
  ...[
    ['read', 'read'], ['read_one_client', 'read, one client'],
    ['search', 'search of 50'], ['check', 'check'],
  ].flatMap(([row, title]) => LEVELS.map((level) => {
    const t = report.trace[level][row];

    return [
      `${title}: ${names[level]}`,
      t.store_bytes ? number(t.store_bytes) : '', t.store_bytes ? noise(t.store_bytes) : '',
      row === 'read' ? '1000' : '',
      t.aof_bytes ? number(t.aof_bytes) : '', t.aof_bytes ? noise(t.aof_bytes) : '',
      t.appends.median.toFixed(3),
      t.waits ? t.waits.median.toFixed(3) : '',
      t.waits_per_append ? t.waits_per_append.median.toFixed(3) : '',
    ];
  })),
]);
console.log(`
store bytes: what the store's data grew by, the patients' histories included.
appends: calls that write an entry; an access is one, outcomes and checkpoints
share theirs.
`);

table([
  ['dmpctl audit verify', 'entries', 'entries/s of CPU', 'noise', 'floor', 'entries/s',
    'noise', 'peak RSS, MiB'],
  ...LEVELS.map((level) => {
    const v = report.verify[level];

    return [
      names[level], String(v.entries),
      number(v.entries_per_cpu_second), noise(v.entries_per_cpu_second), '200000',
      number(v.entries_per_second), noise(v.entries_per_second),
      v.peak_rss_mib.toFixed(1),
    ];
  }),
]);

if (Object.keys(scan).length !== 0) {
  console.log('');
  table(Object.entries(scan).map(([name, { value, unit }]) =>
    [name, String(value), unit]));
}

console.log(`\nwritten to ${reportFile}`);
