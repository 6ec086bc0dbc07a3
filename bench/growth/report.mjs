/*
 * report.mjs SAMPLES FOLDER: what run.sh measured, as REPORT.md, report.json
 * and plots in FOLDER.  Exit code 1, and one line for each, if something grows
 * faster than it may.
 *
 * The cost of a request is the CPU time of the gateway's worker and of the
 * store's thread, in microseconds.  Its slope is the power of what grows that
 * it grows with: 0 does not depend on it, 1 is in proportion.  It is taken
 * over all points, and at their end, from what is half of the largest or less
 * to the largest, where a small share that grows faster is seen first; in each
 * round by itself.  One that three rounds of four have above its bound fails.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

import { plot } from './plot.mjs';
import { median, quantile, slope, summary } from './stats.mjs';

const [samplesFile, folder] = process.argv.slice(2);

const samples = readFileSync(samplesFile, 'utf8').trim().split('\n')
  .map((line) => JSON.parse(line));

/*
 * What a slope may be at most: over all points, and at their end.  A cache that
 * ends is one step, of twice the cost and not more; gateways that share a core
 * wake each other up.
 */
const FLAT = { word: 'does not grow', all: 0.15, last: 0.2 };
const STEP = { word: 'grows by a step, where a cache ends', all: 0.2, last: 0.35 };
const SHARED = { word: 'hardly grows', all: 0.3, last: 0.4 };
const LINEAR = { word: 'grows at most in proportion', all: 1.1, last: 1.15 };

/* What nginx does without us: the measure, and nothing that we can hold. */
const BARE = { word: 'is that of nginx alone', all: null, last: null };

const KNEE_COST = 1.5; // times the smallest point's
const KNEE_RATE = 0.9; // of the best

const SERIES = {
  import: {
    title: 'import, for each record', of: 'records in the file', bound: FLAT,
  },
  'records-same': {
    title: 'a check, always of the same 1,000 patients', of: 'records in the store', bound: FLAT,
  },
  'records-any': {
    title: 'a check, of any patient', of: 'records in the store', bound: STEP,
  },
  'documents-read': {
    title: 'a read, of any document of the patient', of: 'documents of the record', bound: STEP,
  },
  'documents-page': {
    title: 'a page of a search, 50 entries', of: 'documents of the record', bound: FLAT, from: 100,
  },
  'documents-whole': {
    title: 'a search whose answer has all documents', of: 'documents of the record', bound: LINEAR,
  },
  'authorisations-hot': {
    title: 'a check, of a record that the worker remembers', of: 'authorisations of the record',
    bound: FLAT,
  },
  'authorisations-cold': {
    title: 'a check, of a record that it does not', of: 'authorisations of the record',
    bound: LINEAR,
  },
  gateways: {
    title: 'a check, through any of them', of: 'gateways on one store', bound: SHARED, rate: true,
  },
  connections: { title: 'a read, ours', of: 'connections', bound: FLAT, rate: true },
  'connections-bare': {
    title: 'a read, bare `proxy_pass`', of: 'connections', bound: BARE, rate: true,
  },
  'tls-full': {
    title: 'a full handshake and a read, ours', of: 'connections at a time', bound: FLAT, rate: true,
  },
  'tls-full-bare': {
    title: 'a full handshake and a read, bare', of: 'connections at a time', bound: BARE, rate: true,
  },
  'tls-resumed': {
    title: 'a resumed session and a read, ours', of: 'connections at a time', bound: FLAT, rate: true,
  },
  'tls-resumed-bare': {
    title: 'a resumed session and a read, bare', of: 'connections at a time', bound: BARE, rate: true,
  },
};

const sum = (list, f) => list.reduce((total, item) => total + f(item), 0);

