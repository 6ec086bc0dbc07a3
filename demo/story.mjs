/*
 * The story that "make demo" plays, told to someone who has never heard of
 * FHIR.  Each step shows the request, the answer and the trace entry it left,
 * and states what must hold; the first thing that does not ends the demo.
 */

import { readdirSync, readFileSync } from 'node:fs';

import { bris, centre15, closed, opposition, rights } from './emergency.mjs';
import {
  NotAsTold, cellsOf, chapter, dmpctl, documentsOf, entryOf, fail, gatewayLogs,
  isAccess, isSuperseded, must, outcomeOf, place, pretty, putAtHost, quietly,
  reasonOf, redis, request, shortened, show, showDocuments, showEntry, showJson,
  showRefusal, showRows, showTyped, store, tell, trace, when,
} from './stage.mjs';
import { patient } from './patient.mjs';
import {
  FAURE, INS, JEANNE, LEROY, PETIT, PSYCHIATRY, SEARCH, ULTRASOUND, ask,
  dayInParis, importRecord, lastChange, names, nothingReached, record, refused,
  refusedSearch,
} from './steps.mjs';

/* A type that the matrix keeps from pharmacists: TRE_A05, certificate. */
const CERTIFICATE = {
  resourceType: 'DocumentReference', id: 'martin-certificat', status: 'current',
  type: { coding: [{
    system: 'https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/' +
      'TRE-A05-TypeDocComplementaire',
    code: 'CERT_DECL',
  }] },
  subject: { reference: `Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|${INS}` },
  date: '2026-01-12T10:00:00+01:00', description: 'Certificat médical',
  content: [{ attachment: { contentType: 'application/pdf' } }],
};


/* ----------------------------------------------------------------- steps */

async function stranger() {
  importRecord();

  tell(`Jeanne Martin, born in 1985, lives in France. Her shared medical record (DMP) holds 12 documents. They
    lie on a server, the record host, which would give them to whoever reaches it. So nobody does,
    but through the gateway: nginx with this module.`);
  tell(`Dr Hugo Petit is a general practitioner. He proves who he is with his card of health
    professional, a certificate on a chip. Jeanne has not authorised him. First his software may
    ask whether she has a record, and whether he may open it.`);

  const check = ask('Patient?identifier=$JEANNE', { card: 'petit' });
  const patient = check.json?.entry?.[0]?.resource;
  const told = patient?.extension?.find(
    (e) => e.url === 'urn:dmp:authorisation')?.valueCoding?.code;

  quietly(check.status === 200 && patient, 'the check is answered', check.body);
  showJson({
    resourceType: 'Patient',
    extension: [{ url: 'urn:dmp:authorisation', valueCoding: { code: told } }],
    identifier: [{ value: patient.identifier[0].value }],
    active: patient.active,
  });

  const entry = await entryOf(check);

  showEntry(entry);
  must(told === 'NON_EXISTE' && patient.active === true,
       'She has a record, it is open, and he has no authorisation (NON_EXISTE).', told);
  must(!/martin/i.test(check.body),
       'The answer does not even tell him her name.');
  nothingReached(check);

  tell('He asks for the list of her documents all the same.');

  const search = ask(SEARCH, { card: 'petit' });
  const denied = await refused(search, 403, 'not-authorised',
    'The patient has not authorised you to consult this record.');

  nothingReached(search);

  tell(`The line marked “trace” is what the gateway wrote to its store before it answered. No trace,
    no access: were the store away, it would answer 503 to everybody. This is the entry as
    it stands there, long values shortened. The patient is a pseudonym, “prev” is the
    fingerprint of the entry before: that is what will betray a forger in step 14.`);
  show(['', ...pretty(shortened(denied.body, 26)), '']);
  must(!denied.raw.includes(INS) && !/martin/i.test(denied.raw),
       'Neither her name nor her health number is in it.');
}

