/*
 * Reading: a document, its content, what names it, and by which operations and
 * other types of resource it could be had.
 */

import { ownRange } from '../canary.mjs';
import {
  byPatient, door, form, group, hiddenDocument, json, MISSING, tokenOf,
} from './door.mjs';

const DOCUMENT_FIELDS = 'id description masterIdentifier { value } date';

const accept = (type) => [['Accept', type]];

const document = [
  door('by id', hiddenDocument),
  door('by id, of another patient', (c) =>
    c.foreign[0] && `DocumentReference/${c.foreign[0].id}`),
  door('HEAD', (c) => ({ method: 'HEAD', target: hiddenDocument(c) })),
  door('_history', (c) => `${hiddenDocument(c)}/_history`),
  door('one version', (c) => `${hiddenDocument(c)}/_history/` +
    (c.first.resource.meta?.versionId ?? '1')),
  door('_history of the type', () => 'DocumentReference/_history'),
  door('_history of everything', () => '_history'),
  door('_history by a search', (c) =>
    form('DocumentReference/_history/_search', `patient.identifier=${
      c.patient.encoded}`)),
  door('_elements', (c) => `${hiddenDocument(c)}?_elements=description`),
  door('_summary=text', (c) => `${hiddenDocument(c)}?_summary=text`),
  door('with the patient in the query', (c) =>
    `${hiddenDocument(c)}?patient.identifier=${c.patient.encoded}`),
  door('Accept: application/fhir+xml', (c) => ({
    target: hiddenDocument(c), headers: accept('application/fhir+xml'),
  })),
  door('Accept: text/html', (c) => ({
    target: hiddenDocument(c), headers: accept('text/html'),
  })),
  door('_format=xml', (c) => `${hiddenDocument(c)}?_format=xml`),
  door('Range', (c) => ({
    target: hiddenDocument(c), headers: [['Range', 'bytes=0-2000']],
  })),
  door('If-Match', (c) => ({
    target: hiddenDocument(c), headers: [['If-Match', 'W/"1"']],
  })),
  door('in a list', (c) => c.hiddenLists[0] && `List/${c.hiddenLists[0].id}`),
  door('in a list that a search finds', (c) => c.hiddenLists[0] &&
    `List?patient.identifier=${c.patient.encoded}`),
  door('in a list, by POST', (c) => c.hiddenLists[0] &&
    form('List/_search', `patient.identifier=${c.patient.encoded}`)),
  door('in a list, by its code', (c) => c.hiddenLists[0] &&
    `List?patient.identifier=${c.patient.encoded}&status=current&code=` +
    encodeURIComponent('https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes|' +
                       'submissionset')),
  door('in a list, by its item', (c) => c.hiddenLists[0] &&
    `List?item=${hiddenDocument(c)}`),
  door('in a list, with _include', (c) => c.hiddenLists[0] &&
    `List?patient.identifier=${c.patient.encoded}&_include=List:item`),
  door('in a list, by the list’s identifier', (c) =>
    c.hiddenLists[0]?.identifier?.[0] &&
    `List?patient.identifier=${c.patient.encoded}&identifier=` +
    tokenOf(c.hiddenLists[0].identifier[0])),
];

/* Not there all the time: every search would find it. */
const contained = {
  name: 'a copy inside a document that is shown',
  async play(player, c) {
    return c.quoting === undefined ? { missing: MISSING }
      : c.quoting(async (id) => {
        await player.send(byPatient(c.patient));
        await player.send(`DocumentReference/${id}`);
      });
  },
};

const content = [
  door('Binary', (c) => c.binary?.path),
  door('Binary as it is', (c) => c.binary && {
    target: c.binary.path, headers: accept('*/*'),
  }),
  door('Binary as its type', (c) => c.binary && {
    target: c.binary.path,
    headers: accept(c.first.resource.content[0].attachment.contentType
                    ?? 'application/pdf'),
  }),
  door('Binary, _format=json', (c) => c.binary && `${c.binary.path}?_format=json`),
  door('Binary, compressed', (c) => c.binary && {
    target: c.binary.path,
    headers: [...accept('*/*'), ['Accept-Encoding', 'gzip']],
  }),
  door('Binary, a range', (c) => {
    const range = c.binary && ownRange(c.binary.content, c.canaries.hidden);

    return range && {
      target: c.binary.path,
      headers: [...accept('*/*'), ['Range', `bytes=${range[0]}-${range[1]}`]],
    };
  }),
  door('Binary, two ranges', (c) => c.binary && {
    target: c.binary.path,
    headers: [...accept('*/*'), ['Range', 'bytes=0-1,2-']],
  }),
  door('Binary, with the patient’s context', (c) => c.binary && {
    target: c.binary.path,
    headers: [['X-Security-Context', `Patient/${c.patient.id ?? '1'}`]],
  }),
  door('Binary, _history', (c) => c.binary && `${c.binary.path}/_history`),
  door('Binary, one version', (c) => c.binary && `${c.binary.path}/_history/1`),
  door('Binary, searched', (c) => c.binary && `Binary?_id=${c.binary.id}`),
  door('Binary, all of them', () => 'Binary'),
  door('Binary of another patient', (c) =>
    c.foreign.flatMap((d) => d.attachments).find((a) => a.path)?.path),
  door('Binary of another patient, claimed by an own document', (c) => {
    const claimed = c.foreign.flatMap((d) => d.attachments.map((a) => a.path))
      .find((path) => path && c.shown.some((d) =>
        d.resource.content?.some((e) => e.attachment?.url === path)));

    /* the search teaches whoever learns from answers */
    return claimed && [byPatient(c.patient), claimed];
  }),
  door('Bundle', (c) => c.bundle?.path),
  door('Bundle, searched', (c) => c.bundle &&
    `Bundle?_id=${c.bundle.path.slice('Bundle/'.length)}`),
  door('Bundle, all documents', () => 'Bundle?type=document'),
  door('Bundle, _history', (c) => c.bundle && `${c.bundle.path}/_history`),
];

