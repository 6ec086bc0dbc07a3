/*
 * seed.mjs FOLDER [N]: writes what the benchmark serves and asks for, below
 * the folder:
 *
 *   www/DocumentReference/ID   documents, one of each of 64 patients, 2 kB
 *   www/search.json            a search answer of 50 entries, 73 kB, of the
 *                              first patient; a third is masked
 *   www/search-cut             the same without those that are masked
 *   records.jsonl              the records of the patients: all authorise
 *                              the doctor whose certificate the load shows,
 *                              but the last
 *   directory.jsonl            where that doctor practises
 *   read, search, check        targets of the requests, one a line
 *   cut                        that of the search answer which is cut already
 *   refused                    a document that the doctor may not read
 *   many.jsonl, many           N more records, and a check of each
 *   guard.redis                what the peers in Lua ask their store, as
 *                              commands for redis-cli
 *   lua.header, …              the header that they know the doctor by
 */

import { mkdirSync, writeFileSync } from 'node:fs';

const INS = 'urn:oid:1.2.250.1.213.1.4.8';
const V3 = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const NOS = 'https://mos.esante.gouv.fr/NOS';
const TRE_A03 = `${NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument`;
const TRE_A07 =
  `${NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument`;
const PDSM = 'https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition';

const DOCTOR = '899700218896'; // "morel" of the test PKI
const AUTHOR = '899700314422'; // another: the doctor's own are never masked
const PATIENTS = 64;
const ENTRIES = 50;

const [folder, many = '0'] = process.argv.slice(2);

function insOf(n) {
  const digits = `2850399${String(n).padStart(6, '0')}`;

  return digits + String(97 - (Number(digits) % 97)).padStart(2, '0');
}

const coding = (system, code, display) => ({ coding: [{ system, code, display }] });

function documentOf(ins, id, masked) {
  return {
    resourceType: 'DocumentReference',
    id,
    meta: { profile: [`${PDSM}/pdsm-comprehensive-document-reference`] },
    contained: [
      {
        resourceType: 'Patient',
        id: 'source-patient',
        identifier: [{ system: INS, value: ins }],
      },
      {
        resourceType: 'Practitioner',
        id: 'author',
        identifier: [{ system: 'urn:oid:1.2.250.1.71.4.2.1', value: AUTHOR }],
        name: [{ family: 'PETIT', given: ['Hugo'] }],
      },
    ],
    masterIdentifier: { system: 'urn:ietf:rfc:3986', value: `urn:oid:1.2.3.${id}` },
    status: 'current',
    type: coding('http://loinc.org', '11488-4', 'CR ou fiche de consultation'),
    subject: { reference: `Patient?identifier=${INS}|${ins}` },
    date: '2024-11-20T10:30:00+01:00',
    author: [{ reference: '#author' }],
    description: 'Compte rendu de consultation, suivi de tension',
    securityLabel: [
      masked
        ? coding(TRE_A07, 'MASQUE_PS', 'Masqué aux professionnels de santé')
        : coding(V3, 'N', 'Normal'),
    ],
    content: [
      {
        attachment: {
          contentType: 'application/pdf',
          language: 'fr-FR',
          url: `Binary/${id}`,
          size: 128,
          hash: 'A/hMRrv6Y15BjSM8kMLidrz+mHc=',
          title: 'Compte rendu de consultation',
          creation: '2024-11-20T10:30:00+01:00',
        },
      },
    ],
    context: { sourcePatientInfo: { reference: '#source-patient' } },
  };
}

/* What a complete document has more: the search answer keeps to 73 kB. */
function complete(document) {
  const context = {
    period: { start: '2024-11-20T09:00:00+01:00', end: '2024-11-20T10:00:00+01:00' },
    facilityType: coding(`${NOS}/TRE_R02-SecteurActivite`, 'SA07', 'Cabinet'),
    practiceSetting: coding(`${NOS}/TRE_A01-CadreExercice`, 'AMBULATOIRE', 'Ambulatoire'),
    ...document.context,
  };

  return {
    ...document,
    category: [coding(TRE_A03, '10', 'Compte rendu')],
    authenticator: { reference: '#author' },
    context,
  };
}

function recordOf(ins, authorised) {
  return {
    ins,
    status: 'open',
    opened_at: '2023-01-05T09:00:00Z',
    traits: { family: 'MARTIN', given: 'Anne', birthdate: '1985-03-02', sex: 'F' },
    emergency: { bris_de_glace: true, centre_15: true, masked: false },
    authorisations: authorised
      ? { [DOCTOR]: { since: '2023-01-05', until: '2099-01-01', by: 'patient' } } : {},
  };
}

