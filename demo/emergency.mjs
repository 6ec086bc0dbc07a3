/*
 * The chapters of the story in which there is no authorisation, or none any
 * more: the regulation centre, bris de glace, a patient who says no, and
 * rights that change while somebody reads.
 */

import {
  documentsOf, entryOf, hintOf, keepHeaders, must, notices, outboxOf, percent, quietly, show,
  showDocuments, showEntry, showJson, showNotices, tell,
} from './stage.mjs';
import {
  CENTRE, GIRAUD, INS, PETIT, PSYCHIATRY, SAMU, SEARCH, ULTRASOUND, allowed, ask, helpdesk,
  importDirectory, lastChange, names, nothingReached, refused, refusedSearch,
} from './steps.mjs';

const SUMMARY = 'martin-synthese';

/* What breaks the glass; a header that is undefined is left out. */
function glass(changes = {}) {
  const all = {
    'DMP-Access-Mode': 'bris-de-glace',
    'DMP-Justification': percent('Patient inconscient, suspicion d’allergie'),
    'DMP-Patient-Family': percent('Lefèvre'),
    'DMP-Patient-Given': percent('ZOÉ'),
    'DMP-Patient-Birthdate': '1985-03-02',
    ...changes,
  };

  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${value}`);
}

const giraud = { card: 'old-cps' };
const breaking = (changes) => ({ ...giraud, headers: glass(changes) });

/* The same, when they have been shown: from a file. */
const GLASS = 'glass.headers';
const again = { ...giraud, headers: [`@${GLASS}`] };

const NOT_AUTHORISED = 'The patient has not authorised you to consult this record.';

/* --------------------------------------------------------- Samu-Centre 15 */

async function find() {
  tell('She has no more than what the bystander tells her, and asks who that is:');

  const found = ask('Patient?family=Martin&given=Jeanne&birthdate=1985-03-02',
                    { card: 'regulator', to: 'centre15' });
  const patients = (found.json?.entry ?? []).map((entry) => entry.resource);

  quietly(found.status === 200, 'the question is answered', found.body);
  showJson({
    resourceType: found.json.resourceType,
    entry: patients.map((p) => ({ resource: {
      resourceType: p.resourceType,
      identifier: p.identifier.map(({ value }) => ({ value })),
      name: p.name, birthDate: p.birthDate,
    } })),
  });

  const entry = await allowed(found, 'centre-15');

  must(patients.length === 1 && patients[0].identifier[0].value === INS,
       'One record has these traits, exactly, and here is its health number. The record host was ' +
       'not even asked.', patients);
  nothingReached(found);
  must(!/martin|jeanne|1985-03/i.test(entry.raw),
       'The exclamation mark in the trace: an emergency. The name she was looked for by is not ' +
       'in it.', entry.raw);

  return entry;
}

async function regulated() {
  tell('With the number she searches, and opens the summary that Dr Petit has written:');

  const search = ask(SEARCH, { card: 'regulator', to: 'centre15' });

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  showDocuments(search);
  await allowed(search, 'centre-15');
  must(names(search, SUMMARY) && !search.body.includes(PSYCHIATRY) &&
       !search.body.includes(ULTRASOUND),
       'No authorisation, no justification, and all documents but the two that are masked.',
       documentsOf(search).map(({ id }) => id));

  const read = ask(`DocumentReference/${SUMMARY}`, { card: 'regulator', to: 'centre15' });
  const attachment = read.json?.content?.[0]?.attachment;

  await allowed(read, 'centre-15');

  const summary = ask(`Bundle/${SUMMARY}`, { card: 'regulator', to: 'centre15' });
  const section = summary.json?.entry?.map((e) => e.resource)
    .find((r) => r.resourceType === 'Composition')?.section?.[0];

  quietly(attachment?.url.endsWith(`Bundle/${SUMMARY}`) && section,
          'the summary is read', summary.body.slice(0, 300));
  showJson({ section: [{ title: section.title, text: { div: '…' } }] });
  await allowed(summary, 'centre-15');
  must(/hypertension/i.test(section.text.div),
       'Four requests after the call she knows of the hypertension, and sends the right team.');

  return documentsOf(search).length;
}

async function maskedInEmergencies(before) {
  tell(`That the team will not see what she has masked was Jeanne’s own answer to the third question.
    She thinks better of it later, and telephones the helpdesk: whoever saves her may see
    everything.`);
  await helpdesk('oppose', '--masked', 'yes');

  const search = ask(SEARCH, { card: 'regulator', to: 'centre15' });

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  await allowed(search, 'centre-15');
  must(documentsOf(search).length === before + 2 && names(search, PSYCHIATRY) &&
       names(search, ULTRASOUND),
       `Then there are ${before + 2} of them: the consultation in psychiatry and the ultrasound, too. ` +
       'In the normal mode they stay masked.', documentsOf(search).length);
}

export async function centre15() {
  tell(`A woman has collapsed at a tram stop. The bystander who calls 15 reads her name and birth date
    from a pass: nobody has her health number, or could ask her for an authorisation. The doctor who
    takes the call, Dr Agathe Samu, regulates for a centre 15. The centres have an access path of
    their own, here $SAMU; production gives it a name and an address of its own
    (conf/centre-15.conf).`);
  tell(`Two things came before. When her record was made Jeanne was asked three questions: may the
    centres 15 see it? May others break the glass? And may either see what is masked? The
    helpdesk enters her answers. (Later “…” stands for the options that are the same.)`);

  const change = await helpdesk('oppose', '--centre-15', 'yes', '--bris-de-glace', 'yes',
                                '--masked', 'no');

  quietly(change.body.change === 'oppose', 'the trace says which change', change.body);
  tell('And the operators registered the centre and its regulator, since no card says who regulates:');

  const lines = [
    { kind: 'structure', ids: [CENTRE], centre_15: true },
    { kind: 'person', ids: [SAMU], regulates: [CENTRE] },
  ];

  show(['', 'centre-15.jsonl:', ...lines.map((line) => JSON.stringify(line))]);
  importDirectory('centre-15.jsonl', lines);

  const first = await find();
  const before = await regulated();
  const outbox = outboxOf(first);
  const told = (await notices(outbox)).filter((n) => n.kind === 'emergency-access');

  must(told.length === 1 && told[0].entry === first.id,
       'One notice for Jeanne waits in the store: that there was an emergency access. Four ' +
       'requests of one call are not four messages.', told);

  await maskedInEmergencies(before);

  tell(`Dr Petit, whom Jeanne has authorised, tries that path as well. It would be convenient to look
    patients up by their names.`);

  const refusal = ask(SEARCH, { card: 'petit', to: 'centre15' });

  await refused(refusal, 403, 'not-regulator', 'This access is for the regulating doctors of the ' +
    'centres 15.');
  nothingReached(refusal);
}


/* ---------------------------------------------------------- bris de glace */

export async function bris() {
  tell(`The ambulance brings her to the emergency department. She is unconscious, her face swollen. Dr
    René Giraud, emergency physician, has found her health card. She has not authorised him.`);

  const plain = ask(SEARCH, giraud);

  await refused(plain, 403, 'not-authorised', NOT_AUTHORISED);
  must(hintOf(plain) === 'bris-de-glace',
       'And the refusal says what would open it: bris de glace, breaking the glass, for somebody ' +
       'who is in danger and cannot be asked.', plain.json);
  nothingReached(plain);

  tell('In a hurry he forgets to say why:');

  const silent = ask(SEARCH, breaking({ 'DMP-Justification': undefined }));

  await refused(silent, 403, 'justification-missing', 'Justify this access by bris de glace.');

  tell('Then he mistypes her birth date. It might be another patient’s health card:');

  const mistyped = ask(SEARCH, breaking({ 'DMP-Patient-Birthdate': '1958-03-02' }));

  await refused(mistyped, 403, 'traits-mismatch',
    'The name, the first name or the birth date are not those of the record.');
  must(!/1985-03|lef|jeanne|martin/i.test(mistyped.body.replace(/trace [0-9a-f-]+/, '')),
       'Which of the three it was, and what it should be, he is not told.');

  tell(`Her card has her birth name, Zoé Lefèvre, which he writes in his own way. Headers are plain
    ASCII, so that accents are percent-encoded.`);

  const search = ask(SEARCH, breaking());

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));

  const entry = await allowed(search, 'bris-de-glace');

  must(documentsOf(search).length === 13, 'The glass is broken: he sees 13 documents.',
       documentsOf(search).length);
  must(typeof entry.body.justification === 'string' &&
       !/inconscient|allergie|zoé|lef[eè]vre|jeanne/i.test(entry.raw.replace(entry.body.justification, '')),
       'His reason is in the trace, sealed: an auditor who has the key can read it, the owner of ' +
       'the store cannot. The name is not in it.', entry.body);

  tell('Jeanne is to know. Since he was refused last, two notices have come for her:');

  const outbox = outboxOf(entry);
  const behind = (await notices(outbox)).filter((n) => n.entry !== entry.id).at(-1).id;
  const told = await showNotices(outbox, behind);

  must(told.map((n) => n.kind).sort().join() === 'emergency-access,first-access' &&
       told.every((n) => n.entry === entry.id && n.patient === entry.body.patient),
       'That it was an emergency, and that he has never looked into her record before. Which ' +
       'record, by pseudonym, and which entry of the trace; no name, no address.', told);

  tell(`A moment later he opens the summary, with the same headers. (curl reads them from a file now,
    ${GLASS}.)`);
  keepHeaders(GLASS, glass());

  const read = ask(`DocumentReference/${SUMMARY}`, again);

  await allowed(read, 'bris-de-glace');

  const more = await notices(outbox, told.at(-1).id);

  must(more.length === 0,
       'That is in the trace like any other access, but no second message: once in a quarter of ' +
       'an hour is enough.', more);
}


/* ------------------------------------------------------------- opposition */

export async function opposition() {
  tell(`Jeanne is back home, and cross: she does not want that, not even then. The law lets her say so
    beforehand.`);
  await helpdesk('oppose', '--bris-de-glace', 'no');

  const broken = ask(SEARCH, again);

  await refused(broken, 403, 'emergency-opposed', 'The patient opposes this access in an emergency.');
  nothingReached(broken);

  const plain = ask(SEARCH, giraud);

  await refused(plain, 403, 'not-authorised', NOT_AUTHORISED);
  must(hintOf(plain) === undefined,
       'Nor does a refusal speak of bris de glace any more.', plain.json);

  tell('The centres 15 are another question, which she has answered otherwise:');

  const call = ask(SEARCH, { card: 'regulator', to: 'centre15' });

  quietly(call.status === 200, 'the search is answered', call.body.slice(0, 300));
  await allowed(call, 'centre-15');

  tell('She sleeps on it, and changes her mind once more.');
  await helpdesk('oppose', '--bris-de-glace', 'yes');

  const allowedNow = ask(SEARCH, again);

  quietly(allowedNow.status === 200, 'the search is answered', allowedNow.body.slice(0, 300));
  await allowed(allowedNow, 'bris-de-glace');
  must(documentsOf(allowedNow).length === 13,
       'It holds from the instant that dmpctl has said “done”.',
       documentsOf(allowedNow).length);
}


/* --------------------------------------------- rights, while they are used */

/* A change over the API: acknowledged, and what came into the trace. */
async function changed(method, right, card, json) {
  const answer = ask(`records/$INS/${right}`, { to: 'api', method, card, json });

  quietly(answer.status === 200 && answer.json, 'the change is acknowledged', answer.body);
  showJson(answer.json);

  const entry = await entryOf(answer);

  showEntry(entry);
  quietly(entry.body.kind === 'change' && entry.outcome === 'R',
          'the change is in the trace', entry);
  nothingReached(answer);

  return answer;
}

async function declared() {
  tell(`Back in his consultation Dr Giraud asks her whether he may follow her up, and she agrees. He
    declares it himself, as every professional may: “consent” is his word that she said so.`);
  await changed('PUT', `authorisations/${GIRAUD}`, 'old-cps', { consent: true });

  const search = ask(SEARCH, giraud);

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  await allowed(search, 'normal');
  must(documentsOf(search).length === 11,
       'He reads in the normal mode now: 11 documents, since what is masked is masked again.',
       documentsOf(search).length);
}

async function blockedByTreating() {
  tell(`Jeanne does not like how he treats her. She sits with Dr Petit, her treating physician, and asks
    him to keep Dr Giraud out. A treating physician may block at the patient’s request.`);
  await changed('PUT', `blocks/${GIRAUD}`, 'petit');

  tell('The very next request:');
  await refusedSearch('old-cps', 403, 'blocked',
    'The patient has blocked your access to this record.');

  tell('He breaks the glass:');

  const broken = ask(SEARCH, again);

  await refused(broken, 403, 'blocked', 'The patient has blocked your access to this record.');
  nothingReached(broken);
  must(hintOf(broken) === undefined, 'Blocked beats everything.', broken.json);

  tell('They make it up. Dr Petit takes the block away:');
  await changed('DELETE', `blocks/${GIRAUD}`, 'petit');

  const after = ask(SEARCH, giraud);

  await refused(after, 403, 'not-authorised', NOT_AUTHORISED);
  must(hintOf(after) === 'bris-de-glace',
       'Blocking had ended his authorisation, and unblocking does not restore it: she will be ' +
       'asked again.', after.json);
}

export async function rights() {
  tell(`Rights change while people work. Whatever a gateway has in mind, and however many there are:
    once a change is acknowledged, nothing that was decided before it leaves any more. That is why
    an acknowledgement takes a quarter of a second longer than it could. Professionals make their
    changes over the API, here $API; the helpdesk makes Dr Petit Jeanne’s treating physician.`);
  await helpdesk('designate', PETIT);
  await declared();
  await blockedByTreating();
}


/* ---------------------------------------------------------------- closing */

export async function closed() {
  tell('Jeanne wants no shared record any more. That is her right, too.');

  const change = await helpdesk('close');

  quietly(change.body.operation === 'close', 'the record is closed', change.body);
  await refusedSearch('petit', 403, 'record-closed', 'This record is closed.');
  tell('Nor is it for emergencies:');

  const call = ask(SEARCH, { card: 'regulator', to: 'centre15' });

  await refused(call, 403, 'record-closed', 'This record is closed.');
  nothingReached(call);

  tell('It is not destroyed for ten years, though, and she may have it reopened:');
  await helpdesk('reopen');

  const search = ask(SEARCH, { card: 'petit' });

  quietly(search.status === 200, 'the search is answered', search.body.slice(0, 300));
  await allowed(search, 'normal');
  must(names(search, SUMMARY) && (await lastChange()).body.operation === 'reopen',
       'Her treating physician sees her documents again: none was lost.');
}