const operations = [
  door('$docref', (c) => c.patient.id &&
    `DocumentReference/$docref?patient=Patient/${c.patient.id}`),
  door('$docref by POST', (c) => c.patient.id &&
    json('POST', 'DocumentReference/$docref', {
      resourceType: 'Parameters',
      parameter: [{ name: 'patient', valueId: c.patient.id }],
    })),
  door('$everything', (c) => c.patient.id &&
    `Patient/${c.patient.id}/$everything`),
  door('$everything of another patient', (c) => c.other?.id &&
    `Patient/${c.other.id}/$everything`),
  door('$summary', (c) => c.patient.id && `Patient/${c.patient.id}/$summary`),
  door('$export', () => ({
    target: '$export', headers: [['Prefer', 'respond-async']],
  })),
  door('$expunge, $meta', (c) => `${hiddenDocument(c)}/$meta`),
  door('$validate', (c) => `${hiddenDocument(c)}/$validate`),
  door('$graphql', (c) => json('POST', '$graphql', {
    query: `{ DocumentReference(id: "${c.first.id}") { ${DOCUMENT_FIELDS} } }`,
  }, 'application/json')),
  door('$graphql, a list', () => json('POST', '$graphql', {
    query: `{ DocumentReferenceList { ${DOCUMENT_FIELDS} } }`,
  }, 'application/json')),
  door('$graphql by GET', (c) => `$graphql?query=${encodeURIComponent(
    `{ DocumentReference(id: "${c.first.id}") { ${DOCUMENT_FIELDS} } }`)}`),
  door('$graphql of the document', (c) =>
    `${hiddenDocument(c)}/$graphql?query=${encodeURIComponent('{ description }')}`),
  ...['batch', 'transaction'].flatMap((type) => [
    door(`${type}: the document`, (c) => json('POST', '', {
      resourceType: 'Bundle', type,
      entry: [{ request: { method: 'GET', url: hiddenDocument(c) } }],
    })),
    door(`${type}: one shown, then searches and contents`, (c) =>
      json('POST', '', {
        resourceType: 'Bundle', type,
        entry: [
          `DocumentReference/${c.visible.id}`, byPatient(c.patient),
          ...(c.other ? [byPatient(c.other)] : []),
          ...(c.binary ? [c.binary.path] : []),
        ].map((url) => ({ request: { method: 'GET', url } })),
      })),
  ]),
];

const types = [
  door('Patient of another, by id', (c) => c.other?.id && `Patient/${c.other.id}`),
  door('all Patients', () => 'Patient'),
  door('Patients by _search', () => form('Patient/_search', 'gender=male')),
  door('Patient by name', (c) => c.other?.resource?.name?.[0]?.family &&
    `Patient?family=${encodeURIComponent(c.other.resource.name[0].family)}`),
  door('two Patients', (c) => c.other &&
    `Patient?identifier=${c.patient.encoded},${c.other.encoded}`),
  door('Patient with _include', (c) =>
    `Patient?identifier=${c.patient.encoded}&_include=*`),
  ...['Observation', 'Composition', 'DocumentManifest', 'Provenance',
      'AuditEvent', 'Consent', 'Basic', 'Task'].map((type) =>
    door(type, (c) => `${type}?patient.identifier=${c.patient.encoded}`)),
  door('Provenance of the document', (c) =>
    `Provenance?target=${hiddenDocument(c)}`),
  door('all Lists', () => 'List'),
  door('List of another patient', (c) =>
    c.foreignLists[0] && `List/${c.foreignLists[0].id}`),
  door('metadata', () => 'metadata'),
  door('the base itself', () => ''),
];

export default [
  ...group('document', [...document, contained]),
  ...group('content', content),
  ...group('operations', operations),
  ...group('other types', types),
];