async function authorised() {
  tell(`Jeanne telephones the helpdesk and authorises Dr Petit, for a year. The helpdesk enters it
    with dmpctl, the tool of the operations team.`);

  record.authorisations = {
    [PETIT]: { since: dayInParis(0), until: dayInParis(1), by: 'patient' },
  };
  show(['', 'jeanne.json:', ...pretty(record)]);
  importRecord(true);

  const change = await lastChange();

  showEntry(change);
  quietly(change.body.new_version === change.body.version + 1, 'the record has its next version',
          change.body);
  must(change.outcome === 'R',
       'The change is in the trace too: who made it, and that her record has a new version.',
       change.outcome);
}

async function reader() {
  tell('Dr Petit asks again, with the very same request.');

  const search = ask(SEARCH, { card: 'petit' });

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  showDocuments(search);

  const entry = await entryOf(search);
  const found = documentsOf(search);

  showEntry(entry);
  must(found.length === 11, 'He sees 11 documents.', found.length);
  quietly(entry.body.decision === 'allow', 'the trace allows it', entry.body);
  quietly(search.json.total === undefined || search.json.total === 11,
          'no total tells of a twelfth', search.json.total);

  const outcome = await outcomeOf(search);

  must(outcome.shown === 11 && outcome.withheld === 1,
       'The trace knows more: once the answer had left, the gateway noted “shown 11, withheld 1”.',
       outcome);

  tell('He opens one of them, the ultrasound of her heart: who made it, when, where.');

  const read = ask(`DocumentReference/${ULTRASOUND}`, { card: 'petit' });
  const document = read.json;

  quietly(read.status === 200 && document?.id === ULTRASOUND,
          'the document is read', read.body.slice(0, 300));
  showJson({
    resourceType: document.resourceType,
    id: document.id,
    masterIdentifier: { value: document.masterIdentifier.value },
    description: document.description,
    date: document.date,
    content: document.content.map(({ attachment }) => ({
      attachment: {
        contentType: attachment.contentType, url: attachment.url,
        size: attachment.size,
      },
    })),
  });

  const readEntry = await entryOf(read);

  showEntry(readEntry);
  must(readEntry.body.decision === 'allow' &&
       readEntry.body.documents?.[0]?.[0] === document.masterIdentifier.value,
       'Allowed. The star in the trace: the entry also says which document.', readEntry.body);

  tell(`And the pictures themselves, by the address that the document gives:`);

  const picture = ask(document.content[0].attachment.url, { card: 'petit' });
  const pictureEntry = await entryOf(picture);

  show([`${picture.headers['content-type']}, ${picture.headers['content-length']} bytes`]);
  showEntry(pictureEntry);
  must(picture.status === 200 &&
       Number(picture.headers['content-length']) === document.content[0].attachment.size,
       'All of it. The gateway asked the host first which document has them, and let them through ' +
       'because he may read that one now.', picture.headers);
  quietly(pictureEntry.body.documents?.[0]?.[0] === document.masterIdentifier.value,
          'the entry names the document', pictureEntry.body);

  return { search, read };
}

async function masked(search) {
  tell(`The host has 12 documents. The twelfth is a consultation in psychiatry. Dr Claire Morel, who
    wrote it, masked it from other health professionals, as Jeanne had asked. Dr Petit has
    guessed its identifier, and asks for it.`);

  const hidden = ask(`DocumentReference/${PSYCHIATRY}`, { card: 'petit' });
  const entry = await refused(hidden, 404, 'document-foreign',
    'No document has this identifier.');

  must(entry.body.reason === 'masked',
       'Only the trace has the true reason: masked.', entry.body.reason);

  tell('Now a document that has never existed:');

  const absent = ask('DocumentReference/never-existed', { card: 'petit' });

  await refused(absent, 404, 'document-foreign', 'No document has this identifier.');

  const strip = (answer) => answer.body.replaceAll(answer.trace, '');
  const fields = ({ headers: { date, 'dmp-trace-id': id, ...rest } }) =>
    JSON.stringify(rest);

  must(strip(hidden) === strip(absent) && fields(hidden) === fields(absent),
       'Byte for byte the same answer, but for the trace id: nobody can tell the two apart.',
       [hidden.body, absent.body]);

  const trails = [PSYCHIATRY, '99999.1.12', 'psychiatrie', 'MASQUE_PS'];

  must(trails.every((trail) => !search.body.includes(trail)),
       'Nor was there a byte of it in the list above.', trails);

  tell(`Is it there at all? Asked directly, behind the gateway’s back and without any card, the record
    host shows it:`);

  const direct = request(SEARCH, { to: 'host' });

  showDocuments(direct, (d) =>
    d.securityLabel?.some((l) => l.coding[0].code === 'MASQUE_PS')
      ? '  ← MASQUE_PS' : '');
  show(['']);
  must(documentsOf(direct).length === 12 && names(direct, PSYCHIATRY),
       'The host has 12 documents, the masked one among them. It knows nothing of rights; the ' +
       'gateway does.', documentsOf(direct).length);
}

