/*
 * What bench/report.json holds, from the samples that run.sh took.
 *
 * Ratios of requests per second and of CPU time are at best 1 and fall; those
 * of a latency begin at 1 and rise.
 */

import { summary } from './report_stats.mjs';

export const LEVELS = ['memory', 'fsync', 'replicas'];

/* f of each, under its name. */
const byName = (names, f) => Object.fromEntries(names.map((name) => [name, f(name)]));
const byLevel = (f) => byName(LEVELS, f);

const isOurs = (peer) => LEVELS.includes(peer);

function throughput(s, row, peer) {
  const of = (name) => s.median(row, peer, name);
  const has = (name) => s.result(s.roundsOf(row)[0], row, peer)[name] !== undefined;
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

  for (const name of ['store', 'replica', 'engine']) {
    if (has(`${name}_us`)) {
      out[`${name}_cpu_us`] = of(`${name}_us`);
    }
  }

  return out;
}

/* What came out, and what the gateway's own CPU time allows. */
const ratios = (s, row, peer, other) => ({
  requests_per_second: s.ratio(row, peer, other, 'rate'),
  gateway_cpu: s.ratio(row, other, peer, 'gateway_us'),
  p50: s.ratio(row, peer, other, 'p50_us'),
  p99: s.ratio(row, peer, other, 'p99_us'),
});

/* A row: everybody, each to bare, and ours to each of the others. */
function side(s, row) {
  const peers = s.peersOf(row);
  const others = peers.filter((peer) => !isOurs(peer) && peer !== 'bare' && peer !== 'again');
  const order = ['bare', 'again', ...LEVELS, ...others].filter((peer) => peers.includes(peer));

  return byName(order, (peer) => ({
    ...throughput(s, row, peer),
    ...(peer !== 'bare' && peers.includes('bare') ? { to_bare: ratios(s, row, peer, 'bare') } : {}),
    ...(isOurs(peer) ? byName(others.map((o) => `to_${o}`),
      (name) => ratios(s, row, peer, name.slice(3))) : {}),
  }));
}

/*
 * What the gateway's worker adds to a connection with one read, and to a read
 * on a connection that stands; the rest is the handshake's: the certificate
 * read once, and verified again when the session is resumed.  Reads that come
 * apart are committed apart: the rest is a little too much.
 */
function handshake(s, row, peer) {
  const cpu = (n, name, of) => s.result(n, name, of).gateway_us;
  const added = (n, name) => cpu(n, name, peer) - cpu(n, name, 'bare');
  const toRead = s.each((n) => added(n, 'read'), 'read');
  const bareRead = s.median('read', 'bare', 'gateway_us').median;
  const ourRead = s.median('read', peer, 'gateway_us').median;

  return {
    added_us: s.each((n) => added(n, row), row),
    added_to_read_us: toRead,
    added_to_handshake_us: s.each((n) => added(n, row) - toRead.median, row),
    handshake_alone: s.each(
      (n) => (cpu(n, row, 'bare') - bareRead) / (cpu(n, row, peer) - ourRead), row
    ),
  };
}

const connections = (s, row) => ({
  bare: throughput(s, row, 'bare'),
  memory: {
    ...throughput(s, row, 'memory'),
    to_bare: ratios(s, row, 'memory', 'bare'),
    handshake: handshake(s, row, 'memory'),
  },
});

/* At p10 what else the machine does is least seen. */
const PERCENTILES = { p50: 'p50_us', p10: 'p10_us', p99: 'p99_us' };

const percentiles = (f) => Object.fromEntries(
  Object.entries(PERCENTILES).map(([name, p]) => [name, f(p)])
);

/* One client at a time, beside bare in the same round. */
function alone(s, row, peer, p) {
  const at = (n, of) => s.result(n, row, of)[p];

  return {
    bare_us: s.each((n) => at(n, 'bare'), row),
    ours_us: s.each((n) => at(n, peer), row),
    added_us: s.each((n) => at(n, peer) - at(n, 'bare'), row),
    to_bare: s.ratio(row, peer, 'bare', p),
  };
}

/* The same, and beside what its store alone takes. */
function latency(s, peer, p) {
  const added = (n) => s.result(n, 'read1', peer)[p] - s.result(n, 'read1', 'bare')[p];
  const store = (n) => s.result(n, 'store', peer);

  return {
    ...alone(s, 'read1', peer, p),
    ping_us: s.each((n) => store(n)[`ping_${p}`], 'read1'),
    commit_us: s.each((n) => store(n)[`commit_${p}`], 'read1'),
    added_to_ping: s.each((n) => added(n) / store(n)[`ping_${p}`], 'read1'),
    added_to_commit: s.each((n) => added(n) / store(n)[`commit_${p}`], 'read1'),
  };
}

const latencies = (s, row) => byName(
  s.peersOf(row).filter((peer) => peer !== 'bare'),
  (peer) => percentiles((p) => (isOurs(peer)
    ? latency(s, peer, p) : alone(s, row, peer, p)))
);