/* The same figures, whatever a slice was. */
function figures(sample) {
  if (sample.series === 'import') {
    const own = sum(sample.parts, (p) => p.user_us + p.system_us) / sample.x;
    const store = sample.store_us / sample.x;

    return {
      rate: (sample.x * 1e6) / Math.max(...sample.parts.map((p) => p.elapsed_us)),
      gateway: own, store, cost: own + store, bytes: sample.bytes / sample.x,
    };
  }

  if (sample.series === 'gateways') {
    const { loads } = sample;
    const n = sum(loads, (l) => l.requests);
    const gateway = sum(loads, (l) => l.gateway_us * l.requests) / n;
    const store = sample.store_us / n;

    return {
      rate: n / Math.max(...loads.map((l) => l.seconds)),
      p50: median(loads.map((l) => l.p50_us)), p99: Math.max(...loads.map((l) => l.p99_us)),
      gateway, store, cost: gateway + store,
    };
  }

  const r = sample.result;

  return {
    rate: r.rate, p50: r.p50_us, p99: r.p99_us, bytes: r.body,
    gateway: r.gateway_us, store: r.store_us ?? 0, cost: r.gateway_us + (r.store_us ?? 0),
  };
}

function pointOf(x, list) {
  const of = (name) => (list[0][name] === undefined
    ? undefined : summary(list.map((f) => f[name])));

  return {
    x,
    requests_per_second: of('rate'),
    p50_us: of('p50'),
    p99_us: of('p99'),
    gateway_cpu_us: of('gateway'),
    store_cpu_us: of('store'),
    cost_us: of('cost'),
    bytes: of('bytes')?.median,
  };
}

/* The largest, and the next that is no more than half of it. */
function endOf(points) {
  const last = points[points.length - 1];

  return [points.filter(({ x }) => 2 * x <= last.x).pop(), last].filter(Boolean);
}

/* In each round: quartiles of the slopes. */
function slopesOf(rounds, bound, from) {
  const each = (cut) => rounds
    .map((points) => cut(points.filter(({ x }) => x >= from)))
    .filter((points) => points.length > 1)
    .map(slope);
  const judged = (values, most) => (values.length === 0 ? null : {
    median: Number(median(values).toFixed(3)),
    low: Number(quantile(values, 0.25).toFixed(3)),
    most,
    holds: most === null || quantile(values, 0.25) <= most,
  });

  return {
    all: judged(each((points) => points), bound.all),
    last: judged(each(endOf), bound.last),
  };
}

/* Where it begins to cost more; of a rate, where more does not help. */
function kneeOf(points, { rate, from = 0 }) {
  const seen = points.filter(({ x }) => x >= from);

  if (rate) {
    const best = Math.max(...seen.map((p) => p.requests_per_second.median));

    return seen.find((p) => p.requests_per_second.median >= KNEE_RATE * best).x;
  }

  return seen.find((p) => p.cost_us.median > KNEE_COST * seen[0].cost_us.median)?.x ?? null;
}

function seriesOf(name, how) {
  const mine = samples.filter((s) => s.series === name);
  const xs = [...new Set(mine.map(({ x }) => x))].sort((a, b) => a - b);
  const rounds = [...new Set(mine.map(({ round }) => round))].map((round) =>
    xs.map((x) => {
      const sample = mine.find((s) => s.round === round && s.x === x);

      if (sample === undefined) {
        throw new Error(`report: no slice of ${name} at ${x} in round ${round}`);
      }

      return { x, y: figures(sample).cost };
    }));
  const points = xs.map((x) => pointOf(x, mine.filter((s) => s.x === x).map(figures)));

  for (const point of points) {
    point.ratio_to_smallest =
      Number((point.cost_us.median / points[0].cost_us.median).toFixed(2));
  }

  return {
    ...how,
    bound: how.bound.word,
    points,
    slope: slopesOf(name === 'import' ? [rounds.flat()] : rounds, how.bound, how.from ?? 0),
    knee: kneeOf(points, how),
  };
}

const series = Object.fromEntries(Object.entries(SERIES)
  .filter(([name]) => samples.some((s) => s.series === name))
  .map(([name, how]) => [name, seriesOf(name, how)]));

function version(command, ...args) {
  return execFileSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    .trim();
}

const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    kernel: release(),
    redis: (version('redis-server', '--version').match(/v=(\S+)/) ?? [])[1] ?? null,
  },
  rounds: new Set(samples.filter((s) => s.series !== 'import').map((s) => s.round)).size,
  series,
};

writeFileSync(`${folder}/report.json`, `${JSON.stringify(report, null, 2)}\n`);


/* Plots. */