async function patientMasks(read) {
  const unique = read.json.masterIdentifier.value;

  tell(`Jeanne wants another document to be masked: the ultrasound that Dr Petit has just read. The host
    still knows nothing of it. The helpdesk enters it in her record, by the name that the
    document bears wherever it goes.`);

  record.masked = [unique];
  show(['', 'jeanne.json, with one line more:', `  "masked": ["${unique}"]`]);
  importRecord(true);
  showEntry(await lastChange());

  tell('Dr Petit searches once more:');

  const search = ask(SEARCH, { card: 'petit' });

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  showDocuments(search);
  showEntry(await entryOf(search));
  must(documentsOf(search).length === 10 && !search.body.includes(unique) &&
       !search.body.includes(ULTRASOUND),
       'His next search shows 10 documents, and not a byte of the ultrasound.',
       documentsOf(search).length);

  tell('He still has its identifier, and asks for it:');

  const again = ask(`DocumentReference/${ULTRASOUND}`, { card: 'petit' });
  const entry = await refused(again, 404, 'document-foreign',
    'No document has this identifier.');

  must(entry.body.reason === 'masked',
       'What he read a moment ago is not there any more. As soon as dmpctl has said “imported”, ' +
       'no gateway lets out anything decided before.', entry.body.reason);

  tell('Nor are its pictures, though he still has their address:');

  const picture = ask(read.json.content[0].attachment.url, { card: 'petit' });

  await refused(picture, 404, 'document-foreign', 'No document has this identifier.');
}

async function others() {
  tell(`Dr Sophie Roux, cardiologist, made that ultrasound. Jeanne has fallen out with her since, and
    blocked her.`);
  await refusedSearch('roux', 403, 'blocked',
    'The patient has blocked your access to this record.');

  await pharmacist();

  tell(`A hospital, with the certificate of the establishment: it says which hospital, not who sits
    in front of the screen.`);
  await refusedSearch('structure', 403, 'channel-mismatch',
    'This channel feeds the record and does not consult it.');

  tell('Somebody without any card:');
  await refusedSearch(undefined, 401, 'authentication-required',
    'Present a card of health professional.');

  tell(`A card that was reported stolen and revoked. nginx itself refuses it, before the module is
    asked, and hands it to a location with dmp_denied: it is answered and traced like any other.`);
  await refusedSearch('revoked', 401, 'certificate-rejected',
    'This certificate is not accepted: check the card, its validity and its revocation.');

  tell(`Last, a forged card: the name and the number of Dr Claire Morel, signed by an authority that
    nobody trusts.`);

  const before = (await trace()).filter(isAccess).length;
  const forged = ask(SEARCH, { card: 'forged' });

  showRefusal(forged, true);
  must(forged.status === 401 && reasonOf(forged) === 'certificate-rejected',
       'Refused, 401: nobody vouches for that certificate.', forged.status);
  nothingReached(forged);
  must((await trace()).filter(isAccess).length === before,
       'One entry per address and minute tells of those whom nobody vouches for, the next how ' +
       'many there were: a scanner cannot fill the store.');
}

