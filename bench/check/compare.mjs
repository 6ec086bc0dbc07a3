/*
 * compare.mjs SAMPLES COUNTS BASE THIS: what run.sh measured, as a table.
 * Exit code 0: this build is as fast as the base; 1: it is slower; 2: there is
 * nothing that could be compared.
 *
 * Of each figure the ratio of this build to the base in each round, and the
 * median of these.  The noise is what the base shows against itself: of a
 * thousand draws of as many rounds, 95 in 100 have a median that is off by no
 * more.
 */

import { readFileSync } from 'node:fs';

import { median, quantile } from '../growth/stats.mjs';

const [samplesFile, countsFile, base, mine] = process.argv.slice(2);

const MOST = 0.05; // slower, of times, beyond the noise
const MOST_INSTRUCTIONS = 0.01;
const DRAWS = 1000;

const samples = readFileSync(samplesFile, 'utf8').trim().split('\n')
  .map((line) => JSON.parse(line));
const rounds = [...new Set(samples.map(({ round }) => round))];

const FIGURES = [
  ['requests/s', 'rate', 1],
  ['gateway, CPU µs', 'gateway_us', -1],
  ['store, CPU µs', 'store_us', -1],
];

/* The same draws in each run of this script: its verdict is of the samples. */
let state = 1;
function random(n) {
  state = (state * 48271) % 2147483647;

  return state % n;
}

const valueOf = (round, row, peer, name) => {
  const sample = samples.find((s) => s.round === round && s.row === row && s.peer === peer);

  if (sample === undefined) {
    throw new Error(`compare: no slice of ${row} through ${peer} in round ${round}`);
  }

  return sample.result[name];
};

function noiseOf(ratios) {
  const off = Array.from({ length: DRAWS }, () =>
    Math.abs(median(ratios.map(() => ratios[random(ratios.length)])) - 1));

  return quantile(off, 0.95);
}

/* "slower": the share by which it is worse, whichever way that is. */
function timed(row, [title, name, better]) {
  const ratiosOf = (peer) => rounds.map((n) =>
    valueOf(n, row, peer, name) / valueOf(n, row, 'base', name));
  const ratio = median(ratiosOf('this'));
  const noise = noiseOf(ratiosOf('again'));
  const slower = better > 0 ? 1 / ratio - 1 : ratio - 1;
  const of = (peer) => median(rounds.map((n) => valueOf(n, row, peer, name)));

  return {
    title: `${row}: ${title}`, base: of('base'), mine: of('this'), ratio, noise,
    most: MOST, fails: slower > MOST + noise,
  };
}

/* Instructions of both, by what was counted. */
function counted() {
  const all = new Map();

  for (const line of readFileSync(countsFile, 'utf8').trim().split('\n')) {
    const [what, peer, ...words] = line.split(' ');
    const entry = all.get(what) ?? {};

    entry[peer] = words[0] === 'none' ? { why: words.slice(1).join(' ') }
      : { each: words.map(Number) };
    all.set(what, entry);
  }

  return [...all].map(([what, { base: before, this: now }]) => {
    const title = `${what}: instructions`;
    const why = before?.why ?? now?.why;

    if (before?.each === undefined || now?.each === undefined) {
      return { title, why: why ?? `only ${before ? 'the base' : 'this build'} has it` };
    }

    const [b, t] = [median(before.each), median(now.each)];

    /* how far the counts of one and the same build are apart */
    const noise = Math.max(...[before, now].map(({ each }) =>
      (Math.max(...each) - Math.min(...each)) / median(each)));

    return {
      title, base: b, mine: t, ratio: t / b, noise, most: MOST_INSTRUCTIONS,
      fails: t / b - 1 > MOST_INSTRUCTIONS,
    };
  });
}

const rows = [
  ...[...new Set(samples.map(({ row }) => row))]
    .flatMap((row) => FIGURES.map((figure) => timed(row, figure))),
  ...counted(),
];

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const change = (ratio) => `${ratio >= 1 ? '+' : ''}${percent(ratio - 1)}`;
const number = (n) => (n >= 100 ? Math.round(n).toLocaleString('en') : n.toFixed(1));

const cells = [
  ['', 'base', 'this', 'change', 'noise', 'allowed', ''],
  ...rows.map((r) => (r.why
    ? [r.title, '', '', '', '', '', `not compared: ${r.why}`]
    : [r.title, number(r.base), number(r.mine), change(r.ratio), percent(r.noise),
      percent(r.most), r.fails ? 'SLOWER' : 'ok'])),
];
const widths = cells[0].map((_, i) => Math.max(...cells.map((row) => row[i].length)));

console.log(`base: ${base}; this: ${mine}; ${rounds.length} rounds\n`);

for (const row of cells) {
  console.log(row.map((cell, i) => (i === 0 || i === widths.length - 1
    ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd());
}

console.log(`
A change of a time counts beyond what is allowed and the noise, which is how far
the base is from itself in this run; one of instructions beyond what is allowed.`);

const slower = rows.filter(({ fails }) => fails);

for (const { title, ratio } of slower) {
  console.error(`check: SLOWER: ${title}: ${change(ratio)}`);
}

if (rows.every(({ why }) => why)) {
  console.error('check: nothing could be compared');
  process.exitCode = 2;

} else {
  process.exitCode = slower.length === 0 ? 0 : 1;
}
