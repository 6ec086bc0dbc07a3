/*
 * Writes seed/*.ndjson: the records of four fictitious patients, one file
 * each.  Run it after a change here; its output is the same each time.
 */

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { pdf, scan, scanMark } from './pdf.mjs';

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
const IHE_FORMAT =
  'http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode';

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
 *  replaces, archived, content, absolute}]; labels default to N.  "literal"
 * subjects point at the stored Patient, the others name the INS.  "content" is
 * of CONTENTS, a PDF by default; "absolute": its address has the host's base.
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
      ['biologie-2', 'biologie', 'leroy', '2025-02-18', 'Bilan lipidique', { structure: 'labo', literal: true, absolute: true }],
      ['imagerie-1', 'imagerie', 'roux', '2025-02-20', 'Échographie cardiaque', { structure: 'chu', content: 'scan' }],
      ['hospitalisation', 'sortie', 'roux', '2025-03-09', 'Lettre de liaison, cardiologie', { structure: 'chu', literal: true, content: 'cda' }],
      ['vaccination', 'vaccination', 'petit', '2024-10-21', 'Vaccination antigrippale', { content: 'inline' }],
      ['synthese', 'synthese', 'petit', '2025-04-02', 'Volet de synthèse médicale', { content: 'document' }],
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
      ['sortie', 'sortie', 'roux', '2024-05-18', 'Lettre de liaison', { structure: 'chu', absolute: true }],
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

/*
 * Submission sets and folders: some hold a masked document, which an entry
 * names.
 */
const LOTS = [
  ['martin', 'lot-1', 'petit', '2024-01-15', ['consultation-1', 'ordonnance-1']],
  ['martin', 'lot-2', 'morel', '2024-11-28', ['psychiatrie']],
  ['durand', 'lot-1', 'morel', '2023-09-05', ['consultation-2', 'ordonnance-1']],
  ['bernard', 'lot-1', 'petit', '2024-02-06', ['consultation-1', 'ordonnance-1', 'kine']],
  ['paoli', 'lot-1', 'leroy', '2024-03-11', ['consultation-1', 'ordonnance-1']],
  ['martin', 'dossier-1', 'roux', '2025-03-09', ['consultation-3', 'imagerie-1', 'hospitalisation'], 'folder'],
  ['durand', 'lot-2', 'petit', '2024-08-30', ['addictologie']],
  ['durand', 'dossier-1', 'morel', '2024-08-30', ['ald', 'addictologie'], 'folder'],
];

