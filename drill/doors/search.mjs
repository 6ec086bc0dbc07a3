/*
 * Searches: everything FHIR lets a client ask about documents, in the query, in
 * a form, in both, and about other patients than one's own.
 */

import {
  byPatient, door, form, group, hiddenDocument, json, labelOf, tokenOf,
} from './door.mjs';

const own = (rest = '') => (c) => byPatient(c.patient, rest);
const field = (patient) => `patient.identifier=${patient.encoded}`;

const parameters = [
  door('of the patient', own()),
  door('by reference to the patient', (c) =>
    c.patient.id && `DocumentReference?patient=Patient/${c.patient.id}`),
  door('by subject.identifier', (c) =>
    `DocumentReference?subject.identifier=${c.patient.encoded}`),
  door('by patient:identifier', (c) =>
    `DocumentReference?patient:identifier=${c.patient.encoded}`),
  door('by patient:Patient.identifier', (c) =>
    `DocumentReference?patient:Patient.identifier=${c.patient.encoded}`),
  door('by the number without its system', (c) =>
    `DocumentReference?patient.identifier=${c.patient.value}`),
  door('without a patient', () => 'DocumentReference'),
  door('without a patient, by status', () => 'DocumentReference?status=current'),
  door('for the confidentiality label', (c) =>
    byPatient(c.patient, `&security-label=${labelOf(c)}`)),
  door('for the label, of all patients', (c) =>
    `DocumentReference?security-label=${labelOf(c)}`),
  door('by _id', (c) => byPatient(c.patient, `&_id=${c.first.id}`)),
  door('by _id, without a patient', (c) =>
    `DocumentReference?_id=${c.first.id}`),
  door('by its unique id', (c) =>
    c.unique && byPatient(c.patient, `&identifier=${tokenOf(c.unique)}`)),
  door('by its unique id, without a patient', (c) =>
    c.unique && `DocumentReference?identifier=${tokenOf(c.unique)}`),
  door('by its date', (c) => c.first.resource.date &&
    byPatient(c.patient, `&date=${c.first.resource.date.slice(0, 10)}`)),
  door('by the address of its content', (c) =>
    c.binary && `DocumentReference?location=${c.binary.path}`),
  door('of related documents', (c) =>
    byPatient(c.patient, `&related=${hiddenDocument(c)}`)),
  door('_include', own('&_include=DocumentReference:patient')),
  door('_include=*', own('&_include=*')),
  door('_include:iterate', own('&_include:iterate=DocumentReference:relatesto')),
  door('_revinclude', own('&_revinclude=List:item')),
  door('_revinclude, of the patient', (c) =>
    `Patient?identifier=${c.patient.encoded}` +
    '&_revinclude=DocumentReference:patient'),
  door('_has', (c) => `Patient?identifier=${c.patient.encoded}` +
    `&_has:DocumentReference:patient:security-label=${labelOf(c)}`),
  door('chained by name', (c) => c.patient.resource?.name?.[0]?.family &&
    'DocumentReference?patient.family=' +
    encodeURIComponent(c.patient.resource.name[0].family)),
  door(':not', own('&security-label:not=N')),
  door(':not, of the patient', (c) => c.other &&
    `DocumentReference?patient.identifier:not=${c.patient.encoded}`),
  door(':missing', own('&security-label:missing=false')),
  door(':text', own('&type:text=a')),
  door(':contains', own('&description:contains=a')),
  door('_elements', own('&_elements=masterIdentifier,description')),
  door('_elements=id', own('&_elements=id')),
  door('_summary=true', own('&_summary=true')),
  door('_summary=text', own('&_summary=text')),
  door('_summary=data', own('&_summary=data')),
  door('_filter', (c) =>
    byPatient(c.patient, `&_filter=${encodeURIComponent('status eq current')}`)),
  door('_content, _text', own('&_content=a&_text=a')),
  door('_contained', own('&_contained=true&_containedType=container')),
  door('_security', own(`&_security=MASQUE_PS`)),
  door('_lastUpdated', own('&_lastUpdated=gt1900-01-01')),
  door('_sort', own('&_sort=-date')),
  door('_list', (c) => c.hiddenLists[0] &&
    `DocumentReference?_list=${c.hiddenLists[0].id}`),
  door('_format=xml', own('&_format=xml')),
  door('_format=json', own('&_format=json')),
  door('_pretty', own('&_pretty=true')),
  door('Accept: application/fhir+xml', (c) => ({
    target: byPatient(c.patient),
    headers: [['Accept', 'application/fhir+xml']],
  })),
  door('Accept: application/fhir+ndjson', (c) => ({
    target: byPatient(c.patient),
    headers: [['Accept', 'application/fhir+ndjson']],
  })),
  ...['gzip', 'deflate', 'br'].map((encoding) =>
    door(`Accept-Encoding: ${encoding}`, (c) => ({
      target: byPatient(c.patient), headers: [['Accept-Encoding', encoding]],
    }))),
  door('a thousand at once', own('&_count=1000')),
];

