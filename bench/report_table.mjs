/*
 * A report as tables for people, on standard output.
 */

import { LEVELS } from './report_data.mjs';
import { NAMES, amount, maybe, noise, number, percent, ratio, small } from './report_words.mjs';

function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));

  for (const row of rows) {
    console.log(row.map((cell, i) =>
      (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
  }
}

function printFigures(report) {
  table([
    ['figure', 'floor', 'aim', 'found', 'noise', 'held'],
    ...report.figures.map((f) => [
      f.name, amount(f.floor, f.unit), amount(f.aim, f.unit), amount(f.value, f.unit),
      f.spread_percent === null ? '' : `±${f.spread_percent.toFixed(0)} %`, f.held,
    ]),
  ]);
}

const HEAD = [
  '', 'requests/s', 'noise', 'to bare', 'noise', 'gateway us', 'CPU to bare', 'busy',
  'load us', 'host us', 'store us', 'other us', 'p50 us', 'p99 us',
];

function sideRows(title, peers) {
  return Object.entries(peers).map(([peer, r]) => [
    `${title}: ${NAMES[peer]}`, number(r.requests_per_second), noise(r.requests_per_second),
    maybe(r.to_bare, (b) => ratio(b.requests_per_second)),
    maybe(r.to_bare, (b) => noise(b.requests_per_second)),
    small(r.gateway_cpu_us), maybe(r.to_bare, (b) => ratio(b.gateway_cpu)),
    percent(r.gateway_busy), small(r.load_cpu_us), small(r.host_cpu_us),
    maybe(r.store_cpu_us, small), maybe(r.replica_cpu_us ?? r.engine_cpu_us, small),
    number(r.p50_us), number(r.p99_us),
  ]);
}

function printSides(report) {
  const { read, search, check, handshake, clear } = report;

  table([
    HEAD,
    ...sideRows('TLS, read', read),
    ...sideRows('TLS, search of 50', search),
    ...sideRows('TLS, check', check),
    ...sideRows('full handshake and read', handshake.full),
    ...sideRows('resumed session and read', handshake.resumed),
    ...sideRows('clear, read', clear.read),
    ...sideRows('clear, search of 50', clear.search),
    ...sideRows('clear, check', clear.check),
  ]);
  console.log(`
gateway, load, host, store, other (replica or engine) us: CPU time per request.
to bare: requests per second; CPU to bare: that of bare to this one's, in the
gateway's worker.  busy: the worker's share of its core; far below 100 %
something else is the limit.  noise: half the interquartile range.
`);
}

function printLessTls(report) {
  const to = (r, name) => maybe(r[`to_${name}`], ratio);

  table([
    ['ours less TLS (worker\'s CPU time)', 'gateway us', 'noise', 'to bare', 'to Lua function',
      'to Lua pipelines', 'to Cerbos'],
    ...[['read', 'read'], ['search', 'search of 50']].flatMap(([row, title]) =>
      LEVELS.map((level) => {
        const r = report.less_tls[row][level];

        return [
          `${title}: ${NAMES[level]}`, small(r.gateway_cpu_us), noise(r.gateway_cpu_us),
          ratio(r.to_bare), to(r, 'lua'), to(r, 'piped'), to(r, 'cerbos'),
        ];
      })),
  ]);
  console.log(`
A professional is known by the certificate of a TLS connection: in clear ours
answers nobody.  This is what it takes with TLS less what TLS takes of bare for
an answer of as many bytes, beside the others in clear: above 1 ours takes less.
`);
}

function printHandshakes(report) {
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
}

function latencyRows(title, peers) {
  return Object.entries(peers).flatMap(([peer, all]) => ['p50', 'p99'].map((p) => {
    const l = all[p];

    return [
      `${title}, ${p}: ${NAMES[peer]}`, small(l.bare_us), small(l.ours_us), small(l.added_us),
      ratio(l.to_bare), noise(l.to_bare), maybe(l.ping_us, small), maybe(l.commit_us, small),
      maybe(l.added_to_ping, ratio), maybe(l.added_to_commit, ratio),
    ];
  }));
}

function printLatencies(report) {
  table([
    ['one client at a time, us', 'bare', 'this', 'added', 'to bare', 'noise', 'PING', 'commit',
      'added/PING', 'added/commit'],
    ...latencyRows('TLS', report.latency),
    ...latencyRows('clear', report.clear.latency),
  ]);
  console.log('');
}

function printTraces(report) {
  const rows = [
    ['read', 'read'], ['read_one_client', 'read, one client'],
    ['search', 'search of 50'], ['check', 'check'],
  ];

  table([
    ['for each access', 'store bytes', 'noise', 'AOF bytes', 'noise', 'appends', 'WAITs',
      'WAITs/append'],
    ...rows.flatMap(([row, title]) => LEVELS.map((level) => {
      const t = report.trace[level][row];

      return [
        `${title}: ${NAMES[level]}`,
        maybe(t.store_bytes, number), maybe(t.store_bytes, noise),
        maybe(t.aof_bytes, number), maybe(t.aof_bytes, noise),
        t.appends.median.toFixed(3), maybe(t.waits, (w) => w.median.toFixed(3)),
        maybe(t.waits_per_append, (w) => w.median.toFixed(3)),
      ];
    })),
  ]);
  console.log(`
store bytes: what the store's data grew by, the patients' histories included.
appends: calls that write an entry; an access is one, outcomes and checkpoints
share theirs.
`);

  table([
    ['dmpctl audit verify', 'entries', 'entries/s of CPU', 'noise', 'entries/s', 'noise',
      'peak RSS, MiB'],
    ...LEVELS.map((level) => {
      const v = report.verify[level];

      return [
        NAMES[level], String(v.entries),
        number(v.entries_per_cpu_second), noise(v.entries_per_cpu_second),
        number(v.entries_per_second), noise(v.entries_per_second),
        v.peak_rss_mib.toFixed(1),
      ];
    }),
  ]);
  console.log('');
}

export const CONTROL_ROWS = {
  read: 'TLS, read',
  search: 'TLS, search of 50',
  read1: 'TLS, one client',
  clear_read: 'clear, read',
  clear_search: 'clear, search of 50',
  clear_read1: 'clear, one client',
};

function printControl(report) {
  table([
    ['bare against bare, two slots of a round', 'requests/s', 'noise', 'least', 'most', 'CPU',
      'noise', 'p50', 'noise'],
    ...Object.entries(report.control).map(([row, c]) => [
      CONTROL_ROWS[row], ratio(c.requests_per_second), noise(c.requests_per_second),
      c.least.toFixed(2), c.most.toFixed(2), ratio(c.gateway_cpu), noise(c.gateway_cpu),
      ratio(c.p50), noise(c.p50),
    ]),
  ]);
  console.log('');
}

export function printReport(report) {
  const { scan, run } = report;

  console.log('');
  printSides(report);
  printLessTls(report);
  printHandshakes(report);
  printLatencies(report);
  printTraces(report);

  if (Object.keys(scan).length !== 0) {
    table(Object.entries(scan).map(([name, { value, unit }]) => [name, String(value), unit]));
    console.log('');
  }

  printControl(report);
  printFigures(report);

  if (run.cerbos_missing) {
    console.log(`\nCerbos is left out: ${run.cerbos_missing}.`);
  }

  console.log(`\n${report.rounds} rounds of ${run.slice_ms} ms slices, ${run.clients} connections, `
    + `${run.seconds} s in all.`);
}