async function pharmacist() {
  tell('Nadia Faure is a pharmacist, whom Jeanne has not authorised:');
  await refusedSearch('pharmacien', 403, 'not-authorised',
    'The patient has not authorised you to consult this record.');

  tell(`Jeanne authorises her. Meanwhile Dr Petit’s software has deposited a medical certificate at the
    host. The official matrix of document types keeps certificates from pharmacists.`);

  await putAtHost(CERTIFICATE);
  record.authorisations[FAURE] = { since: dayInParis(0), until: dayInParis(1), by: 'patient' };
  importRecord();

  const his = ask(SEARCH, { card: 'petit' });
  const hers = ask(SEARCH, { card: 'pharmacien' });
  const outcome = await outcomeOf(hers);

  showDocuments(hers);
  showEntry(await entryOf(hers));
  must(documentsOf(his).length === 11 && names(his, CERTIFICATE.id) &&
       documentsOf(hers).length === 10 && !hers.body.includes(CERTIFICATE.id) &&
       outcome.withheld === 3,
       'Dr Petit sees 11 documents, the pharmacist 10: the certificate is not there for her.',
       [documentsOf(his).length, documentsOf(hers).length, outcome]);
}

const verifyArgs = [
  'audit', 'verify', ...store,
  '--audit-public-key', `${place.run}/keys/audit.pub`,
];

const verifyShown = [
  'dmpctl audit verify --redis unix:redis.sock --audit-public-key audit.pub',
];

const verifyJson = () => {
  const { status, out, err } = dmpctl([...verifyArgs, '--json']);

  quietly(status === 0 || status === 1, 'dmpctl audit verify runs', err);
  return JSON.parse(out);
};

async function audited() {
  tell(`Jeanne, or an auditor, asks who has looked into her record. These are all the entries that
    were left, read from the store. It has numbers, no names: the demo adds those, and the helpdesk
    calls itself “operator helpdesk”. A star: the entry names the document. An exclamation mark: an
    emergency.`);

  /* the gateway signs what it wrote within 200 ms */
  await when('the signature of the last entries',
             () => verifyJson().not_signed === 0);

  /* Camille's are her own business; some name nobody's record */
  const all = (await trace()).filter(isAccess);
  const entries = all.filter(({ body }) =>
    !body.patient || body.patient === all[0].body.patient);

  showRows(entries.map(cellsOf));
  const superseded = entries.filter(isSuperseded);
  const standing = entries.filter((e) => !isSuperseded(e));
  const changes = standing.filter((e) => e.body.kind === 'change');

  must(standing.length - changes.length === 39,
       'Each of the 39 requests that were decided is there, allowed or refused.',
       standing.length - changes.length);
  must(superseded.length === 8,
       'Eight were decided twice: the gateway still had her earlier record in mind, the store ' +
       'told it so as it wrote the trace, and it decided anew. That is why a change holds at once.',
       superseded.length);
  must(changes.length === 14 &&
       changes.filter(({ body }) => body.actor.kind === 'operator').length === 11,
       'So are the 14 changes of her record: eleven by the helpdesk, two by her treating ' +
       'physician, and what Dr Giraud declared.', changes.length);

  const files = `${place.run}/redis/appendonlydir`;
  const held = readdirSync(files)
    .map((name) => readFileSync(`${files}/${name}`, 'latin1')).join('');

  const logs = gatewayLogs();

  quietly(held.includes(entries[0].body.patient) &&
          logs.includes(entries[0].body.patient), 'the files are read');
  must(![held, logs].some((text) => text.includes(INS) ||
         /martin|jeanne|lef(è|e|%c3%a8)vre|inconscient/i.test(text)),
       'Neither her name nor her health number, nor what was written to break the glass, is on the ' +
       'store’s disk, or in the gateway’s logs.');

  tell(`Is the trace whole, though, and as it was written? dmpctl reads all of it: fingerprints,
    numbering, and the gateway’s signatures, checked with a public key that is kept elsewhere.`);

  const { status } = dmpctl(verifyArgs, verifyShown);

  show(['']);
  must(status === 0, 'It is whole: exit code 0.', status);
}

/*
 * A stream of Redis cannot be edited in place; its owner can write another one
 * with the same ids and put it in its stead.  One script, since the gateway may
 * be adding entries.
 */
const REWRITE = `
  redis.call('DEL', KEYS[2])
  for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', '+')) do
      local fields = entry[2]
      if entry[1] == ARGV[1] then
          fields = {'b', ARGV[2], 'o', ARGV[3]}
      end
      redis.call('XADD', KEYS[2], entry[1], unpack(fields))
  end
  redis.call('RENAME', KEYS[2], KEYS[1])`;