function professionalOf(id) {
  const practice = {
    profession: ['1.2.250.1.71.1.2.7', '10'],
    sector: ['1.2.250.1.71.4.2.4', 'SA07'],
    specialty: ['1.2.250.1.71.4.2.5', 'SM26'],
  };

  return { kind: 'person', ids: [id], practices: [practice] };
}

const lines = (list) => list.map((line) => `${line}\n`).join('');
const patients = Array.from({ length: PATIENTS }, (_, i) => insOf(i + 1));
const stranger = insOf(PATIENTS + 1);
const named = (ins) => `${INS}%7C${ins}`;

mkdirSync(`${folder}/www/DocumentReference`, { recursive: true });

[...patients, stranger].forEach((ins, i) => {
  const id = `document-${i + 1}`;

  writeFileSync(
    `${folder}/www/DocumentReference/${id}`,
    JSON.stringify(complete(documentOf(ins, id, false)))
  );
});

const isMasked = (i) => i % 3 === 0;
const entries = Array.from({ length: ENTRIES }, (_, i) => ({
  fullUrl: `DocumentReference/document-${i + 100}`,
  resource: documentOf(patients[0], `document-${i + 100}`, isMasked(i)),
  search: { mode: 'match' },
}));
const bundleOf = (entry) => JSON.stringify({
  resourceType: 'Bundle', type: 'searchset', total: entry.length, entry,
});

writeFileSync(`${folder}/www/search.json`, bundleOf(entries));
writeFileSync(`${folder}/www/search-cut`,
  bundleOf(entries.filter((_, i) => !isMasked(i))));

writeFileSync(`${folder}/records.jsonl`, lines(
  [...patients, stranger].map((ins) => JSON.stringify(recordOf(ins, ins !== stranger)))
));
writeFileSync(`${folder}/directory.jsonl`,
  lines([JSON.stringify(professionalOf(DOCTOR))]));
writeFileSync(`${folder}/read`,
  lines(patients.map((_, i) => `/fhir/DocumentReference/document-${i + 1}`)));
writeFileSync(`${folder}/search`,
  lines([`/fhir/DocumentReference?patient.identifier=${named(patients[0])}&status=current`]));
writeFileSync(`${folder}/check`,
  lines(patients.map((ins) => `/fhir/Patient?identifier=${named(ins)}`)));
writeFileSync(`${folder}/cut`, lines(['/fhir/search-cut']));
writeFileSync(`${folder}/refused`,
  lines([`/fhir/DocumentReference/document-${PATIENTS + 1}`]));

const more = Array.from({ length: Number(many) }, (_, i) => insOf(1000 + i));

writeFileSync(`${folder}/many.jsonl`,
  lines(more.map((ins) => JSON.stringify(recordOf(ins, true)))));
writeFileSync(`${folder}/many`,
  lines(more.map((ins) => `/fhir/Patient?identifier=${named(ins)}`)));

/*
 * The peers in Lua: the same patients, and two more documents that a guard
 * which decides must refuse: of a patient who has blocked the doctor, and of a
 * type that is not for doctors.
 */
const SESSION = '6f1d0c3a9be84752a1c05d3e7f264b98';
const UNTIL = 4070908800; // 2099-01-01
const TYPE = '11488-4';

const matrix = {
  doctor: ['any', TYPE, '11490-0', '18842-5', '34133-9', '57133-1', '60591-5'],
  pharmacist: ['any', '57833-6', '60591-5'],
  nurse: ['any', '34133-9', '60591-5'],
};

const commands = [
  `HSET session:${SESSION} professional ${DOCTOR} role doctor`,
  ...Object.entries(matrix).flatMap(([role, types]) =>
    types.map((type) => `HSET matrix ${role}:${type} read,search`)),
  ...[...patients, stranger].map((ins, i) =>
    `HSET document:document-${i + 1} patient ${ins} type ${TYPE}`),
  ...patients.map((ins) => `HSET consent:${ins} ${DOCTOR} ${UNTIL}`),
  ...patients.map((ins) => `SADD blocked:${ins} ${AUTHOR}`),
  `HSET document:blocked patient ${insOf(PATIENTS + 2)} type ${TYPE}`,
  `HSET consent:${insOf(PATIENTS + 2)} ${DOCTOR} ${UNTIL}`,
  `SADD blocked:${insOf(PATIENTS + 2)} ${DOCTOR}`,
  `HSET document:other-type patient ${patients[0]} type 57833-6`,
];

writeFileSync(`${folder}/guard.redis`, lines(commands));

for (const peer of ['lua', 'piped', 'cerbos']) {
  writeFileSync(`${folder}/${peer}.header`, `Cookie: session=${SESSION}`);
}
