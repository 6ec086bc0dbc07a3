/*
 * Writes seed/*.ndjson: the records of four fictitious patients, one file
 * each.  Run it after a change here; its output is the same each time.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const INS = 'urn:oid:1.2.250.1.213.1.4.8';
const PS_IDNAT = 'urn:oid:1.2.250.1.71.4.2.1';
const STRUCT_IDNAT = 'urn:oid:1.2.250.1.71.4.2.2';
const NOS = 'https://mos.esante.gouv.fr/NOS';
const LOINC = 'http://loinc.org';
const TRE_A03 = `${NOS}/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument`;
const TRE_A05 =
  `${NOS}/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire`;
const TRE_A07 =
  `${NOS}/TRE_A07-StatutVisibiliteDocument/FHIR/TRE-A07-StatutVisibiliteDocument`;
const V3 = 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality';
const ARCHIVED =
  'https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition/pdsm-ext-is-archived';
const SOURCE_PATIENT =
  'https://profiles.ihe.net/ITI/MHD/StructureDefinition/ihe-sourcePatientId';
const LIST_TYPES = 'https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes';

/* Invented people; the RPPS numbers are of the 997 range kept for tests. */
const AUTHORS = {
  morel: ['899700218896', 'MOREL', 'Claire'],
  petit: ['899700314422', 'PETIT', 'Hugo'],
  roux: ['899700451273', 'ROUX', 'Sophie'],
  leroy: ['899700588637', 'LEROY', 'Marc'],
  faure: ['899700610944', 'FAURE', 'Nadia'],
};

const STRUCTURES = {
  chu: ['1750712184', 'CHU DE TEST'],
  labo: ['1760021832', 'LABORATOIRE DE TEST'],
};

const CLASSES = {
  10: 'Compte rendu',
  11: 'Synthèse',
  31: 'Imagerie médicale',
  42: 'Prescription',
  43: 'Dispensation',
  44: 'Plan de soins, protocole de soins',
  52: 'Certificat, déclaration',
  90: 'Autres documents déposés par le patient',
  95: 'Document de gestion',
};

const TYPES = {
  consultation: [LOINC, '11488-4', 10, 'CR ou fiche de consultation'],
  biologie: [LOINC, '11502-2', 10, "CR d'examens biologiques"],
  anapath: [LOINC, '11526-1', 10, "CR d'anatomie pathologique"],
  operatoire: [LOINC, '34874-8', 10, 'CR opératoire'],
  hospitalisation: [LOINC, '34112-3', 10, 'CR hospitalier'],
  sortie: [LOINC, '34133-9', 11, "Lettre de liaison à la sortie d'hospitalisation"],
  synthese: [LOINC, '60591-5', 11, 'Synthèse médicale'],
  imagerie: [LOINC, '18748-4', 31, "CR d'imagerie médicale"],
  ordonnance: [LOINC, '57833-6', 42, 'Prescription de médicaments'],
  kine: [TRE_A05, 'PRESC-KINE', 42, 'Prescription de kinésithérapie'],
  bio: [TRE_A05, 'PRESC-BIO', 42, "Prescription d'examens de biologie"],
  dispensation: [LOINC, '60593-1', 43, 'Dispensation médicamenteuse'],
  ald: [TRE_A05, 'PROT_ALD', 44, 'Protocole de soins ALD'],
  vaccination: [LOINC, '87273-9', 52, 'Note de vaccination'],
  certificat: [TRE_A05, 'CERT_DECL', 52, 'Certificat, déclaration'],
  patient: [TRE_A05, 'EXPPAT_1', 90, 'Document déposé par le patient'],
  droits: [TRE_A05, 'ATTEST-DROITS-AM', 95, "Attestation de droits à l'assurance maladie"],
};

const LABELS = {
  N: [V3, 'Normal'],
  R: [V3, 'Restreint'],
  MASQUE_PS: [TRE_A07, 'Masqué aux professionnels de santé'],
  INVISIBLE_PATIENT: [TRE_A07, 'Document non visible par le patient'],
  INVISIBLE_REPRESENTANTS_LEGAUX: [
    TRE_A07, 'Non visible par les représentants légaux',
  ],
};

/*
 * [id, type, author, day, title, {labels, structure, literal, status,
 *  replaces, archived}]; labels default to N.  "literal" subjects point at the
 * stored Patient, the others name the INS.
 */
