/*
 * seed.mjs FOLDER LARGEST DOCUMENTS AUTHORISATIONS COLD: what grows, below
 * FOLDER.  LARGEST is how many records the largest store holds; the two after
 * it are lists of numbers with commas, and COLD how many patients there are of
 * each number of authorisations.
 *
 *   www/                   what the record host serves
 *   records.jsonl          LARGEST records, one authorisation each
 *   main.jsonl             64 plain patients, one of each number of documents,
 *                          COLD and one of each number of authorisations
 *   directory.jsonl        where the doctor of the load practises
 *   plain-read, plain-check, warm                    targets, one a line
 *   read-N, page-N, whole-N                          of N documents
 *   hot-N, cold-N                                    of N authorisations
 *
 *   seed.mjs sample N COUNT SEED: COUNT targets of checks, drawn evenly from
 *   the first N records, to standard output.
 */

import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';

const INS = 'urn:oid:1.2.250.1.213.1.4.8';
const V3 = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const TRE_A07 = 'https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument'
  + '/FHIR/TRE-A07-StatutVisibiliteDocument';

const DOCTOR = '899700218896'; // "morel" of the test PKI
const AUTHOR = '899700314422'; // another: the doctor's own are never masked
const PAGE = 50;
const PLAIN = 64;

/* Patients of one kind share the first seven digits. */
const RECORDS = '2850398';
const DOCUMENTS = '2850397';
const HOT = '2850396';
const COLD = '2850395';
const OTHERS = '2850394';

function insOf(kind, n) {
  const digits = kind + String(n).padStart(6, '0');

  return digits + String(97 - (Number(digits) % 97)).padStart(2, '0');
}

const named = (ins) => `${INS}%7C${ins}`;
const checkOf = (ins) => `/fhir/Patient?identifier=${named(ins)}`;
const searchOf = (ins) => `/fhir/DocumentReference?patient.identifier=${named(ins)}&status=current`;
const lines = (list) => list.map((line) => `${line}\n`).join('');
const coding = (system, code, display) => ({ coding: [{ system, code, display }] });

/* 8, ten digits, and the one that makes the eleven after the 8 add up. */
function professional(n) {
  const digits = `10${String(n).padStart(8, '0')}`;
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 === 0 ? 2 : 1);

    return total + (value > 9 ? value - 9 : value);
  }, 0);

  return `8${digits}${(10 - (sum % 10)) % 10}`;
}

function authorised(count) {
  const entry = { since: '2023-01-05', until: '2099-01-01', by: 'patient' };
  const others = Array.from({ length: count - 1 }, (_, i) => [professional(i + 1), entry]);

  return Object.fromEntries([...others, [DOCTOR, entry]]);
}

/* Their names differ: no set of the store that leads to records grows. */
function recordOf(ins, count = 1) {
  const letters = [...ins.slice(0, 13)].map((d) => 'ABCDEFGHIJ'[d]).join('');

  return JSON.stringify({
    ins,
    status: 'open',
    opened_at: '2023-01-05T09:00:00Z',
    traits: { family: letters, given: 'Anne', birthdate: '1985-03-02', sex: 'F' },
    emergency: { bris_de_glace: true, centre_15: true, masked: false },
    authorisations: authorised(count),
  });
}

