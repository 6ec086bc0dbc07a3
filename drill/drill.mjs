/*
 * The attack drill: tries every side door to documents that the asker must not
 * see, at a record host itself and through the gateway in front of it, and
 * says which leak.  docs/drill.md tells how to read it.
 */

import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { parseArgs } from 'node:util';

import { canariesOf } from './canary.mjs';
import oracleDoors from './doors/oracle.mjs';
import readDoors from './doors/read.mjs';
import searchDoors from './doors/search.mjs';
import shapeDoors from './doors/shape.mjs';
import { byPatient } from './doors/door.mjs';
import { ask, CannotPlay, learn, nextOf, targetOf } from './host.mjs';
import { plant, restore } from './plant.mjs';
import { playDoor, Player, reasonOf } from './play.mjs';
import {
  leaking, printExchange, printHead, printRow, printTotals, totalsOf,
} from './report.mjs';
import { jsonOf, side } from './wire.mjs';

const USAGE = `usage: run.sh                    against the demo, which it starts
       run.sh --host URL --gateway URL --patient SYSTEM|INS
              (--hidden ID... | --plant) [OPTION]...

  --host URL          FHIR base of the record host itself
  --gateway URL       FHIR base of the gateway in front of it
  --patient TOKEN     SYSTEM|INS of a patient who has authorised the asker
  --hidden ID         a DocumentReference of this patient's that the asker must
                      not see; repeatable
  --other-patient TOKEN    a patient who has not authorised the asker
  --plant             put documents of the drill's own at the host, and remove
                      them in the end
  --cert FILE --key FILE   the asker's certificate and key (PEM)
  --cacert FILE       authority of the gateway's certificate
  --other-cert FILE --other-key FILE   of somebody whom the patient has not
                      authorised
  --changes           also try to change and delete what is hidden; what a door
                      changes at the host is put back
  --at-least PERCENT  fail when fewer of the doors leak without the gateway
  --door WORDS        only doors whose group and name hold these words
  --list              name the doors, and end
  --verbose           show what is sent and what comes back
  --json              the result as JSON

Exit code: 0 nothing leaks through the gateway; 1 something does; 2 usage;
3 the drill could not be played, or proves nothing.`;

const DOORS = [...searchDoors, ...readDoors, ...shapeDoors, ...oracleDoors];

class Usage extends Error {}

const TEXT = { type: 'string' };
const FLAG = { type: 'boolean', default: false };

function options(argv) {
  let values;

  try {
    ({ values } = parseArgs({ args: argv, options: {
      host: TEXT, gateway: TEXT, patient: TEXT, 'other-patient': TEXT,
      hidden: { type: 'string', multiple: true, default: [] }, plant: FLAG,
      cert: TEXT, key: TEXT, cacert: TEXT, 'other-cert': TEXT,
      'other-key': TEXT, changes: FLAG, 'at-least': TEXT, door: TEXT,
      list: FLAG, verbose: FLAG, json: FLAG, help: FLAG,
    } }));
  } catch (err) {
    throw new Usage(err.message);
  }

  if (values.help || values.list) {
    return values;
  }

  for (const name of ['host', 'gateway', 'patient']) {
    if (values[name] === undefined) {
      throw new Usage(`--${name} is missing`);
    }
  }

  for (const name of ['host', 'gateway']) {
    if (!/^https?:\/\//.test(values[name]) || !URL.canParse(values[name])) {
      throw new Usage(`--${name} ${values[name]}: expected an http(s) URL`);
    }
  }

  for (const name of ['patient', 'other-patient']) {
    if (values[name] !== undefined && !/^[^|\s]+\|[^|\s]+$/.test(values[name])) {
      throw new Usage(`--${name} ${values[name]}: expected SYSTEM|INS`);
    }
  }

  if (values.hidden.length === 0 && !values.plant) {
    throw new Usage('--hidden or --plant is missing');
  }

  for (const id of values.hidden) {
    if (!/^[A-Za-z0-9.-]{1,64}$/.test(id)) {
      throw new Usage(`--hidden ${id}: expected an id`);
    }
  }

  if (values['at-least'] !== undefined && !/^\d{1,3}$/.test(values['at-least'])) {
    throw new Usage(`--at-least ${values['at-least']}: expected a number`);
  }

  return values;
}