const RECORDS = {
  martin: {
    ins: '285037512000151', family: 'MARTIN', given: 'Jeanne',
    gender: 'female', birthDate: '1985-03-02',
    documents: [
      ['consultation-1', 'consultation', 'petit', '2024-01-15', 'Consultation de médecine générale'],
      ['consultation-2', 'consultation', 'morel', '2024-06-03', 'Consultation, suivi de tension'],
      ['consultation-3', 'consultation', 'roux', '2025-02-11', 'Consultation de cardiologie'],
      ['ordonnance-1', 'ordonnance', 'petit', '2024-01-15', 'Ordonnance de médicaments'],
      ['ordonnance-2', 'ordonnance', 'morel', '2024-06-03', 'Renouvellement de traitement'],
      ['biologie-1', 'biologie', 'leroy', '2024-01-22', 'Bilan sanguin', { structure: 'labo' }],
      ['biologie-2', 'biologie', 'leroy', '2025-02-18', 'Bilan lipidique', { structure: 'labo', literal: true }],
      ['imagerie-1', 'imagerie', 'roux', '2025-02-20', 'Échographie cardiaque', { structure: 'chu' }],
      ['hospitalisation', 'sortie', 'roux', '2025-03-09', 'Lettre de liaison, cardiologie', { structure: 'chu', literal: true }],
      ['vaccination', 'vaccination', 'petit', '2024-10-21', 'Vaccination antigrippale'],
      ['synthese', 'synthese', 'petit', '2025-04-02', 'Volet de synthèse médicale'],
      ['psychiatrie', 'consultation', 'morel', '2024-11-28', 'Consultation de psychiatrie', { labels: ['MASQUE_PS'] }],
    ],
  },
  durand: {
    ins: '172066912304538', family: 'DURAND', given: 'Paul',
    gender: 'male', birthDate: '1972-06-19',
    documents: [
      ['consultation-1', 'consultation', 'morel', '2023-09-04', 'Consultation', { status: 'superseded' }],
      ['consultation-2', 'consultation', 'morel', '2023-09-05', 'Consultation, version corrigée', { replaces: 'consultation-1' }],
      ['ordonnance-1', 'ordonnance', 'morel', '2023-09-05', 'Ordonnance, diabète'],
      ['biologie-1', 'biologie', 'leroy', '2023-09-12', 'HbA1c', { structure: 'labo' }],
      ['ald', 'ald', 'morel', '2023-10-02', 'Protocole de soins ALD 8'],
      ['operatoire', 'operatoire', 'roux', '2024-05-14', 'Compte rendu opératoire', { structure: 'chu', literal: true }],
      ['anapath', 'anapath', 'leroy', '2024-05-21', 'Anatomie pathologique', { structure: 'labo', labels: ['INVISIBLE_PATIENT'] }],
      ['sortie', 'sortie', 'roux', '2024-05-18', 'Lettre de liaison', { structure: 'chu' }],
      ['dispensation', 'dispensation', 'faure', '2024-05-19', 'Dispensation en pharmacie'],
      ['addictologie', 'consultation', 'petit', '2024-08-30', "Consultation d'addictologie", { labels: ['MASQUE_PS'] }],
    ],
  },
  bernard: {
    ins: '291113306311296', family: 'BERNARD', given: 'Lucie',
    gender: 'female', birthDate: '1991-11-07',
    documents: [
      ['consultation-1', 'consultation', 'petit', '2024-02-06', 'Consultation', { literal: true }],
      ['consultation-2', 'consultation', 'leroy', '2024-12-17', 'Consultation', { labels: ['R'] }],
      ['ordonnance-1', 'ordonnance', 'petit', '2024-02-06', 'Ordonnance de médicaments'],
      ['kine', 'kine', 'petit', '2024-02-06', 'Prescription de kinésithérapie'],
      ['bio', 'bio', 'leroy', '2024-12-17', 'Prescription de biologie'],
      ['biologie-1', 'biologie', 'leroy', '2024-12-20', 'Bilan martial', { structure: 'labo', labels: [] }],
      ['certificat', 'certificat', 'petit', '2023-06-12', 'Certificat de sport', { archived: true }],
      ['gynecologie', 'consultation', 'roux', '2024-07-08', 'Consultation de gynécologie', { labels: ['MASQUE_PS'] }],
      ['note', 'patient', null, '2024-09-01', 'Mes directives'],
      ['droits', 'droits', null, '2024-01-01', 'Attestation de droits'],
    ],
  },
  paoli: {
    ins: '168112A00405781', family: 'PAOLI', given: 'Ange',
    gender: 'male', birthDate: '1968-11-23',
    documents: [
      ['consultation-1', 'consultation', 'leroy', '2024-03-11', 'Consultation'],
      ['consultation-2', 'consultation', 'morel', '2025-01-27', 'Consultation de médecine du voyage'],
      ['ordonnance-1', 'ordonnance', 'leroy', '2024-03-11', 'Ordonnance de médicaments', { literal: true }],
      ['imagerie-1', 'imagerie', 'roux', '2024-03-25', 'Radiographie du thorax', { structure: 'chu' }],
      ['hospitalisation', 'hospitalisation', 'roux', '2024-04-02', 'Compte rendu hospitalier', { structure: 'chu' }],
      ['synthese', 'synthese', 'leroy', '2024-06-10', 'Volet de synthèse médicale'],
      ['vih', 'biologie', 'leroy', '2024-06-17', 'Sérologie', { structure: 'labo', labels: ['N', 'MASQUE_PS'] }],
      ['adolescence', 'consultation', 'petit', '2024-09-09', 'Consultation', { labels: ['INVISIBLE_REPRESENTANTS_LEGAUX'] }],
      ['vaccination', 'vaccination', 'faure', '2025-01-28', 'Vaccination en pharmacie'],
    ],
  },
};