function rewrite({ stream, id, outcome }, raw) {
  return redis(['EVAL', REWRITE, 2, stream, aside(stream), id, raw, outcome]);
}

const aside = (stream) => stream.replace('trace', 'forged');


async function forged(read) {
  const entry = await entryOf(read);
  const { id, stream, raw, body } = entry;
  const edited = raw.replace(`"id":"${PETIT}"`, `"id":"${LEROY}"`);

  quietly(edited !== raw, 'the entry names Dr Petit', raw);

  tell(`Dr Petit would rather not have read that ultrasound. He knows someone who runs the Redis
    server, and who may do anything there. The entry is to name another doctor, Marc Leroy, who has
    never looked into this record. A Redis stream cannot be edited; but one can write it anew, each
    entry with its own id, this one changed, and put it in the place of the first.`);

  showTyped(['redis-cli -s redis.sock']);
  show([
    `> XADD ${aside(stream)} ${id} \\`,
    `      b '{"format":1,…,"actor":{"kind":"professional","id":"${LEROY}",…' o ${entry.outcome}`,
    '… and all other entries of the stream, as they were',
    `> RENAME ${aside(stream)} ${stream}`,
  ]);

  await rewrite(entry, edited);
  showEntry(await entryOf(read));
  must((await entryOf(read)).body.actor.id === LEROY,
       'It looks like any other entry: Marc Leroy read, Hugo Petit did not.');

  tell('dmpctl again:');

  const { status } = dmpctl(verifyArgs, verifyShown);
  const found = verifyJson();

  show(['']);
  must(status === 1 && found.whole === false, 'It is broken: exit code 1.',
       { status, found });
  must(found.first?.id === id,
       `It names that very entry: ${id}, number ${body.seq} of its writer.`, found.first);

  await rewrite(entry, raw);
  must(verifyJson().whole === true,
       'The demo has put the true entry back, and the trace is whole again.');
}


/* ------------------------------------------------------------------ play */

let step = '';

function begin(title) {
  step = title;
  chapter(title);
}

try {
  chapter('How to read this');
  tell(`Every request below is a real one, made with curl. Options that are always the same
    (--include --silent --cacert server-ca.pem) are left out, answers are shortened, and these words
    stand for longer ones:`);
  show([
    '',
    `$DMP     the gateway, ${place.gateway}`,
    `$HOST    the record host behind it, ${place.host}`,
    `$SAMU    the gateway’s access path for the centres 15, ${place.centre15}`,
    `$API     its own calls, ${place.api}`,
    '$INS     the national health number (INS) of Jeanne Martin',
    '$JEANNE  the same, as the standard writes it,',
    `         ${JEANNE}`,
  ], '  ');
  tell(`FHIR is the language they speak: JSON over HTTP, where a “DocumentReference” is a document and
    a “Bundle” a list. A tick is something that the demo has checked. Everybody here is invented.`);

  begin('1. A doctor whom the patient has not authorised');
  await stranger();

  begin('2. The patient authorises him');
  await authorised();

  begin('3. He searches and reads');
  const { search, read } = await reader();

  begin('4. The twelfth document');
  await masked(search);

  begin('5. The patient masks a document');
  await patientMasks(read);

  begin('6. Others who try');
  await others();

  begin('7. A call to the Samu');
  await centre15();

  begin('8. The glass is broken');
  await bris();

  begin('9. The patient says no');
  await opposition();

  begin('10. Rights that change at the instant');
  await rights();

  begin('11. Closed, and opened again');
  await closed();

  begin('12. A patient who holds the keys');
  await patient();

  begin('13. The trace');
  await audited();

  begin('14. Somebody edits the trace');
  await forged(read);

  const alarms = gatewayLogs().match(/.*\[(alert|emerg|crit)\].*/g);

  quietly(alarms === null, 'nginx has nothing alarming in its log', alarms);
} catch (err) {
  fail(err instanceof NotAsTold ? err.message : err.stack, step);
  process.exitCode = 1;
}