function file(path) {
  try {
    return path === undefined ? undefined : readFileSync(path);
  } catch (err) {
    throw new Usage(err.message);
  }
}

/* The credentials of those who ask through the gateway, by name. */
function identitiesOf(values) {
  const ca = file(values.cacert);
  const of = (cert, key) => {
    try {
      return { secureContext: createSecureContext({
        ca, cert: file(cert), key: file(key),
      }) };
    } catch (err) {
      throw new Usage(`${cert ?? values.cacert}: ${err.message}`);
    }
  };

  return {
    asker: of(values.cert, values.key),
    stranger: values['other-cert'] &&
              of(values['other-cert'], values['other-key']),
    nobody: of(),
  };
}

/*
 * Documents with their attachments, but for some of these.  Content in JSON (a
 * Bundle) has texts of its own, as any resource.
 */
function all(documents, but = []) {
  const found = { resources: documents.map((d) => d.resource), contents: [] };
  const attachments = documents.flatMap((d) => d.attachments)
    .filter(({ path }) => path === undefined || !but.includes(path));

  for (const { content } of attachments) {
    const resource = jsonOf({ body: content });

    if (resource === undefined) {
      found.contents.push(content);
    } else {
      found.resources.push(resource);
    }
  }

  return found;
}

const joined = (...parts) => ({
  resources: parts.flatMap((p) => p.resources ?? []).filter(Boolean),
  contents: parts.flatMap((p) => p.contents ?? []),
});

/* What must not be seen: by the asker, and by whom the patient has not let in. */
async function canariesOfHost(host, c) {
  const metadata = jsonOf(await ask(host, { target: 'metadata' }));
  const open = joined({ resources: [metadata] });
  /* a shown document that claims them makes nobody's contents its own */
  const kept = [...c.hidden, ...c.foreign]
    .flatMap((d) => d.attachments.map((a) => a.path));
  const shown = joined(open, all(c.shown, kept), { resources: [
    c.patient.resource, ...c.lists.filter((l) => !c.hiddenLists.includes(l)),
  ] });
  const hidden = joined(all(c.hidden), all(c.foreign), { resources: [
    ...c.hiddenLists, ...c.foreignLists, c.other?.resource,
  ] });
  const own = canariesOf(hidden, shown);
  const found = {
    hidden: own,
    record: [...own, ...canariesOf(
      joined(all(c.shown), { resources: c.lists }), open)],
  };

  if (canariesOf(all([c.first]), shown).length === 0) {
    throw new CannotPlay(`DocumentReference/${c.first.id} has nothing that ` +
      'other documents have not: give it a description of its own');
  }

  return found;
}

/* The link to the second page of the other patient's search, at the host. */
async function otherPage(host, c) {
  if (!c.other) {
    return undefined;
  }

  const first = jsonOf(await ask(host,
    { target: byPatient(c.other, '&_count=1') }));
  const next = nextOf(first);

  return next === undefined ? undefined
    : /\?.*$/s.exec(targetOf(next))?.[0];
}

/*
 * What the asker may do must work, or else closed doors prove nothing.
 * Resolves to the documents that the search shows.
 */
async function honest(gateway, identities, c) {
  const player = new Player(gateway, identities);
  const good = async (what, target) => {
    const got = await player.send(target);
    const [answer] = got.answers;

    if (!got.connected) {
      throw new CannotPlay(`${gateway.name} (${gateway.origin}) cannot be ` +
                           `reached: ${got.error}`);
    }

    if (answer?.status !== 200) {
      throw new CannotPlay(`${what} does not work through the gateway: ` +
        (answer ? [answer.status, reasonOf(answer)].filter(Boolean).join(' ')
                : got.error ?? 'no answer'));
    }

    return jsonOf(answer);
  };

  const bundle = await good('a search', byPatient(c.patient));
  const [first] = (bundle?.entry ?? []).map((e) => e.resource)
    .filter((r) => r?.resourceType === 'DocumentReference' &&
                   c.shown.some((d) => d.id === r.id));

  if (first === undefined) {
    throw new CannotPlay('a search through the gateway shows no document: ' +
                         'the drill could not tell closed from broken');
  }

  await good('a read', `DocumentReference/${first.id}`);
  return first;
}

