/*
 * A patient who holds the keys: her record is created, she signs in, reads,
 * blocks a doctor, and reads who has looked.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  abbreviate, documentsOf, entryOf, keepHeaders, must, place, putAtHost, quietly,
  request, show, showDocuments, showEntry, showJson, showText, tell, when,
} from './stage.mjs';
import { PETIT, allowed, ask, nothingReached, refused } from './steps.mjs';

const INS = '291113306311296';
const CAMILLE = `urn:oid:1.2.250.1.213.1.4.8%7C${INS}`;
const PASSWORD = 'le vent se lève 1920';

abbreviate('CAMILLE', CAMILLE);

const SEARCH = 'DocumentReference?patient.identifier=$CAMILLE';


/* ----------------------------------------------------------- the mailbox */

/* The text of a mail, whatever it was encoded in. */
function textOf(mail) {
  const [head, ...body] = mail.split(/\r?\n\r?\n/);
  const text = body.join('\n\n');

  if (/^content-transfer-encoding:\s*quoted-printable/im.test(head)) {
    const bytes = text.replace(/=\r?\n/g, '')
      .replace(/=([0-9A-F]{2})/g, (whole, hex) => String.fromCharCode(parseInt(hex, 16)));

    return Buffer.from(bytes, 'latin1').toString('utf8');
  }

  return /^content-transfer-encoding:\s*base64/im.test(head)
    ? Buffer.from(text, 'base64').toString('utf8') : text;
}

let read = 0;

/* The next mail that matches; what it says is shown, what else came is not. */
async function mail(what, pattern) {
  const folder = `${place.run}/mail`;
  let found;

  await when(`a mail with ${what}`, () => {
    const names = readdirSync(folder).filter((name) => name.endsWith('.eml')).sort();

    for (; read < names.length && !found; read++) {
      found = textOf(readFileSync(`${folder}/${names[read]}`, 'utf8')).match(pattern);
    }

    return Boolean(found);
  });

  show(['', `mail to camille@example.fr:  ${found.input.split('\n')
    .find((line) => line.includes(found[1])).trim()}`]);

  return found[1];
}


/* ----------------------------------------------------------------- steps */

const session = (path, json) => request(path, { to: 'api', method: 'POST', json });

async function created() {
  tell(`Camille Bernard has no record yet. She sits in the surgery of Dr Petit, agrees to have one, and
    answers three questions: may the glass be broken, may the centres 15 look, may either see what
    she masks? He sends her answers, and where she can be written to.`);

  const answer = request('records', {
    to: 'api', card: 'petit', method: 'POST',
    json: {
      ins: INS,
      traits: { family: 'BERNARD', given: 'Camille', birthdate: '1991-11-13' },
      consent: true,
      emergency: { bris_de_glace: true, centre_15: true, masked: false },
      contact: { email: 'camille@example.fr' },
    },
  });

  quietly(answer.status === 201, 'the record is created', answer.body);
  showJson(answer.json);
  showEntry(await entryOf(answer));

  const password = await mail('her password', /mot de passe :\s+([A-Za-z0-9]{16})\s*$/m);

  must(!answer.body.includes(password),
       'He hands her the identifier; the password goes to her, and he never sees it.');

  return { identifier: answer.json.identifier, password };
}

async function signsIn({ identifier, password }) {
  tell('At home she signs in: identifier, password, and a code that comes by mail.');

  const first = session('session', { identifier, password });

  quietly(first.status === 202, 'a challenge', first.body);
  showJson(first.json);

  const { challenge } = first.json;
  const code = await mail('the code', /^\s*(\d{6})\s*$/m);
  const second = session('session/code', { challenge, code });

  must(second.status === 403 && second.json?.reason === 'password-change-required',
       'The code is right. The first password is only for once, though: she has to choose her own.',
       second.body);

  const third = session('session/password', { challenge, new_password: PASSWORD });

  quietly(third.status === 200, 'a session', third.body);
  showJson({ ...third.json, access_token: `${third.json.access_token.slice(0, 24)}…` });
  showEntry(await entryOf(third));
  must(third.headers['set-cookie']?.startsWith('__Host-dmp-session='),
       'She is in. The token names her by a pseudonym, and is worth nothing once she signs out.');

  return third.json.access_token;
}

async function decides(token) {
  keepHeaders('token.headers', [`Authorization: Bearer ${token}`]);
  show(['', 'token.headers:', '  Authorization: Bearer eyJ…']);

  const bearer = { headers: ['@token.headers'] };
  const me = (path, how) => request(`records/me${path}`, { to: 'api', ...bearer, ...how });

  tell('She looks at her documents. The record host gets her question, and not who she is.');

  const search = ask(SEARCH, bearer);

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  showDocuments(search);
  showEntry(await entryOf(search));
  must(documentsOf(search).length > 0, 'They are hers, and so she sees them.');

  tell('She lets Dr Petit read them.');
  quietly(me(`/authorisations/${PETIT}`, { method: 'PUT' }).status === 200, 'authorised');

  const lets = ask(SEARCH, { card: 'petit' });

  await allowed(lets, 'normal');
  must(documentsOf(lets).length > 0, 'He reads them.');

  tell('Later she changes her mind, and blocks him.');

  const block = me(`/blocks/${PETIT}`, { method: 'PUT' });

  quietly(block.status === 200 && block.json.blocked.includes(PETIT), 'blocked', block.body);
  showEntry(await entryOf(block));

  const after = ask(SEARCH, { card: 'petit' });

  await refused(after, 403, 'blocked', 'The patient has blocked you.');
  nothingReached(after);

  tell('Who has looked into her record? The gateway tells her, in plain French:');

  const history = me('/history?limit=6');

  quietly(history.status === 200, 'the history', history.body);

  for (const { n, text } of history.json.entries) {
    show(['']);
    showText(`${n}. ${text}`);
  }

  const numbers = history.json.entries.map(({ n }) => n);

  must(numbers.every((n, i) => n === history.json.total - i),
       `Lines are numbered, ${history.json.total} so far: none can be missing without its number.`,
       numbers);
  must(history.json.entries.some(({ text }) => text.includes(PETIT) && /refusé/.test(text)),
       'His last try is among them.');

  const out = request('session', { to: 'api', method: 'DELETE', ...bearer });

  quietly(out.status === 204, 'signed out', out.status);
  must(me('').status === 401, 'She signs out, and the token is dead, on every gateway.');
}

/* From here on somebody fetches what waits in the store, and sends it. */
function deliver() {
  tell(`Notices and codes wait in the store, each written with the trace that it comes from. From now on
    dmp-notifyd fetches and sends them, by mail or SMS.`);
  execFileSync(fileURLToPath(new URL('run.sh', import.meta.url)), ['deliver'], { stdio: 'inherit' });
}

export async function patient() {
  deliver();
  await putAtHost({
    resourceType: 'DocumentReference', id: 'bernard-vaccination', status: 'current',
    type: { coding: [{ system: 'http://loinc.org', code: '11369-6' }] },
    subject: { reference: `Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|${INS}` },
    date: '2026-02-03T10:00:00+01:00', description: 'Historique de vaccinations',
    content: [{ attachment: { contentType: 'application/pdf' } }],
  });

  await decides(await signsIn(await created()));
}