function documentOf(ins, id, masked) {
  return {
    resourceType: 'DocumentReference',
    id,
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

function bundleOf(documents, total, link) {
  return JSON.stringify({
    resourceType: 'Bundle',
    type: 'searchset',
    total,
    link,
    entry: documents.map((resource) => ({
      fullUrl: `DocumentReference/${resource.id}`,
      resource,
      search: { mode: 'match' },
    })),
  });
}

function readable(folder, ins, prefix) {
  writeFileSync(`${folder}/www/DocumentReference/${prefix}`,
    JSON.stringify(documentOf(ins, prefix, false)));

  return `/fhir/DocumentReference/${prefix}`;
}

/* A patient with COUNT documents, every tenth masked: whole, in pages, singly. */
function patientWith(folder, count, ins) {
  const documents = Array.from({ length: count },
    (_, i) => documentOf(ins, `d${count}-${i}`, i % 10 === 9));
  const query = `patient.identifier=${named(ins)}&status=current&_count=${PAGE}`;
  const linkTo = (relation, offset) =>
    ({ relation, url: `/fhir/DocumentReference?${query}&_offset=${offset}` });

  for (const document of documents) {
    writeFileSync(`${folder}/www/DocumentReference/${document.id}`, JSON.stringify(document));
  }

  writeFileSync(`${folder}/www/search/${ins}-all.json`, bundleOf(documents, count, []));

  for (let offset = 0; offset < count; offset += PAGE) {
    const more = offset + PAGE < count ? [linkTo('next', offset + PAGE)] : [];

    writeFileSync(`${folder}/www/search/${ins}-${offset}.json`,
      bundleOf(documents.slice(offset, offset + PAGE), count, more));
  }

  writeFileSync(`${folder}/read-${count}`, lines(documents
    .filter((_, i) => i % 10 !== 9).map(({ id }) => `/fhir/DocumentReference/${id}`)));
  writeFileSync(`${folder}/page-${count}`, lines([`${searchOf(ins)}&_count=${PAGE}`]));
  writeFileSync(`${folder}/whole-${count}`, lines([searchOf(ins)]));
}

/* Many at a time, and few enough that a million do not fill the memory. */
function writeRecords(file, count) {
  const out = openSync(file, 'w');

  for (let begun = 0; begun < count; begun += 10000) {
    const part = Array.from({ length: Math.min(10000, count - begun) },
      (_, i) => recordOf(insOf(RECORDS, begun + i)));

    writeSync(out, lines(part));
  }

  closeSync(out);
}

function numbers(text) {
  const list = text.split(',').map(Number);

  if (list.some((n) => !Number.isSafeInteger(n) || n < 1 || n > 10000)) {
    throw new Error(`seed: "${text}" is not a list of numbers from 1 to 10000`);
  }

  return list;
}

function seed(folder, largest, documentsText, authorisationsText, coldText) {
  const cold = Number(coldText);
  const main = [];

  mkdirSync(`${folder}/www/DocumentReference`, { recursive: true });
  mkdirSync(`${folder}/www/search`, { recursive: true });
  writeRecords(`${folder}/records.jsonl`, Number(largest));

  const plain = Array.from({ length: PLAIN }, (_, i) => insOf(OTHERS, i + 1));

  plain.forEach((ins) => main.push(recordOf(ins)));
  writeFileSync(`${folder}/plain-read`,
    lines(plain.map((ins, i) => readable(folder, ins, `plain-${i + 1}`))));
  writeFileSync(`${folder}/plain-check`, lines(plain.map(checkOf)));
  writeFileSync(`${folder}/warm`, lines([checkOf(plain[0])]));

  numbers(documentsText).forEach((count, i) => {
    const ins = insOf(DOCUMENTS, i + 1);

    main.push(recordOf(ins));
    patientWith(folder, count, ins);
  });

  numbers(authorisationsText).forEach((count, i) => {
    const hot = insOf(HOT, i + 1);
    const all = Array.from({ length: cold }, (_, k) => insOf(COLD, i * cold + k + 1));

    main.push(recordOf(hot, count), ...all.map((ins) => recordOf(ins, count)));
    writeFileSync(`${folder}/hot-${count}`, lines([checkOf(hot)]));
    writeFileSync(`${folder}/cold-${count}`, lines(all.map(checkOf)));
  });

  writeFileSync(`${folder}/main.jsonl`, lines(main));
  writeFileSync(`${folder}/directory.jsonl`, lines([JSON.stringify({
    kind: 'person',
    ids: [DOCTOR],
    practices: [{
      profession: ['1.2.250.1.71.1.2.7', '10'],
      sector: ['1.2.250.1.71.4.2.4', 'SA07'],
      specialty: ['1.2.250.1.71.4.2.5', 'SM26'],
    }],
  })]));
}

/* The same draw for the same seed: a linear congruence is even enough. */
function sample(n, count, seedText) {
  let state = BigInt(seedText) * 2654435761n + 12345n;

  for (let i = 0; i < count; i += 1) {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    console.log(checkOf(insOf(RECORDS, Number((state >> 33n) % BigInt(n)))));
  }
}

const [first, ...rest] = process.argv.slice(2);

if (first === 'sample') {
  sample(...rest.map(Number));

} else {
  seed(first, ...rest);
}
