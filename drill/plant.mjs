/*
 * Documents of the drill's own, put at the record host for as long as it
 * lasts: hidden ones in every form that a document may have, and documents of
 * the other patient.  Their ids are new each time.
 */

import { createHash, randomBytes, randomInt } from 'node:crypto';

import { ask, CannotPlay, token } from './host.mjs';

const MASKED = [{ coding: [{
  system: 'https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument/FHIR/' +
    'TRE-A07-StatutVisibiliteDocument',
  code: 'MASQUE_PS',
}] }];

const DATE = '2024-02-29T09:41:00+01:00';

/* Some kilobytes that stand nowhere else, so that a host may compress them. */
function contentOf(id) {
  const lines = Array.from({ length: 60 }, (_, i) =>
    `line ${i} of ${id}: ${randomBytes(12).toString('hex')}`);

  return Buffer.from(lines.join('\n'));
}

const binary = (id, content) => ({
  resourceType: 'Binary', id, contentType: 'text/plain',
  data: content.toString('base64'),
});

const attachmentOf = (content, where) => ({ attachment: {
  contentType: 'text/plain', size: content.length,
  hash: createHash('sha1').update(content).digest('base64'), ...where,
} });

/* A FHIR document, about that patient. */
function bundle(id, patient, unique) {
  return {
    resourceType: 'Bundle', id, type: 'document', timestamp: DATE,
    identifier: { system: 'urn:ietf:rfc:3986', value: unique },
    entry: [
      {
        fullUrl: 'urn:uuid:3f1c8f5e-30f8-4f0b-9d5c-0f3f5a7d2b11',
        resource: {
          resourceType: 'Composition', status: 'final', date: DATE,
          type: { coding: [{ system: 'http://loinc.org', code: '60591-5' }] },
          subject: { reference: 'urn:uuid:9b1f6a52-6a0e-4d9e-8a11-2f4b6c0d7e22' },
          author: [{ display: 'nobody' }], title: `Synthesis ${id}`,
        },
      },
      {
        fullUrl: 'urn:uuid:9b1f6a52-6a0e-4d9e-8a11-2f4b6c0d7e22',
        resource: {
          resourceType: 'Patient',
          identifier: [{ system: patient.system, value: patient.value }],
        },
      },
    ],
  };
}

/* What is put there; hidden are the ids that the asker must not see. */
function garden(own, foreign) {
  const name = `drill-${randomBytes(4).toString('hex')}`;
  const arc = randomInt(1, 2 ** 31);
  let number = 10;

  const unique = () => `urn:oid:1.2.250.1.213.1.4.8.99999.7.${arc}.${++number}`;

  const document = (id, patient, content, more) => ({
    resourceType: 'DocumentReference', id, status: 'current',
    masterIdentifier: { system: 'urn:ietf:rfc:3986', value: unique() },
    type: { coding: [{ system: 'http://loinc.org', code: '11488-4' }] },
    subject: { reference: `Patient?identifier=${patient.text}` },
    date: DATE, description: `Canary ${id}`, content: [content], ...more,
  });

  const hidden = { securityLabel: MASKED };
  const secret = contentOf(`${name}-hidden`);
  const inline = contentOf(`${name}-inline`);
  const shown = contentOf(`${name}-shown`);
  const main = document(`${name}-hidden`, own,
    attachmentOf(secret, { url: `Binary/${name}-content` }), hidden);

  const resources = [
    binary(`${name}-content`, secret),
    main,
    document(`${name}-inline`, own,
      attachmentOf(inline, { data: inline.toString('base64') }), hidden),
    bundle(`${name}-bundle`, own, unique()),
    document(`${name}-bundled`, own, { attachment: {
      contentType: 'application/fhir+json', url: `Bundle/${name}-bundle`,
    } }, hidden),
    {
      resourceType: 'List', id: `${name}-list`, status: 'current',
      mode: 'working', date: DATE,
      identifier: [{ system: 'urn:ietf:rfc:3986', value: unique() }],
      code: { coding: [{
        system: 'https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes',
        code: 'submissionset',
      }] },
      subject: { reference: `Patient?identifier=${own.text}` },
      entry: [{ item: { reference: `DocumentReference/${name}-hidden` } }],
    },
    {
      resourceType: 'List', id: `${name}-quoting`, status: 'current',
      mode: 'working', date: DATE,
      contained: [{ ...main, id: 'copy' }],
      subject: { reference: `Patient?identifier=${own.text}` },
      entry: [{ item: { reference: '#copy' } }],
    },
    binary(`${name}-seen`, shown),
    document(`${name}-shown`, own,
      attachmentOf(shown, { url: `Binary/${name}-seen` })),
  ];

  if (foreign) {
    const theirs = contentOf(`${name}-foreign`);
    const claimed = attachmentOf(theirs, { url: `Binary/${name}-theirs` });

    /* an own document that says the other patient's content is its own */
    resources.push(
      binary(`${name}-theirs`, theirs),
      document(`${name}-foreign`, foreign, claimed),
      document(`${name}-claim`, own, { attachment: {
        contentType: 'text/plain', url: `Binary/${name}-theirs`,
      } })
    );
  }

  return {
    resources,
    hidden: ['hidden', 'inline', 'bundled'].map((kind) => `${name}-${kind}`),
    quote: document(`${name}-quote`, own,
      { attachment: { contentType: 'text/plain' } }, {
        contained: [{ ...main, id: 'copy' }],
        relatesTo: [{ code: 'appends', target: { reference: '#copy' } }],
      }),
  };
}

async function put(host, resource) {
  const answer = await ask(host, {
    method: 'PUT', target: `${resource.resourceType}/${resource.id}`,
    body: JSON.stringify(resource),
    headers: [['Content-Type', 'application/fhir+json']],
  });

  if (!answer || answer.status >= 300) {
    throw new CannotPlay(
      `${host.name} does not take PUT ${resource.resourceType}/${resource.id}: ` +
      (answer ? `status ${answer.status}` : 'no answer'));
  }
}

async function remove(host, resources) {
  for (const { resourceType, id } of [...resources].reverse()) {
    await ask(host, { method: 'DELETE', target: `${resourceType}/${id}` });
  }
}

/*
 * Puts them there.  Resolves to { hidden, quoting, uproot }: the ids of those
 * that the asker must not see; what a function does while a shown document has
 * a copy of a hidden one in it, given its id; and what removes them all.
 */
export async function plant(host, { patient, other }) {
  const { resources, hidden, quote } = garden(token(patient),
                                              other && token(other));
  const uproot = () => remove(host, resources);

  const quoting = async (act) => {
    await put(host, quote);

    try {
      return await act(quote.id);
    } finally {
      await remove(host, [quote]);
    }
  };

  try {
    for (const resource of resources) {
      await put(host, resource);
    }
  } catch (err) {
    await uproot();
    throw err;
  }

  return { hidden, quoting, uproot };
}

/* Puts resources back as they were. */
export async function restore(host, resources) {
  for (const resource of resources) {
    await put(host, resource);
  }
}