/* Submission sets: one holds the masked document, which its entry names. */
const LOTS = [
  ['martin', 'lot-1', 'petit', '2024-01-15', ['consultation-1', 'ordonnance-1']],
  ['martin', 'lot-2', 'morel', '2024-11-28', ['psychiatrie']],
  ['durand', 'lot-1', 'morel', '2023-09-05', ['consultation-2', 'ordonnance-1']],
  ['bernard', 'lot-1', 'petit', '2024-02-06', ['consultation-1', 'ordonnance-1', 'kine']],
  ['paoli', 'lot-1', 'leroy', '2024-03-11', ['consultation-1', 'ordonnance-1']],
];

function checkInsKey(ins) {
  const digits = ins.slice(0, 13).replace('2A', '19').replace('2B', '18');
  const key = 97 - (Number(digits) % 97);

  if (key !== Number(ins.slice(13))) {
    throw new Error(`INS ${ins}: its key should be ${key}`);
  }
}

/* A one-page PDF that viewers open; latin1, as its standard font reads it. */
function pdf(line) {
  const text = line.replace(/[\\()]/g, '\\$&');
  const stream = `BT /F1 14 Tf 60 780 Td (${text}) Tj ET`;
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
    '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R' +
      ' /Resources << /Font << /F1 5 0 R >> >> >>',
    `<< /Length ${stream.length} >>\nstream\n${stream}\nendstream`,
    '<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica' +
      ' /Encoding /WinAnsiEncoding >>',
  ];

  let out = '%PDF-1.4\n';
  const offsets = objects.map((body, i) => {
    const at = out.length;
    out += `${i + 1} 0 obj\n${body}\nendobj\n`;
    return String(at).padStart(10, '0');
  });
  const xref = out.length;

  out += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  out += offsets.map((at) => `${at} 00000 n \n`).join('');
  out += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\n`;
  out += `startxref\n${xref}\n%%EOF\n`;

  return Buffer.from(out, 'latin1');
}

function practitioner(name) {
  const [id, family, given] = AUTHORS[name];

  return {
    resourceType: 'Practitioner',
    id: 'author',
    identifier: [
      { system: PS_IDNAT, value: id },
      { system: 'https://rpps.esante.gouv.fr', value: id.slice(1) },
    ],
    name: [{ family, given: [given] }],
  };
}

function sourcePatient(patient) {
  return {
    resourceType: 'Patient',
    id: 'source-patient',
    identifier: [{ system: INS, value: patient.ins }],
  };
}

function subject(who, patient, literal) {
  return {
    reference: literal ? `Patient/${who}`
                       : `Patient?identifier=${INS}|${patient.ins}`,
  };
}

/* What the patient or the insurer deposited has no health worker as author. */
function contained(patient, author, structure) {
  const resources = [sourcePatient(patient)];

  if (author) {
    resources.push(practitioner(author));
  } else {
    resources.push({ ...sourcePatient(patient), id: 'author' });
  }

  if (structure) {
    const [id, name] = STRUCTURES[structure];

    resources.push({
      resourceType: 'Organization',
      id: 'structure',
      identifier: [{ system: STRUCT_IDNAT, value: id }],
      name,
    });
  }

  return resources;
}

function documentOf(who, patient, patientNo, row, no) {
  const [name, type, author, day, title, options = {}] = row;
  const { labels = ['N'], structure, literal, status = 'current' } = options;
  const [system, code, classCode, display] = TYPES[type];
  const id = `${who}-${name}`;
  const date = `${day}T10:30:00+01:00`;
  const data = pdf(`${title} - ${patient.given} ${patient.family} - ${day}`);

  const document = {
    resourceType: 'DocumentReference',
    id,
    meta: { versionId: '1', lastUpdated: `${day}T10:00:00.000Z` },
    contained: contained(patient, author, structure),
    extension: [{ url: ARCHIVED, valueBoolean: options.archived === true }],
    masterIdentifier: {
      system: 'urn:ietf:rfc:3986',
      value: `urn:oid:1.2.250.1.213.1.4.8.99999.${patientNo}.${no}`,
    },
    status,
    type: { coding: [{ system, code, display }] },
    category: [
      {
        coding: [
          {
            system: TRE_A03,
            code: String(classCode),
            display: CLASSES[classCode],
          },
        ],
      },
    ],
    subject: subject(who, patient, literal),
    date,
    author: [
      { reference: '#author' },
      ...(structure ? [{ reference: '#structure' }] : []),
    ],
    authenticator: { reference: '#author' },
    ...(structure && { custodian: { reference: '#structure' } }),
    ...(options.replaces && {
      relatesTo: [
        {
          code: 'replaces',
          target: { reference: `DocumentReference/${who}-${options.replaces}` },
        },
      ],
    }),
    description: title,
    ...(labels.length && {
      securityLabel: labels.map((label) => ({
        coding: [
          { system: LABELS[label][0], code: label, display: LABELS[label][1] },
        ],
      })),
    }),
    content: [
      {
        attachment: {
          contentType: 'application/pdf',
          language: 'fr-FR',
          url: `Binary/${id}`,
          size: data.length,
          hash: createHash('sha1').update(data).digest('base64'),
          title,
          creation: date,
        },
        format: {
          system: 'http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode',
          code: 'urn:ihe:iti:xds-sd:pdf:2008',
        },
      },
    ],
    context: {
      period: { start: `${day}T09:00:00+01:00`, end: date },
      facilityType: {
        coding: [
          {
            system: `${NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite`,
            code: structure === 'chu' ? 'SA01' : 'SA07',
          },
        ],
      },
      practiceSetting: {
        coding: [
          {
            system: `${NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice`,
            code: structure === 'chu' ? 'ETABLISSEMENT' : 'AMBULATOIRE',
          },
        ],
      },
      sourcePatientInfo: { reference: '#source-patient' },
    },
  };

  const binary = {
    resourceType: 'Binary',
    id,
    meta: document.meta,
    contentType: 'application/pdf',
    data: data.toString('base64'),
  };

  return [document, binary];
}

function submissionSet([who, name, author, day, documents], no) {
  const patient = RECORDS[who];

  return {
    resourceType: 'List',
    id: `${who}-${name}`,
    meta: { versionId: '1', lastUpdated: `${day}T10:00:00.000Z` },
    contained: contained(patient, author),
    extension: [
      { url: SOURCE_PATIENT, valueReference: { reference: '#source-patient' } },
    ],
    identifier: [
      {
        use: 'official',
        system: 'urn:ietf:rfc:3986',
        value: `urn:oid:1.2.250.1.213.1.4.8.99999.90.${no}`,
      },
    ],
    status: 'current',
    mode: 'working',
    code: { coding: [{ system: LIST_TYPES, code: 'submissionset' }] },
    subject: subject(who, patient),
    date: `${day}T10:30:00+01:00`,
    source: { reference: '#author' },
    entry: documents.map((d) => ({
      item: { reference: `DocumentReference/${who}-${d}` },
    })),
  };
}

const folder = fileURLToPath(new URL('seed/', import.meta.url));

mkdirSync(folder, { recursive: true });

for (const [index, [who, patient]] of Object.entries(RECORDS).entries()) {
  checkInsKey(patient.ins);

  const resources = [
    {
      resourceType: 'Patient',
      id: who,
      meta: { versionId: '1', lastUpdated: '2023-01-01T00:00:00.000Z' },
      identifier: [{ use: 'official', system: INS, value: patient.ins }],
      active: true,
      name: [{ use: 'official', family: patient.family, given: [patient.given] }],
      gender: patient.gender,
      birthDate: patient.birthDate,
    },
    ...patient.documents.flatMap((row, i) =>
      documentOf(who, patient, index + 1, row, i + 1)
    ),
    ...LOTS.map((lot, i) => [lot, i + 1])
      .filter(([lot]) => lot[0] === who)
      .map(([lot, no]) => submissionSet(lot, no)),
  ];

  writeFileSync(
    `${folder}${who}.ndjson`,
    resources.map((r) => `${JSON.stringify(r)}\n`).join('')
  );
}
