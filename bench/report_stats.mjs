/*
 * Samples, and what is computed of them: medians over rounds, and of ratios
 * within a round.
 *
 * The spread of a row is half the distance between its quartiles, in per cent
 * of its median: what the machine around us did to it.
 */

import { readFileSync } from 'node:fs';

function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);

  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

/* Median, and half the interquartile range in per cent of it. */
export function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const median = quantile(sorted, 0.5);
  const spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2;

  return {
    median: Number(median.toPrecision(4)),
    spread_percent:
      spread === 0 ? 0 : Number(((100 * spread) / Math.abs(median)).toFixed(1)),
  };
}

export class Samples {
  constructor(file) {
    this.all = new Map();
    this.rounds = new Map();

    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      const sample = JSON.parse(line);

      if (sample.round > 0) {
        this.add(sample);
      }
    }
  }

  add(sample) {
    const { round, row, peer } = sample;

    this.all.set(`${round} ${row} ${peer}`, sample);
    if (!this.rounds.has(row)) {
      this.rounds.set(row, new Set());
    }
    this.rounds.get(row).add(round);
  }

  /* Handshakes have more of them, and shorter ones, than the other rows. */
  roundsOf(row) {
    return [...(this.rounds.get(row) ?? [])];
  }

  of(round, row, peer) {
    return this.all.get(`${round} ${row} ${peer}`);
  }

  result(round, row, peer) {
    return this.of(round, row, peer).result;
  }

  /* Who was measured in a row, in the order of the first round. */
  peersOf(row) {
    return [...new Set([...this.all.values()]
      .filter((s) => s.row === row).map((s) => s.peer))];
  }

  has(row, peer) {
    return this.of(1, row, peer) !== undefined;
  }

  /* f of each round of a row, summed up. */
  each(f, row) {
    return summary(this.roundsOf(row).map(f));
  }

  /* NAME of PEER, in ROW. */
  median(row, peer, name) {
    return this.each((n) => this.result(n, row, peer)[name], row);
  }

  /* NAME of PEER to that of OTHER, within each round. */
  ratio(row, peer, other, name) {
    return this.each(
      (n) => this.result(n, row, peer)[name] / this.result(n, row, other)[name], row
    );
  }
}