/* What changes at the host are looked for in, and put back to. */
const watched = (c) => [
  c.first.resource,
  ...(c.binary?.resource ? [c.binary.resource] : []),
];

async function stateOf(host, c) {
  const state = [];

  for (const { resourceType, id } of watched(c)) {
    const answer = await ask(host, { target: `${resourceType}/${id}` });
    const { meta, ...rest } = jsonOf(answer) ?? {};

    state.push([answer?.status, rest]);
  }

  return JSON.stringify(state);
}

/* Plays a door that may change something; what it changed is put back. */
async function playChange(play, host, c) {
  const before = await stateOf(host, c);
  const played = await play();

  if (await stateOf(host, c) === before) {
    return played;
  }

  await restore(host, watched(c));

  if (await stateOf(host, c) !== before) {
    throw new CannotPlay(`DocumentReference/${c.first.id} was changed by a ` +
      'door and could not be put back');
  }

  return { ...played, result: 'leaks', detail: 'changed at the host' };
}

async function playAll(values, host, gateway, identities, context) {
  const { canaries } = context;
  const words = values.door?.toLowerCase() ?? '';
  const rows = [];

  for (const door of DOORS) {
    const named = `${door.group} ${door.name}`.toLowerCase();

    if (!named.includes(words) || (door.effect && !values.changes)) {
      continue;
    }

    const row = { group: door.group, name: door.name };

    for (const [key, to, guarded] of [['without', host, false],
                                      ['with', gateway, true]]) {
      const play = () =>
        playDoor(door, to, { context, identities, canaries, guarded });
      const { player, ...result } = door.effect
        ? await playChange(play, host, context) : await play();

      row[key] = result;

      if (values.verbose) {
        printExchange(key, player);
      }
    }

    rows.push(row);

    if (!values.json) {
      printRow(row);
    }
  }

  return rows;
}

function verdict(values, rows, totals) {
  if (totals.with.leaks > 0) {
    return [1];
  }

  if (totals.with.errors > 0) {
    return [3, 'some doors got no answer that means anything'];
  }

  if (rows.length === 0) {
    return [3, `no door has "${values.door}" in its name`];
  }

  if (values['at-least'] && leaking(totals) < Number(values['at-least'])) {
    return [3, `only ${leaking(totals)} % of the doors leak without the ` +
               `gateway, fewer than ${values['at-least']} %`];
  }

  return [0];
}

async function drill(values) {
  const host = side('the record host', values.host);
  const gateway = side('the gateway', values.gateway);
  const identities = identitiesOf(values);
  const planted = values.plant ? await plant(host, {
    patient: values.patient, other: values['other-patient'],
  }) : undefined;

  try {
    const context = await learn(host, {
      patient: values.patient, other: values['other-patient'],
      hidden: [...(planted?.hidden ?? []), ...values.hidden],
    });

    context.canaries = await canariesOfHost(host, context);
    context.otherPage = await otherPage(host, context);
    context.quoting = planted?.quoting;
    context.stranger = identities.stranger !== undefined;
    context.visible = await honest(gateway, identities, context);

    if (!values.json) {
      printHead(gateway, host);
    }

    const rows = await playAll(values, host, gateway, identities, context);

    await honest(gateway, identities, context);

    const totals = totalsOf(rows);
    const [code, why] = verdict(values, rows, totals);

    if (values.json) {
      process.stdout.write(`${JSON.stringify(
        { exit: code, why, totals, doors: rows }, null, 1)}\n`);
    } else {
      printTotals(rows, totals);
    }

    if (why) {
      process.stderr.write(`drill: ${why}\n`);
    }

    return code;
  } finally {
    await planted?.uproot();
  }
}

async function main() {
  try {
    const values = options(process.argv.slice(2));

    if (values.help) {
      process.stdout.write(`${USAGE}\n`);
      return 0;
    }

    if (values.list) {
      DOORS.forEach((d) => process.stdout.write(`${d.group}: ${d.name}\n`));
      return 0;
    }

    return await drill(values);
  } catch (err) {
    if (err instanceof Usage) {
      process.stderr.write(`drill: ${err.message}\n${USAGE}\n`);
      return 2;
    }

    process.stderr.write(
      `drill: ${err instanceof CannotPlay ? err.message : err.stack}\n`);
    return 3;
  }
}

process.exitCode = await main();
