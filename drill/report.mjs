/*
 * What the drill found, as a table for people or as JSON for programs.
 */

const NAME = 46;
const RESULT = 34;

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) =>
  colours ? `\x1b[${code}m${text}\x1b[0m` : text;

const dim = paint('2');
const red = paint('31');
const green = paint('32');
const yellow = paint('33');
const bold = paint('1');

const WORDS = {
  leaks: 'leaks', closed: 'closed', no: 'no', refused: 'n/a', missing: 'n/a',
  error: 'error', hint: 'hint',
};

function cut(text, width) {
  return text.length > width ? `${text.slice(0, width - 1)}…`
                             : text.padEnd(width);
}

function cell({ result, detail }, guarded) {
  const text = cut(`${WORDS[result]}  ${detail ?? ''}`.trimEnd(), RESULT);

  if (guarded) {
    return { leaks: red, error: red, closed: green, hint: yellow }[result]
           ?.(text) ?? dim(text);
  }

  return result === 'leaks' ? yellow(text) : dim(text);
}

let group;

export function printHead(gateway, host) {
  process.stdout.write(`
Every door is tried at the record host itself, ${host.origin}${host.base},
and through the gateway, ${gateway.origin}${gateway.base}.

${bold(`  ${'door'.padEnd(NAME)}${'without the gateway'.padEnd(RESULT)}  with it`)}
`);
  group = undefined;
}

export function printRow(row) {
  if (row.group !== group) {
    group = row.group;
    process.stdout.write(`${bold(group)}\n`);
  }

  process.stdout.write(`  ${cut(row.name, NAME - 1)} ${cell(row.without)}  ` +
                       `${cell(row.with, true).trimEnd()}\n`);
}

export function totalsOf(rows) {
  const count = (side, ...results) =>
    rows.filter((row) => results.includes(row[side].result)).length;

  return {
    doors: rows.length,
    without: {
      applicable: count('without', 'leaks', 'no', 'hint'),
      leaks: count('without', 'leaks'),
      no: count('without', 'no', 'hint'),
      not_applicable: count('without', 'refused', 'missing'),
    },
    with: {
      leaks: count('with', 'leaks'),
      closed: count('with', 'closed'),
      hints: count('with', 'hint'),
      errors: count('with', 'error'),
      not_applicable: count('with', 'missing'),
    },
  };
}

const percent = ({ leaks, applicable }) =>
  applicable === 0 ? 0 : Math.floor((100 * leaks) / applicable);

export const leaking = (totals) => percent(totals.without);

export function printTotals(rows, totals) {
  const { without, with: guarded } = totals;
  const named = (result) => rows.filter((row) => row.with.result === result)
    .map((row) => `  ${row.group}: ${row.name}: ${row.with.detail}`);

  const through = guarded.leaks === 0 ? green('none leaks')
                                      : red(`${guarded.leaks} leak`);

  process.stdout.write([
    '', `${totals.doors} doors.`,
    `Without the gateway ${without.leaks} of the ${without.applicable} that ` +
      `the record host opens leak, ${percent(without)} %.`,
    `With it ${through}: ${guarded.closed} closed, ${guarded.hints} hints, ` +
      `${guarded.errors} errors, ${guarded.not_applicable} not to be tried ` +
      'here.', '',
  ].join('\n'));

  for (const [result, title] of [['leaks', 'Leaks'], ['error', 'Errors'],
                                 ['hint', 'Hints']]) {
    const lines = named(result);

    if (lines.length > 0) {
      process.stdout.write(`\n${title}:\n${lines.join('\n')}\n`);
    }
  }
}

/* Each request as it was sent, and the beginning of what came back. */
export function printExchange(title, player) {
  const indent = (bytes, mark) => bytes.toString('latin1').slice(0, 1500)
    .split('\n').map((line) => `      ${mark} ${line.trimEnd()}`).join('\n');

  process.stdout.write(dim(`    ${title}\n`));
  player.sent.forEach((sent, i) => {
    process.stdout.write(dim(`${indent(sent, '>')}\n`));

    if (player.got[i]) {
      process.stdout.write(dim(`${indent(player.got[i].bytes, '<')}\n`));
    }
  });
}