function checkInsKey(ins) {
  const digits = ins.slice(0, 13).replace('2A', '19').replace('2B', '18');
  const key = 97 - (Number(digits) % 97);

  if (key !== Number(ins.slice(13))) {
    throw new Error(`INS ${ins}: its key should be ${key}`);
  }
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

const patientOf = (who, patient) => ({
  resourceType: 'Patient',
  id: who,
  meta: { versionId: '1', lastUpdated: '2023-01-01T00:00:00.000Z' },
  identifier: [{ use: 'official', system: INS, value: patient.ins }],
  active: true,
  name: [{ use: 'official', family: patient.family, given: [patient.given] }],
  gender: patient.gender,
  birthDate: patient.birthDate,
});

/* The beginning of a CDA document: enough to be one to whoever looks at it. */
function cda(patient, code, title, day) {
  return Buffer.from(`<?xml version="1.0" encoding="UTF-8"?>
<ClinicalDocument xmlns="urn:hl7-org:v3">
  <typeId root="2.16.840.1.113883.1.3" extension="POCD_HD000040"/>
  <code code="${code}" codeSystem="2.16.840.1.113883.6.1"/>
  <title>${title}</title>
  <effectiveTime value="${day.replaceAll('-', '')}"/>
  <languageCode code="fr-FR"/>
  <recordTarget><patientRole>
    <id root="${INS.slice('urn:oid:'.length)}" extension="${patient.ins}"/>
  </patientRole></recordTarget>
</ClinicalDocument>
`);
}

/* A FHIR document about the patient. */
function fhirDocument(id, who, patient, author, [system, code], title, date) {
  const uuid = (n) => {
    const hex = createHash('sha1').update(`${id} ${n}`).digest('hex');

    return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-4` +
           `${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
  };

  return {
    resourceType: 'Bundle',
    id,
    meta: { versionId: '1', lastUpdated: date },
    identifier: { system: 'urn:ietf:rfc:3986', value: uuid('bundle') },
    type: 'document',
    timestamp: date,
    entry: [
      {
        fullUrl: uuid('composition'),
        resource: {
          resourceType: 'Composition',
          id: `${id}-composition`,
          status: 'final',
          type: { coding: [{ system, code }] },
          subject: { reference: uuid('patient') },
          date,
          author: [{ reference: uuid('author') }],
          title,
          section: [
            {
              title: 'Antécédents',
              text: {
                status: 'generated',
                div: '<div xmlns="http://www.w3.org/1999/xhtml">' +
                     'Hypertension artérielle</div>',
              },
            },
          ],
        },
      },
      {
        fullUrl: uuid('patient'),
        resource: { ...patientOf(who, patient), id: `${id}-patient` },
      },
      {
        fullUrl: uuid('author'),
        resource: { ...practitioner(author), id: `${id}-author` },
      },
    ],
  };
}

const IHE_PDF = 'urn:ihe:iti:xds-sd:pdf:2008';
const IHE_BY_TYPE = 'urn:ihe:iti:xds:2017:mimeTypeSufficient';

/*
 * What a document holds: its bytes and format, and the resource that has them,
 * if any.  Of what is large, the seed holds only how it is made at load.
 */
const CONTENTS = {
  pdf: ({ id, line }) => binaryOf(id, 'application/pdf', IHE_PDF, pdf(line)),

  scan: ({ id, line }) => ({
    ...binaryOf(id, 'application/pdf', IHE_PDF, scan(line, 480, 640)),
    stored: scanMark(line, 480, 640),
  }),

  cda: ({ id, patient, type, title, day }) =>
    binaryOf(id, 'text/xml', IHE_BY_TYPE, cda(patient, type[1], title, day)),

  inline: ({ id, line }) => ({
    ...binaryOf(id, 'application/pdf', IHE_PDF, pdf(line)),
    resource: undefined,
  }),

  document: ({ id, who, patient, author, type, title, date }) => {
    const resource = fhirDocument(id, who, patient, author, type, title, date);

    return {
      contentType: 'application/fhir+json',
      format: IHE_BY_TYPE,
      data: Buffer.from(JSON.stringify(resource)),
      resource,
    };
  },
};

function binaryOf(id, contentType, format, data) {
  return {
    contentType,
    format,
    data,
    resource: { resourceType: 'Binary', id, contentType },
  };
}

function attachmentOf({ contentType, data, resource }, base, title, creation) {
  return {
    contentType,
    language: 'fr-FR',
    ...(resource ? { url: `${base}${resource.resourceType}/${resource.id}` }
                 : { data: data.toString('base64') }),
    size: data.length,
    hash: createHash('sha1').update(data).digest('base64'),
    title,
    creation,
  };
}

function documentOf(who, patient, patientNo, row, no) {
  const [name, type, author, day, title, options = {}] = row;
  const { labels = ['N'], structure, literal, status = 'current' } = options;
  const [system, code, classCode, display] = TYPES[type];
  const id = `${who}-${name}`;
  const date = `${day}T10:30:00+01:00`;
  const content = CONTENTS[options.content ?? 'pdf']({
    id, who, patient, author, type: TYPES[type], title, day, date,
    line: `${title} - ${patient.given} ${patient.family} - ${day}`,
  });

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
        attachment: attachmentOf(content, options.absolute ? '{base}/' : '',
                                 title, date),
        format: { system: IHE_FORMAT, code: content.format },
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

  return [document, ...storedOf(content, document.meta)];
}

/* The resource that has a document's bytes, where there is one. */
function storedOf({ resource, stored, data }, meta) {
  if (resource?.resourceType !== 'Binary') {
    return resource ? [resource] : [];
  }

  const { resourceType, id, contentType } = resource;

  return [
    {
      resourceType,
      id,
      meta,
      contentType,
      data: stored ?? data.toString('base64'),
    },
  ];
}

function listOf([who, name, author, day, documents, code = 'submissionset'], no) {
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
    code: { coding: [{ system: LIST_TYPES, code }] },
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
    patientOf(who, patient),
    ...patient.documents.flatMap((row, i) =>
      documentOf(who, patient, index + 1, row, i + 1)
    ),
    ...LOTS.map((lot, i) => [lot, i + 1])
      .filter(([lot]) => lot[0] === who)
      .map(([lot, no]) => listOf(lot, no)),
  ];

  writeFileSync(
    `${folder}${who}.ndjson`,
    resources.map((r) => `${JSON.stringify(r)}\n`).join('')
  );
}
