/*
 * The figures that the project has set itself: floor and aim of each, and what
 * a run found.
 */

/* [value, spread in per cent or null], or null where nothing was measured */
const of = (s) => (s ? [s.median, s.spread_percent] : null);

function instructions(r) {
  const all = Object.entries(r.scan).filter(([name]) => name.startsWith('instructions-'));

  if (all.length === 0) {
    return null;
  }

  return [Math.max(...all.map(([, { value }]) => value)), null];
}

const FIGURES = [
  {
    name: 'requests/s to bare, durability memory', floor: 0.45, aim: 0.6, unit: '',
    value: (r) => of(r.read.memory.to_bare.requests_per_second),
    decides: 'whether guarding everything fits into the machines that serve it unguarded',
  },
  {
    name: 'requests/s to bare, durability fsync', floor: 0.4, aim: 0.55, unit: '',
    value: (r) => of(r.read.fsync.to_bare.requests_per_second),
    decides: 'whether a trace that outlives a power cut has to be bought with more machines',
  },
  {
    name: 'requests/s to Lua + Redis + XADD, pipelines', floor: 2, aim: 3, unit: '×',
    value: (r) => of(r.read.memory.to_piped?.requests_per_second),
    decides: 'whether the module is worth having beside what Debian\'s packages allow',
  },
  {
    // bare itself is not three times as fast: a floor would be one for nginx
    name: 'the same, all of it in one function in Redis', floor: null, aim: null, unit: '×',
    value: (r) => of(r.read.memory.to_lua?.requests_per_second),
    decides: 'what records that are sealed, a chained trace and the official tables cost more',
  },
  {
    name: 'latency added for one client, to one PING of the store', floor: 2, aim: 1.3, unit: '×',
    less: true,
    value: (r) => of(r.latency.memory.p50.added_to_ping),
    decides: 'whether a doctor waits for more than the one round trip that the trace needs',
  },
  {
    name: 'search of 50, requests/s to bare', floor: 0.4, aim: 0.7, unit: '',
    value: (r) => of(r.search.memory.to_bare.requests_per_second),
    decides: 'whether masked documents can be cut from answers without slowing every search',
  },
  {
    name: 'search of 50, requests/s to Lua that decodes, drops and encodes', floor: 6, aim: 10,
    unit: '×',
    value: (r) => of(r.search.memory.to_lua?.requests_per_second),
    decides: 'whether cutting byte ranges beats a tree by enough to be worth its code',
  },
  {
    name: 'instructions of a decision, the dearest kind', floor: 5000, aim: 1500, unit: '',
    less: true, value: instructions,
    decides: 'whether the rules themselves can ever be what costs',
  },
  {
    name: 'memory of a worker with 10,000 records cached', floor: 40, aim: 20, unit: 'MB',
    less: true, value: (r) => [r.memory.worker_rss_mb, null],
    decides: 'whether each core can have a cache of its own',
  },
  {
    name: 'store memory for each trace, index included', floor: 1000, aim: 750, unit: 'B',
    less: true, value: (r) => of(r.trace.memory.read.store_bytes),
    decides: 'how many months of accesses a store of a given size holds',
  },
  {
    name: 'verify, entries/s of a core', floor: 200000, aim: 600000, unit: '',
    value: (r) => of(r.verify.memory.entries_per_cpu_second),
    decides: 'whether the whole trace can be proved as often as somebody asks',
  },
  {
    name: 'from commit to seal, p99', floor: 1000, aim: 400, unit: 'ms', less: true,
    value: (r) => [r.seal.p99_ms, null],
    decides: 'for how long an entry can be removed without a signature telling',
  },
];

/* "aim", "floor", "no", or "compared" where there is no bound */
function heldOf({ floor, aim, less }, value) {
  if (floor === null) {
    return 'compared';
  }

  const meets = (bound) => (less ? value <= bound : value >= bound);

  if (meets(aim)) {
    return 'aim';
  }

  return meets(floor) ? 'floor' : 'no';
}

export const figuresOf = (r) => FIGURES.map((figure) => {
  const found = figure.value(r);

  return {
    name: figure.name,
    unit: figure.unit,
    better: figure.less ? 'less' : 'more',
    floor: figure.floor,
    aim: figure.aim,
    value: found ? found[0] : null,
    spread_percent: found ? found[1] : null,
    held: found ? heldOf(figure, found[0]) : 'not measured',
    decides: figure.decides,
  };
});
