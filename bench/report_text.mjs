/*
 * A report as text that is kept: REPORT.md.
 */

import { LEVELS } from './report_data.mjs';
import { CONTROL_ROWS } from './report_table.mjs';
import { NAMES, amount, maybe, noise, number, percent, ratio, small } from './report_words.mjs';

/* What each row decides. */
const DECIDES = {
  bare: 'The limit: no guard inside nginx can be faster.',
  again: 'The control: what the same thing differs by from slot to slot.',
  memory: 'What guarding costs by itself, with the trace in the store\'s memory.',
  fsync: 'What it costs more that the trace outlives a power cut.',
  replicas: 'What it costs more that the trace outlives the machine of its store.',
  auth: 'The price of asking in nginx\'s own way, when the answer costs nothing.',
  haproxy: 'The price of one signed token with each request, and of nothing else.',
  lua: 'The best guard that can be written with Debian\'s own packages: one round trip to Redis.',
  piped: 'The same decision as it is mostly written, made in nginx: three round trips.',
  cerbos: 'A policy engine as a neighbour instead of rules inside the gateway.',
};

const row = (cells) => `| ${cells.join(' | ')} |`;

function table(head, rows) {
  return [
    row(head), row(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(row), '',
  ].join('\n');
}

/* The last column holds words. */
function tableOfWords(head, rows) {
  return [
    row(head),
    row(head.map((_, i) => (i === 0 || i === head.length - 1 ? '---' : '---:'))),
    ...rows.map(row), '',
  ].join('\n');
}

function machineOf({ date, machine: m, rounds, run }) {
  const parts = [
    `nginx ${m.nginx}`, `Redis ${m.redis}`, `OpenSSL ${m.openssl}`, `ngx_lua ${m.lua}`,
    `haproxy ${m.haproxy}`, ...(m.cerbos ? [`Cerbos ${m.cerbos}`] : []),
  ];

  return `${date}, ${m.cpu}, ${m.cores} cores, Linux ${m.kernel}; ${parts.join(', ')}. `
    + `${rounds} rounds of ${run.slice_ms} ms slices, ${run.clients} connections, `
    + `${run.seconds} s in all.`;
}

const HELD = {
  aim: 'aim', floor: 'floor', no: '**no**', compared: '', 'not measured': 'not measured',
};

const figures = (report) => tableOfWords(
  ['figure', 'floor', 'aim', 'found', 'noise', 'held', 'what it decides'],
  report.figures.map((f) => [
    f.name, amount(f.floor, f.unit), amount(f.aim, f.unit), amount(f.value, f.unit),
    f.spread_percent === null ? '' : `±${f.spread_percent.toFixed(0)} %`, HELD[f.held],
    f.decides,
  ])
);

/* How far ahead of the others bare itself is, which no guard can pass. */
function limit({ read }) {
  const times = (peer) => (1 / read[peer].to_bare.requests_per_second.median).toFixed(1);

  return `Bare itself, which guards nothing, answers ${times('lua')} times as many requests as Lua `
    + `with a function in Redis, and ${times('piped')} times as many as Lua with pipelines: no `
    + 'guard inside nginx can be further ahead of them than that.';
}

/* Ours to this one, where it is another's row and ours stands beside it. */
function oursTo(peers, peer) {
  return maybe(peers.memory?.[`to_${peer}`], (to) => ratio(to.requests_per_second));
}

function side(title, peers) {
  return `### ${title}\n\n${tableOfWords(
    ['', 'requests/s', 'noise', 'to bare', 'noise', 'ours, memory, to this', 'gateway µs',
      'busy', 'p50 µs', 'p99 µs', 'what the row decides'],
    Object.entries(peers).map(([peer, r]) => [
      NAMES[peer], number(r.requests_per_second), noise(r.requests_per_second),
      maybe(r.to_bare, (b) => ratio(b.requests_per_second)),
      maybe(r.to_bare, (b) => noise(b.requests_per_second)),
      oursTo(peers, peer), small(r.gateway_cpu_us), percent(r.gateway_busy),
      number(r.p50_us), number(r.p99_us), DECIDES[peer],
    ])
  )}`;
}

function lessTls(report) {
  const to = (r, name) => maybe(r[`to_${name}`], ratio);

  return tableOfWords(
    ['worker\'s CPU time', 'µs', 'noise', 'to bare', 'to Lua, function', 'to Lua, pipelines',
      'to Cerbos', 'what the row decides'],
    [['read', 'read'], ['search', 'search of 50']].flatMap(([name, title]) =>
      LEVELS.map((level) => {
        const r = report.less_tls[name][level];

        return [
          `${title}: ${NAMES[level]}`, small(r.gateway_cpu_us), noise(r.gateway_cpu_us),
          ratio(r.to_bare), to(r, 'lua'), to(r, 'piped'), to(r, 'cerbos'),
          'How much of the distance to the others TLS hides.',
        ];
      }))
  );
}

const latency = (title, peers) => `### ${title}\n\n${tableOfWords(
  ['', 'bare p50', 'this p50', 'added p50', 'to bare', 'noise', 'added to a PING',
    'bare p99', 'this p99', 'what the row decides'],
  Object.entries(peers).map(([peer, { p50, p99 }]) => [
    NAMES[peer], small(p50.bare_us), small(p50.ours_us), small(p50.added_us),
    ratio(p50.to_bare), noise(p50.to_bare), maybe(p50.added_to_ping, ratio),
    small(p99.bare_us), small(p99.ours_us), DECIDES[peer],
  ])
)}`;

const handshakes = (report) => tableOfWords(
  ['gateway µs', 'bare', 'ours', 'added', 'noise', 'of it to the handshake',
    'what the row decides'],
  Object.entries(report.handshake).map(([name, { bare, memory: { handshake: h, ...memory } }]) => [
    name === 'full' ? 'full handshake and a read' : 'resumed session and a read',
    small(bare.gateway_cpu_us), small(memory.gateway_cpu_us), small(h.added_us),
    noise(h.added_us), small(h.added_to_handshake_us),
    name === 'full' ? 'Whether reading a card costs beside verifying it.'
      : 'Whether verifying the card again spoils what resuming saves.',
  ])
);

const traces = (report) => tableOfWords(
  ['for each read', 'store bytes', 'AOF bytes', 'verified, entries/s of a core',
    'what the row decides'],
  LEVELS.map((level) => [
    NAMES[level], number(report.trace[level].read.store_bytes),
    maybe(report.trace[level].read.aof_bytes, number),
    number(report.verify[level].entries_per_cpu_second),
    {
      memory: 'How much memory the trace of a year needs.',
      fsync: 'How much disk it needs, and how long a proof of it takes.',
      replicas: 'The same with a copy elsewhere: the trace itself is no larger.',
    }[level],
  ])
);

const control = (report) => tableOfWords(
  ['bare against bare', 'requests/s', 'noise', 'least', 'most', 'CPU time', 'p50',
    'what the row decides'],
  Object.entries(report.control).map(([name, c]) => [
    CONTROL_ROWS[name], ratio(c.requests_per_second), noise(c.requests_per_second),
    c.least.toFixed(2), c.most.toFixed(2), ratio(c.gateway_cpu), ratio(c.p50),
    'Which differences of this row are none.',
  ])
);

const core = (scan) => (Object.keys(scan).length === 0 ? '' : `## The core alone

${table(['', '', ''], Object.entries(scan).map(
  ([name, { value, unit }]) => [name, String(value), unit]
))}
`);

export function textOf(report) {
  const { run } = report;
  const missing = run.cerbos_missing
    ? `\n**Cerbos is left out of this run**: ${run.cerbos_missing}.\n` : '';

  return `# What guarding costs

Written by \`make bench\`: the last run, whole. \`report.json\` is the same for machines.

${machineOf(report)}
${missing}
Every round takes one slice of each row, odd rounds in one order and even ones in the other. What stands here are medians over the rounds; ratios are taken within each round first. *Noise* is half the distance between the quartiles, in per cent of the median. *Gateway µs* is CPU time of the gateway's one worker for each request; it has a core of its own, and load, record host and stores share what is left: where *busy* is far below 100 %, they are the limit, and the ratio of requests is nearer to 1, or further, than the guard's own. Each answer of each row has been checked: its length under load, its content before.

The peers stand in [peers/](peers/), each with what it decides and why it is at its best. The module does more than any of them: it verifies a card instead of looking up a token, decides by all rules, chains, signs and seals each trace.

## Figures

${figures(report)}
${limit(report)}

How cost grows with records, documents, gateways and connections is measured apart: [growth/REPORT.md](growth/REPORT.md).

## Noise

Bare stands in two slots of each round, as far from each other as the order allows: two processes with the same configuration. What they differ by, nothing below can tell.

${control(report)}
## With TLS

${side('A read (1.9 kB)', report.read)}
${side('A search (50 entries, 73 kB; a third masked)', report.search)}
${side('A check', report.check)}
${latency('A read, one client at a time (µs)', report.latency)}
## In clear

Ours is not in these tables. It knows a professional by the certificate of the TLS connection and by nothing that could be said in a header, so that in clear it answers nobody: by design, and there is no directive to change it.

${side('A read (1.9 kB)', report.clear.read)}
${side('A search (50 entries, 73 kB; a third masked)', report.clear.search)}
${side('A check', report.clear.check)}
${latency('A read, one client at a time (µs)', report.clear.latency)}
### Ours less TLS

What can be said all the same is how much CPU time ours takes beside TLS: what its worker took with TLS, less what TLS costs bare for an answer of as many bytes, within each round. It is a difference of measurements, not a measurement. The ratios are of the others' CPU time in clear to this: above 1 ours takes less.

${lessTls(report)}
## Handshakes

${handshakes(report)}
## The trace

${traces(report)}
From commit to seal: p50 ${report.seal.p50_ms} ms, p99 ${report.seal.p99_ms} ms, at most ${report.seal.most_ms} ms (${report.seal.entries} entries).

${core(report.scan)}`.replace(/\n{3,}/g, '\n\n').trimEnd().concat('\n');
}
