/*
 * plot.mjs: one plot as SVG, both axes logarithmic, readable on light and on
 * dark ground.
 *
 *   plot({ title, xLabel, yLabel, lines, guide })
 *
 * lines: [{ name, points: [{ x, y, low, high }], knee }]; low and high are the
 * quartiles, knee the x where it is marked, or null.  guide: true draws what
 * grows in proportion, from the first point of the last line.
 */

const WIDTH = 760;
const HEIGHT = 460;
const LEFT = 78;
const RIGHT = 24;
const TOP = 58;
const BOTTOM = 112;

const STYLE = `
    .ground { fill: #ffffff; }
    .grid { stroke: #e3e5e8; stroke-width: 1; }
    .axis { stroke: #6a7078; stroke-width: 1; }
    .guide { stroke: #8a9098; stroke-width: 1.2; stroke-dasharray: 5 5; fill: none; }
    .line { stroke-width: 2; fill: none; }
    .spread { stroke-width: 1.2; }
    text { font: 13px sans-serif; fill: #24292f; }
    .title { font-size: 15px; font-weight: bold; }
    .small { font-size: 12px; fill: #57606a; }
    .c0 { stroke: #0a5fb4; } .f0 { fill: #0a5fb4; }
    .c1 { stroke: #b35309; } .f1 { fill: #b35309; }
    .c2 { stroke: #1a7f37; } .f2 { fill: #1a7f37; }
    .c3 { stroke: #8250df; } .f3 { fill: #8250df; }
    .knee { fill: none; stroke-width: 2; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; }
      .grid { stroke: #262c34; }
      .axis { stroke: #8b949e; }
      .guide { stroke: #6e7681; }
      text { fill: #e6edf3; }
      .small { fill: #9da7b1; }
      .c0 { stroke: #6cb6ff; } .f0 { fill: #6cb6ff; }
      .c1 { stroke: #f0a45d; } .f1 { fill: #f0a45d; }
      .c2 { stroke: #57c96e; } .f2 { fill: #57c96e; }
      .c3 { stroke: #c6a5ff; } .f3 { fill: #c6a5ff; }
    }`;

const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;');
const round = (n) => Number(n.toFixed(1));

/* 1,000; 0.5; 100,000 as 10⁵ does not read better. */
function label(n) {
  return n >= 1 ? n.toLocaleString('en') : String(Number(n.toPrecision(2)));
}

/* Powers of ten, and where these are few 2 and 5 between them. */
function ticks(low, high) {
  const few = Math.log10(high / low) < 2.5;
  const out = [];

  for (let e = Math.floor(Math.log10(low)); 10 ** e <= high; e += 1) {
    for (const m of few ? [1, 2, 5] : [1]) {
      const value = Number((m * 10 ** e).toPrecision(3));

      if (value >= low * 0.999 && value <= high * 1.001) {
        out.push(value);
      }
    }
  }

  return out;
}

/* Room at both ends, so that no point stands on the frame. */
function scale(values, from, to) {
  const low = Math.min(...values) / 1.25;
  const high = Math.max(...values) * 1.25;
  const at = (value) =>
    from + ((to - from) * Math.log(value / low)) / Math.log(high / low);

  return { low, high, at };
}

function marker(i, x, y) {
  const shapes = [
    `<circle class="f0" cx="${x}" cy="${y}" r="4"/>`,
    `<rect class="f1" x="${round(x - 4)}" y="${round(y - 4)}" width="8" height="8"/>`,
    `<path class="f2" d="M${x} ${round(y - 5)}l5 9h-10z"/>`,
    `<path class="f3" d="M${x} ${round(y - 5)}l5 5l-5 5l-5 -5z"/>`,
  ];

  return shapes[i % shapes.length];
}