const lineOf = (name, of, title) => ({
  name: title ?? series[name].title.replace(/`/g, ''),
  points: series[name].points.map((p) => ({
    x: p.x, y: p[of].median, low: p[of].low, high: p[of].high,
  })),
  knee: of === (series[name].rate ? 'requests_per_second' : 'cost_us')
    ? series[name].knee : null,
});

const COST = 'CPU time of a request, µs, gateway and store';

const PLOTS = {
  records: {
    title: 'Records in the store', xLabel: 'records', yLabel: COST,
    lines: [['records-same', 'cost_us'], ['records-any', 'cost_us'], ['import', 'cost_us']],
  },
  documents: {
    title: 'Documents of one record', xLabel: 'documents', yLabel: COST, guide: true,
    lines: [['documents-read', 'cost_us'], ['documents-page', 'cost_us'],
      ['documents-whole', 'cost_us']],
  },
  authorisations: {
    title: 'Authorisations of one record', xLabel: 'authorisations', yLabel: COST, guide: true,
    lines: [['authorisations-hot', 'cost_us'], ['authorisations-cold', 'cost_us']],
  },
  gateways: {
    title: 'Gateways on one store', xLabel: 'gateways, one worker each', yLabel: COST,
    lines: [['gateways', 'gateway_cpu_us', 'a check: the gateway'],
      ['gateways', 'store_cpu_us', 'a check: the store']],
  },
  connections: {
    title: 'Requests per second by connections', xLabel: 'connections', yLabel: 'requests/s',
    lines: [['connections', 'requests_per_second'], ['connections-bare', 'requests_per_second']],
  },
  latency: {
    title: 'Latency by connections', xLabel: 'connections', yLabel: 'latency, µs',
    lines: [['connections', 'p50_us', 'ours, p50'], ['connections', 'p99_us', 'ours, p99'],
      ['connections-bare', 'p50_us', 'bare, p50'], ['connections-bare', 'p99_us', 'bare, p99']],
  },
  tls: {
    title: 'A TLS connection for each read', xLabel: 'connections at a time', yLabel: COST,
    lines: [['tls-full', 'cost_us'], ['tls-full-bare', 'cost_us'], ['tls-resumed', 'cost_us'],
      ['tls-resumed-bare', 'cost_us']],
  },
};

for (const [name, { lines, ...how }] of Object.entries(PLOTS)) {
  writeFileSync(`${folder}/${name}.svg`,
    plot({ ...how, lines: lines.map((line) => lineOf(...line)) }));
}


/* The report. */

const count = (n) => n.toLocaleString('en');
const whole = (s) => (s ? count(Math.round(s.median)) : '');
const small = (s) => (s ? s.median.toFixed(1) : '');
const noise = (s) => (s ? `±${Math.round(s.spread_percent)} %` : '');

function table({ of, points }) {
  const head = [of, 'requests/s', 'noise', 'p50 µs', 'p99 µs', 'gateway µs', 'store µs',
    'cost µs', 'noise', 'to the smallest', 'bytes'];
  const rows = points.map((p) => [
    count(p.x), whole(p.requests_per_second), noise(p.requests_per_second),
    whole(p.p50_us), whole(p.p99_us), small(p.gateway_cpu_us), small(p.store_cpu_us),
    small(p.cost_us), noise(p.cost_us), p.ratio_to_smallest.toFixed(2),
    p.bytes ? count(Math.round(p.bytes)) : '',
  ]);

  return [head, head.map(() => '--:'), ...rows]
    .map((row) => `| ${row.join(' | ')} |`).join('\n');
}

function slopeWords({ slope: { all, last }, bound, from }) {
  if (all === null) {
    return 'Too few points for a slope.';
  }

  const judged = ({ most, holds }) => (most === null ? ''
    : ` (at most ${most}): ${holds ? 'holds' : '**TOO STEEP**'}`);
  const one = (s, where) => `${s.median.toFixed(2)} ${where}${judged(s)}`;

  return `Cost ${bound}${from ? `, from ${count(from)} on` : ''}: slope `
    + `${one(all, 'over all')}; ${one(last, 'at the end')}.`;
}

function kneeWords({ knee, rate, from, points }) {
  const last = points[points.length - 1].x;

  if (rate) {
    return `Knee: at ${count(knee)} there are ${KNEE_RATE * 100} % of the best requests/s.`;
  }

  return knee === null
    ? `No knee up to ${count(last)}: nowhere ${KNEE_COST} times the cost of the smallest`
      + `${from ? ' that counts' : ''}.`
    : `Knee: from ${count(knee)} on it costs more than ${KNEE_COST} times the smallest.`;
}

const PARTS = [
  ['Records in the store', 'records', ['records-same', 'records-any', 'import'],
    'One store for each number, each with a gateway of its own. A worker remembers 10,000'
    + ' records: beyond that a check of any patient fetches the record, opens and reads it.'
    + ' Of the import "gateway" is `dmpctl`, "requests" are records, and bytes what the store'
    + ' grew by for each; the largest store is filled by as many imports at a time as there'
    + ' are cores. An import ends with the wait for the deadline, which is most of the time of a'
    + ' small one.'],
  ['Documents of one record', 'documents', ['documents-read', 'documents-page', 'documents-whole'],
    'Every tenth document is masked. Pages are followed by the links that the gateway sealed.'
    + ' Searches go through another gateway than reads, so that neither fills the caches of the'
    + ' other. With 10 documents a page has 10 entries, and is no full one. Bytes are those that left.'],
  ['Authorisations of one record', 'authorisations', ['authorisations-hot', 'authorisations-cold'],
    'What is not remembered is read by a worker that has just started, from the store.'],
  ['Gateways on one store', 'gateways', ['gateways'],
    'nginx with one worker each, all of them on one core, store and load on the others: on a'
    + ' machine with two cores requests per second cannot rise with the number, and CPU time for'
    + ' each request tells what a further gateway costs. One thread of the store carries a'
    + ' million divided by its µs of requests per second.'],
  ['Connections', 'connections', ['connections', 'connections-bare'],
    'Kept alive, one request at a time on each, and as many to the record host as are needed.'],
  [null, 'latency', [], ''],
  ['TLS', 'tls', ['tls-full', 'tls-full-bare', 'tls-resumed', 'tls-resumed-bare'],
    'A connection for each read, TLS 1.3 with a client certificate.'],
];

const failures = Object.entries(series).flatMap(([name, { slope: slopes, bound }]) =>
  ['all', 'last'].filter((part) => slopes[part] && !slopes[part].holds).map((part) =>
    `${name}: cost ${bound}, but its slope ${part === 'all' ? 'over all' : 'at the end'}`
    + ` is ${slopes[part].median} (at most ${slopes[part].most})`));

const text = [
  '# How cost grows',
  `Written by \`make bench-growth\` on ${report.date}; how to read it and what to do about a knee:`
  + ' [docs/performance.md](../../docs/performance.md).',
  `${report.machine.cores} cores (${report.machine.cpu}), Linux ${report.machine.kernel}, Redis`
  + ` ${report.machine.redis}, durability \`memory\`; ${report.rounds} rounds, medians. *Cost*: CPU`
  + ' time of gateway and store for a request; *noise*: half the interquartile range; *slope*:'
  + ' the power of what grows that the cost grows with. Times depend on the machine and on who'
  + ' else uses it, costs much less, slopes hardly.',
  failures.length === 0 ? 'Nothing grows faster than it may.'
    : `**Grows faster than it may:**\n\n${failures.map((f) => `- ${f}`).join('\n')}`,
  ...PARTS.flatMap(([title, picture, names, words]) => [
    ...(title ? [`## ${title}`, words] : []),
    `![${PLOTS[picture].title}](${picture}.svg)`,
    ...names.filter((name) => series[name]).flatMap((name) => {
      const s = series[name];

      return [`### ${s.title[0].toUpperCase()}${s.title.slice(1)}`, table(s),
        `${slopeWords(s)} ${kneeWords(s)}`];
    }),
  ]),
].join('\n\n');

writeFileSync(`${folder}/REPORT.md`, `${text}\n`);

for (const [name, s] of Object.entries(series)) {
  const { all, last } = s.slope;

  console.log(`${name.padEnd(20)} slope ${all ? all.median.toFixed(2) : '-'} / `
    + `${last ? last.median.toFixed(2) : '-'}  knee ${s.knee ?? 'none'}`);
}

console.log(`written to ${folder}/REPORT.md`);

for (const failure of failures) {
  console.error(`growth: TOO STEEP: ${failure}`);
}

process.exitCode = failures.length === 0 ? 0 : 1;
