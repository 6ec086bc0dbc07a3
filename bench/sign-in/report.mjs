/*
 * report.mjs SAMPLES ROUNDS SECONDS: what sign-ins came to, as a page for
 * people.  Medians over the rounds; ratios are taken within each round first.
 */

import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';

const [file, rounds, seconds] = process.argv.slice(2);
const samples = readFileSync(file, 'utf8').trim().split('\n').map(JSON.parse);

const of = (pool, kind) => samples
  .filter((s) => s.pool === pool && s.kind === kind)
  .sort((a, b) => a.round - b.round)
  .map((s) => s.result);

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);

  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
}

const number = (n) => (n >= 100 ? n.toFixed(0) : n.toPrecision(3));
const ratio = (a, b, f) => median(a.map((x, i) => f(x) / f(b[i])));

const rows = ['one', 'two'].map((pool) => {
  const [quiet, alone, beside, both] =
    ['quiet', 'alone', 'beside', 'beside-reads'].map((kind) => of(pool, kind));

  return `| ${pool === 'one' ? 1 : 2} | ${number(median(alone.map((r) => r.rate)))} | `
    + `${number(median(alone.map((r) => r.p50_ms)))} | `
    + `${number(median(both.map((r) => r.rate)))} | `
    + `${number(ratio(beside, quiet, (r) => r.p50_us))} | `
    + `${number(ratio(beside, quiet, (r) => r.p99_us))} | `
    + `${number(ratio(beside, quiet, (r) => r.max_us))} | `
    + `${number(median(beside.map((r) => r.max_us)) / 1000)} |`;
});

console.log(`# What signing in costs

Written by \`make bench-sign-in\`: the last run. ${cpus()[0].model.trim()}, ${cpus().length} cores; ${rounds} rounds of ${seconds} s slices; eight clients sign in, eight read. Worker and threads share one core, load, record host and store the other: where one thread keeps its core busy, a second one brings nothing but another password at a time.

| threads | sign-ins/s | p50, ms | sign-ins/s beside reads | reads beside sign-ins to reads alone: p50 | p99 | longest | longest read beside, ms |
| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
${rows.join('\n')}

A sign-in is a wrong password of an identifier that nobody has: the same work as a right one, up to the code. The pool decides how many passwords are looked at at once; the worker never waits for one. What reads wait for is the core.`);