function drawLine({ points, knee }, i, sx, sy) {
  const place = points.map((p) => [round(sx.at(p.x)), round(sy.at(p.y)), p]);
  const out = [
    `<polyline class="line c${i}" points="${place.map(([x, y]) => `${x},${y}`).join(' ')}"/>`,
  ];

  for (const [x, y, p] of place) {
    out.push(`<line class="spread c${i}" x1="${x}" x2="${x}" `
      + `y1="${round(sy.at(p.low))}" y2="${round(sy.at(p.high))}"/>`, marker(i, x, y));

    if (p.x === knee) {
      out.push(`<circle class="knee c${i}" cx="${x}" cy="${y}" r="10"/>`,
        `<text class="small" x="${x}" y="${round(y - 16)}" text-anchor="middle">knee</text>`);
    }
  }

  return out;
}

function drawAxes(sx, sy, xs, xLabel, yLabel) {
  const bottom = HEIGHT - BOTTOM;
  const right = WIDTH - RIGHT;
  const out = [];

  for (const y of ticks(sy.low, sy.high)) {
    const at = round(sy.at(y));

    out.push(`<line class="grid" x1="${LEFT}" x2="${right}" y1="${at}" y2="${at}"/>`,
      `<text class="small" x="${LEFT - 8}" y="${round(at + 4)}" text-anchor="end">${label(y)}</text>`);
  }

  for (const x of xs) {
    const at = round(sx.at(x));

    out.push(`<line class="grid" x1="${at}" x2="${at}" y1="${TOP}" y2="${bottom}"/>`,
      `<text class="small" x="${at}" y="${bottom + 18}" text-anchor="middle">${label(x)}</text>`);
  }

  out.push(`<path class="axis" fill="none" d="M${LEFT} ${TOP}V${bottom}H${right}"/>`,
    `<text x="${(LEFT + right) / 2}" y="${bottom + 40}" text-anchor="middle">${escape(xLabel)}</text>`,
    `<text transform="translate(18 ${(TOP + bottom) / 2}) rotate(-90)" `
      + `text-anchor="middle">${escape(yLabel)}</text>`);

  return out;
}

/* Two names in a row, below the axis. */
function drawLegend(lines, guide) {
  const names = lines.map(({ name }) => name);
  const all = guide ? [...names, 'in proportion'] : names;

  return all.flatMap((name, i) => {
    const x = LEFT + (i % 2) * 330;
    const y = HEIGHT - BOTTOM + 64 + Math.floor(i / 2) * 20;
    const sample = i < names.length
      ? [`<line class="line c${i}" x1="${x}" x2="${x + 28}" y1="${y}" y2="${y}"/>`,
        marker(i, x + 14, y)]
      : [`<line class="guide" x1="${x}" x2="${x + 28}" y1="${y}" y2="${y}"/>`];

    return [...sample, `<text class="small" x="${x + 36}" y="${y + 4}">${escape(name)}</text>`];
  });
}

function drawGuide(lines, sx, sy) {
  const { points } = lines[lines.length - 1];
  const [first] = points;
  const last = points[points.length - 1];
  const reach = Math.min(last.x, (first.x * sy.high) / first.y);

  return `<path class="guide" d="M${round(sx.at(first.x))} ${round(sy.at(first.y))}`
    + `L${round(sx.at(reach))} ${round(sy.at((first.y * reach) / first.x))}"/>`;
}

export function plot({ title, xLabel, yLabel, lines, guide = false }) {
  const points = lines.flatMap((line) => line.points);
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const sx = scale(xs, LEFT, WIDTH - RIGHT);
  const sy = scale(points.flatMap(({ low, high }) => [low, high]), HEIGHT - BOTTOM, TOP);

  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" `
      + `width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escape(title)}">`,
    `  <style>${STYLE}\n  </style>`,
    '<rect class="ground" width="100%" height="100%"/>',
    `<text class="title" x="${LEFT}" y="32">${escape(title)}</text>`,
    ...drawAxes(sx, sy, xs, xLabel, yLabel),
    ...(guide ? [drawGuide(lines, sx, sy)] : []),
    ...lines.flatMap((line, i) => drawLine(line, i, sx, sy)),
    ...drawLegend(lines, guide),
    '</svg>',
  ].join('\n')}\n`;
}