const forms = [
  door('POST _search', (c) =>
    form('DocumentReference/_search', field(c.patient))),
  door('POST _search, without a patient', () =>
    form('DocumentReference/_search', 'status=current')),
  door('POST _search, for the label', (c) =>
    form('DocumentReference/_search',
         `${field(c.patient)}&security-label=${labelOf(c)}`)),
  door('POST _search with _include in its query', (c) =>
    form('DocumentReference/_search?_include=*', field(c.patient))),
  door('patient in query and form', (c) =>
    form(`DocumentReference/_search?${field(c.patient)}`, field(c.patient))),
  door('another patient in the form', (c) => c.other &&
    form(`DocumentReference/_search?${field(c.patient)}`, field(c.other))),
  door('another patient in the query', (c) => c.other &&
    form(`DocumentReference/_search?${field(c.other)}`, field(c.patient))),
  door('POST without _search', (c) => c.other &&
    form('DocumentReference', field(c.other))),
  door('POST _search as JSON', (c) =>
    json('POST', 'DocumentReference/_search',
         { 'patient.identifier': c.patient.text }, 'application/json')),
  door('POST _search as plain text', (c) => ({
    method: 'POST', target: 'DocumentReference/_search',
    body: field(c.other ?? c.patient), headers: [['Content-Type', 'text/plain']],
  })),
  door('POST _search, form type twice', (c) => c.other && ({
    method: 'POST', target: `DocumentReference/_search?${field(c.other)}`,
    body: '', headers: [
      ['Content-Type', 'application/x-www-form-urlencoded'],
      ['Content-Type', 'application/json'],
    ],
  })),
  door('GET with a form as its body', (c) => c.other && ({
    ...form(byPatient(c.patient), field(c.other)), method: 'GET',
  })),
  door('GET _search', (c) => `DocumentReference/_search?${field(c.patient)}`),
  door('_search of all types', (c) =>
    form('_search', `_type=DocumentReference&${field(c.patient)}`)),
  door('search of all types', () => '?_type=DocumentReference'),
  door('search in the compartment', (c) =>
    c.patient.id && `Patient/${c.patient.id}/DocumentReference`),
  door('_method=GET in a form', (c) =>
    form('DocumentReference', `_method=GET&${field(c.patient)}`)),
  door('_method=POST in the query', (c) => ({
    target: byPatient(c.patient, '&_method=POST'),
  })),
  ...['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override'].map((name) =>
    door(`${name}: GET`, (c) =>
      form(`DocumentReference?${field(c.other ?? c.patient)}`, '',
           [[name, 'GET']]))),
];

const others = [
  door('of another patient', (c) => c.other && byPatient(c.other)),
  door('of another patient, by POST', (c) => c.other &&
    form('DocumentReference/_search', field(c.other))),
  door('of another patient, by reference', (c) =>
    c.other?.id && `DocumentReference?patient=Patient/${c.other.id}`),
  door('of another patient, by subject', (c) => c.other &&
    `DocumentReference?subject:Patient.identifier=${c.other.encoded}`),
  door('of two patients', (c) => c.other &&
    byPatient(c.patient, `,${c.other.encoded}`)),
  door('patient twice, own first', (c) => c.other &&
    byPatient(c.patient, `&${field(c.other)}`)),
  door('patient twice, own last', (c) => c.other &&
    byPatient(c.other, `&${field(c.patient)}`)),
  door('own identifier and another reference', (c) => c.other?.id &&
    byPatient(c.patient, `&patient=Patient/${c.other.id}`)),
  door('the second name encoded', (c) => c.other &&
    byPatient(c.patient, `&patient%2Eidentifier=${c.other.encoded}`)),
  door('the name encoded throughout', (c) => c.other &&
    `DocumentReference?%70atient.identifier=${c.other.encoded}`),
  door('";" between parameters', (c) => c.other &&
    byPatient(c.patient, `;${field(c.other)}`)),
  door('a second "?"', (c) => c.other &&
    byPatient(c.patient, `?${field(c.other)}`)),
  door('NUL in the query', (c) => c.other &&
    byPatient(c.patient, `%00&${field(c.other)}`)),
  door('the number with spaces', (c) => c.other &&
    byPatient({ encoded: `${c.patient.encoded}%20,${c.other.encoded}` })),
  door('OR by the whole system', (c) =>
    `DocumentReference?patient.identifier=${encodeURIComponent(
      `${c.patient.system}|`)}`),
  door('a parameter after "#"', (c) => c.other &&
    byPatient(c.patient, `#&${field(c.other)}`)),
  door('lists of another patient', (c) => c.other &&
    `List?patient.identifier=${c.other.encoded}`),
];

export default [
  ...group('search', parameters),
  ...group('search by form', forms),
  ...group('search of others', others),
];
