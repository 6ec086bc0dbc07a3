/*
 * stats.mjs: medians, quartiles and slopes of what was measured in rounds.
 */

export function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  const high = Math.ceil(at);

  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}

export const median = (values) => quantile(values, 0.5);

/* Median, quartiles, and half the distance of these in per cent of it. */
export function summary(values) {
  const [low, middle, high] = [0.25, 0.5, 0.75].map((q) => quantile(values, q));

  return {
    median: Number(middle.toPrecision(4)),
    low: Number(low.toPrecision(4)),
    high: Number(high.toPrecision(4)),
    spread_percent: middle === 0
      ? 0 : Number(((50 * (high - low)) / Math.abs(middle)).toFixed(1)),
  };
}

/* Least squares of log y over log x: y grows as x to the power of it. */
export function slope(points) {
  const logs = points.map(({ x, y }) => [Math.log(x), Math.log(y)]);
  const mean = (i) => logs.reduce((sum, p) => sum + p[i], 0) / logs.length;
  const mx = mean(0);
  const my = mean(1);
  const over = logs.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  const under = logs.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);

  return over / under;
}