/*
 * What the store was left with, and asked, for each access of a slice: the
 * entry, its place in the history, and its share of what comes in batches
 * (outcomes, checkpoints).  An append is a call that writes one entry.
 */
function traced(s, row, peer) {
  const grown = (name) => s.each((n) => {
    const { before, after, result: { requests } } = s.of(n, row, peer);

    return (after[name] - before[name]) / requests;
  }, row);
  const out = { store_bytes: grown('memory'), appends: grown('appends') };

  if (peer !== 'memory') {
    out.aof_bytes = grown('aof');
  }

  if (peer === 'replicas') {
    out.waits = grown('waits');
    out.waits_per_append = s.each((n) => {
      const { before, after } = s.of(n, row, peer);

      return (after.waits - before.waits) / (after.appends - before.appends);
    }, row);
  }

  return out;
}

/* One client alone asks too little to weigh what it leaves. */
function tracedAlone(s, peer) {
  const { appends, waits, waits_per_append: perAppend } = traced(s, 'read1', peer);

  return waits ? { appends, waits, waits_per_append: perAppend } : { appends };
}

const traces = (s, peer) => ({
  read: traced(s, 'read', peer),
  read_one_client: tracedAlone(s, peer),
  search: traced(s, 'search', peer),
  check: traced(s, 'check', peer),
});

/* "dmpctl audit verify" of all that the run wrote, from socket to verdict. */
function verification(s, peer) {
  const rounds = s.roundsOf('verify');
  const { entries } = s.result(1, 'verify', peer);
  const cost = (n) => s.of(n, 'verify', peer).cost;
  const perSecond = (us) => s.each(
    (n) => s.result(n, 'verify', peer).entries / (us(cost(n)) / 1e6), 'verify'
  );

  return {
    entries,
    runs: rounds.length,
    entries_per_cpu_second: perSecond((c) => c.user_us + c.system_us),
    entries_per_second: perSecond((c) => c.elapsed_us),
    peak_rss_mib: Number(
      (Math.max(...rounds.map((n) => cost(n).peak_rss_kib)) / 1024).toFixed(1)
    ),
  };
}

/*
 * Ours less TLS.  A professional is known by the certificate of the connection
 * and in no other way, so that ours answers nothing in clear.  What can be
 * said is how much CPU time the worker needs beside that of TLS: measured with
 * TLS, less what TLS costs bare for an answer of as many bytes.
 */
function lessTls(s, row, same) {
  const bare = (n, name) => s.result(n, name, 'bare').gateway_us;
  const tls = (n) => bare(n, same) - bare(n, `clear_${same}`);
  const others = s.peersOf(`clear_${row}`).filter((p) => p !== 'bare' && p !== 'again');

  return byLevel((level) => {
    const ours = (n) => s.result(n, row, level).gateway_us - tls(n);

    return {
      gateway_cpu_us: s.each(ours, row),
      to_bare: s.each((n) => bare(n, `clear_${row}`) / ours(n), row),
      ...byName(others.map((o) => `to_${o}`), (name) => s.each(
        (n) => s.result(n, `clear_${row}`, name.slice(3)).gateway_us / ours(n), row
      )),
    };
  });
}

/* Bare in two slots of each round: what the same thing differs by. */
function control(s) {
  const rows = [...s.rounds.keys()].filter((row) => s.has(row, 'again'));

  return byName(rows, (row) => {
    const rate = s.roundsOf(row).map(
      (n) => s.result(n, row, 'again').rate / s.result(n, row, 'bare').rate
    );

    return {
      requests_per_second: summary(rate),
      gateway_cpu: s.ratio(row, 'bare', 'again', 'gateway_us'),
      p50: s.ratio(row, 'again', 'bare', 'p50_us'),
      least: Number(Math.min(...rate).toFixed(3)),
      most: Number(Math.max(...rate).toFixed(3)),
    };
  });
}

function memory(s) {
  const { cached, rss_kib: kib } = s.of(1, 'memory', 'memory');

  return { cached_records: cached, worker_rss_mb: Number(((kib * 1024) / 1e6).toFixed(1)) };
}

export function reportOf(s, scan) {
  return {
    rounds: s.roundsOf('read').length,
    read: side(s, 'read'),
    search: side(s, 'search'),
    check: side(s, 'check'),
    handshake: { full: connections(s, 'full'), resumed: connections(s, 'resumed') },
    latency: latencies(s, 'read1'),
    clear: {
      read: side(s, 'clear_read'),
      search: side(s, 'clear_search'),
      check: side(s, 'clear_check'),
      latency: latencies(s, 'clear_read1'),
    },
    less_tls: { read: lessTls(s, 'read', 'read'), search: lessTls(s, 'search', 'cut') },
    trace: byLevel((level) => traces(s, level)),
    seal: s.result(1, 'seal', 'memory'),
    memory: memory(s),
    verify: byLevel((level) => verification(s, level)),
    control: control(s),
    scan,
  };
}
