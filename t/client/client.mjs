/*
 * fhir-kit-client, as an integrator would use it, with a card: does what a
 * scenario says and prints what came of it, one JSON line for each fact.
 * What the facts must be is said in t/180-client.t.
 */

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request as httpsRequest } from 'node:https';
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';

/*
 * Node's own fetch shows no certificate whatever the options say; without it
 * the library takes the one that it brings, which does.
 */
for (const name of ['fetch', 'Headers', 'Request', 'Response']) {
  delete globalThis[name];
}

const require = createRequire(import.meta.url);
const Client = require('fhir-kit-client');
const CapabilityTool = require('fhir-kit-client/lib/capability-tool');

const INS = 'urn:oid:1.2.250.1.213.1.4.8';
const LIST_TYPES = 'https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes';

const { values: args, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    base: { type: 'string' },
    ca: { type: 'string' },
    cert: { type: 'string' },
    key: { type: 'string' },
    ins: { type: 'string', default: '' },
    url: { type: 'string' },
  },
});

const base = args.base;
const byPatient = { 'patient.identifier': `${INS}|${args.ins}` };

/* One connection for all, kept as long as the scenario. */
const agent = new Agent({
  ca: readFileSync(args.ca),
  ...(args.cert && {
    cert: readFileSync(args.cert),
    key: readFileSync(args.key),
  }),
  family: 4,
  keepAlive: true,
  maxSockets: 1,
});

const client = new Client({
  baseUrl: base,
  /* the one place where the library lets its agent be another */
  requestSigner: (url, options) => {
    options.agent = agent;
  },
});

function fact(name, value) {
  process.stdout.write(`${JSON.stringify({ fact: name, value })}\n`);
}

/* How the library says that a call failed, or of what type its answer is. */
async function refusal(call) {
  try {
    return { passed: (await call()).resourceType };
  } catch (err) {
    if (!err.response) {
      throw err;
    }

    const { status, data } = err.response;
    const coding = data?.issue?.[0]?.details?.coding?.[0];

    return [
      status,
      data?.resourceType ?? typeof data,
      coding?.system ?? null,
      coding?.code ?? null,
    ];
  }
}

const idsOf = (bundle) =>
  (bundle.entry ?? []).map((entry) => entry.resource.id);

const headerOf = (answer, name) =>
  Client.httpFor(answer).response.headers.get(name);

const sha1 = (data) => createHash('sha1').update(data).digest('base64');

const search = (searchParams, options) =>
  client.search({
    resourceType: 'DocumentReference',
    searchParams: { ...byPatient, ...searchParams },
    options,
  });

const lists = (searchParams, options) =>
  client.search({
    resourceType: 'List',
    searchParams: { ...byPatient, ...searchParams },
    options,
  });

const read = (resourceType, id, headers) =>
  client.read({ resourceType, id, options: { headers } });

const xml = { accept: 'application/fhir+xml' };

/* All pages from this one on; ends, whatever the links say. */
async function pagesFrom(first) {
  const pages = [];

  for (let page = first; page; page = await client.nextPage({ bundle: page })) {
    pages.push(page);

    if (pages.length > 50) {
      throw new Error('there is no end of pages');
    }
  }

  return pages;
}

/* Bytes as they come, which the library would take for text. */
function raw(address, accept) {
  const url = new URL(address, `${base}/`);

  return new Promise((resolve, reject) => {
    const req = httpsRequest(url, { agent, headers: { accept } }, (res) => {
      const chunks = [];

      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () =>
        resolve({
          status: res.statusCode,
          type: res.headers['content-type'],
          body: Buffer.concat(chunks),
        })
      );
    });

    req.on('error', reject);
    req.end();
  });
}

const scenarios = {
  async metadata() {
    const statement = await client.capabilityStatement();
    const tool = new CapabilityTool(statement);

    fact('type', statement.resourceType);
    fact('version', statement.fhirVersion);
    fact('documents can be searched', tool.resourceCan('DocumentReference',
                                                       'search-type'));
  },

  async check() {
    const answer = await client.search({
      resourceType: 'Patient',
      searchParams: { identifier: `${INS}|${args.ins}` },
    });

    fact('type', `${answer.resourceType} ${answer.type}`);
    fact('patients', idsOf(answer).length);
    fact('active', answer.entry[0].resource.active);
  },

  async search() {
    const byGet = await search({ status: 'current' });
    const byPost = await search({ status: 'current' }, { postSearch: true });

    fact('type', `${byGet.resourceType} ${byGet.type}`);
    fact('ids', idsOf(byGet).sort());
    fact('the same by POST', idsOf(byPost).sort());
    fact('total', [byGet.total ?? null, byPost.total ?? null]);
    fact('not to be kept', headerOf(byGet, 'cache-control'));
    fact('full addresses', byGet.entry.every(
      ({ fullUrl, resource }) =>
        fullUrl === `${base}/DocumentReference/${resource.id}`
    ));
  },

  async reference() {
    const identifier = 'urn:ietf:rfc:3986|urn:oid:1.2.250.1.213.1.4.8.99999.1.3';

    fact('by GET', idsOf(await search({ identifier })));
    fact('by POST', idsOf(await search({ identifier }, { postSearch: true })));
  },

  async pages() {
    for (const [how, options] of [['GET', {}], ['POST', { postSearch: true }]]) {
      const pages = await pagesFrom(await search({ _count: 2 }, options));
      const links = pages.flatMap(({ link }) => link)
        .filter(({ relation }) => relation !== 'self');

      fact(`${how}: pages`, pages.length);
      fact(`${how}: most on one`, Math.max(...pages.map((p) => idsOf(p).length)));
      fact(`${how}: ids`, pages.flatMap(idsOf).sort());
      fact(`${how}: totals`, pages.filter((p) => p.total !== undefined).length);
      fact(`${how}: links`, links.every(({ url }) =>
        /^\?_page=[A-Za-z0-9_-]+$/.test(
          url.replace(`${base}/DocumentReference`, ''))));

      const back = await client.prevPage({ bundle: pages[1] });

      fact(`${how}: back`, idsOf(back).join() === idsOf(pages[0]).join());
    }
  },

  async page() {
    const { link } = await search({ _count: 2 });

    fact('next', link.find(({ relation }) => relation === 'next').url);
  },

  async follow() {
    fact('answer', await refusal(() => client.request(args.url)));
  },

  async lists() {
    const code = `${LIST_TYPES}|submissionset`;
    const all = await lists({ status: 'current' });

    fact('all', idsOf(all).sort());
    fact('by POST', idsOf(await lists({ status: 'current' },
                                      { postSearch: true })).sort());
    fact('submission sets', idsOf(await lists({ code, status: 'current' })));
    fact('pages', (await pagesFrom(await lists({ _count: 1 }))).map(idsOf));

    const named = [];

    for (const { item } of all.entry.flatMap((e) => e.resource.entry)) {
      named.push((await client.resolve({ reference: item.reference })).id);
    }

    fact('what they name', named.sort());
  },

  async read() {
    const document = await read('DocumentReference', 'martin-consultation-3');

    fact('id', document.id);
    fact('type', headerOf(document, 'content-type'));
    fact('not to be kept', headerOf(document, 'cache-control'));
    fact('trace', /^[0-9a-f-]{36}$/.test(headerOf(document, 'dmp-trace-id')));
  },

  /* Every attachment that the search shows, in all the ways of getting it. */
  async attachments() {
    const { entry } = await search({});
    const found = {};

    for (const { resource } of entry) {
      const { url, data, contentType, hash, size } =
        resource.content[0].attachment;

      if (data !== undefined) {
        const bytes = Buffer.from(data, 'base64');

        found[resource.id] = ['inline', sha1(bytes) === hash];
        continue;
      }

      const { status, type, body } = await raw(url, contentType);

      found[resource.id] = [
        url.replace(base, '[base]'),
        status,
        type.split(';')[0] === contentType,
        body.length === size && sha1(body) === hash,
      ];
    }

    fact('attachments', found);
  },

  async binary() {
    const binary = await read('Binary', 'martin-consultation-1');
    const bytes = Buffer.from(binary.data, 'base64');

    fact('type', `${binary.resourceType} ${binary.contentType}`);
    fact('a PDF', bytes.subarray(0, 5).toString());
    fact('the same as raw', bytes.equals(
      (await raw('Binary/martin-consultation-1', 'application/pdf')).body));
    fact('sent as', headerOf(binary, 'content-type').split(';')[0]);

    const large = await read('Binary', 'martin-imagerie-1');

    fact('a large one', Buffer.from(large.data, 'base64').length);
  },

  async document() {
    const bundle = await read('Bundle', 'martin-synthese');
    const composition = bundle.entry[0].resource;

    fact('type', `${bundle.resourceType} ${bundle.type}`);
    fact('resources', bundle.entry.map((e) => e.resource.resourceType));
    fact('subject', (await client.resolve({
      reference: composition.subject.reference,
      context: bundle,
    })).birthDate);
  },

  async resolve() {
    const found = await search({ type: 'http://loinc.org|57833-6' });
    const { fullUrl, resource } = found.entry[0];
    const inner = await client.resolve({
      reference: '#source-patient',
      context: resource,
    });

    fact('contained', inner.identifier[0].value);
    fact('in the Bundle', (await client.resolve({
      reference: `DocumentReference/${resource.id}`,
      context: found,
    })) === resource);
    fact('its full address', (await client.resolve({ reference: fullUrl })).id);
    fact('relative', (await client.resolve({
      reference: 'DocumentReference/martin-biologie-1',
    })).id);
    fact('absolute', (await client.resolve({
      reference: `${base}/DocumentReference/martin-biologie-1`,
    })).id);
    fact('masked', await refusal(() => client.resolve({
      reference: `${base}/DocumentReference/martin-psychiatrie`,
    })));
  },

  async head() {
    const who = new URLSearchParams(byPatient);
    const targets = [
      `DocumentReference?${who}`, `List?${who}`,
      `Patient?identifier=${encodeURIComponent(`${INS}|${args.ins}`)}`,
      'DocumentReference/martin-consultation-1',
      'Binary/martin-consultation-1', 'Bundle/martin-synthese', 'metadata',
      'DocumentReference/martin-psychiatrie', 'Binary/martin-psychiatrie',
      'DocumentReference/never-used', 'Binary/never-used',
    ];

    for (const target of targets) {
      let answer;
      const refused = await refusal(async () =>
        (answer = await client.request(target, { method: 'HEAD' })));

      fact(target.replace(/\?.*/, '?'), answer
        ? [Client.httpFor(answer).response.status,
           headerOf(answer, 'cache-control'), Object.keys(answer).length]
        : refused[0]);
    }
  },

  /* Said so by the library: its error has the answer, and that the reason. */
  async errors() {
    const bad = { ...byPatient, 'patient.identifier': `${INS}|285037512000152` };

    fact('400 include', await refusal(() =>
      search({ _include: 'DocumentReference:subject' })));
    fact('400 include by POST', await refusal(() =>
      search({ _include: 'DocumentReference:subject' }, { postSearch: true })));
    fact('400 two patients', await refusal(() =>
      search({ patient: 'Patient/martin' })));
    fact('400 INS', await refusal(() =>
      client.search({ resourceType: 'DocumentReference', searchParams: bad })));
    fact('400 page', await refusal(() =>
      client.request('DocumentReference?_page=AAAA')));
    fact('404 masked', await refusal(() =>
      read('DocumentReference', 'martin-psychiatrie')));
    fact('404 never used', await refusal(() =>
      read('DocumentReference', 'never-used')));
    fact('404 Binary of a masked one', await refusal(() =>
      read('Binary', 'martin-psychiatrie')));
    fact('404 Binary never used', await refusal(() =>
      read('Binary', 'never-used')));
    fact('404 Binary that no document has', await refusal(() =>
      read('Binary', 'AuthorDispositif')));
    fact('404 Binary of another patient', await refusal(() =>
      read('Binary', 'durand-ald')));
    fact('404 Bundle never used', await refusal(() =>
      read('Bundle', 'never-used')));
    fact('406 search', await refusal(() => search({}, { headers: xml })));
    fact('406 _format', await refusal(() => search({ _format: 'xml' })));
    fact('406 read', await refusal(() =>
      read('DocumentReference', 'martin-consultation-1', xml)));
    fact('406 metadata', await refusal(() =>
      client.request('metadata', { options: { headers: xml } })));
    fact('415 _search in JSON', await refusal(() =>
      client.request('DocumentReference/_search', {
        method: 'POST',
        body: byPatient,
        options: { headers: { 'content-type': 'application/json' } },
      })));
  },

  /* What the library can also do, and a client of the DMP may not. */
  async unknown() {
    const one = { resourceType: 'DocumentReference', id: 'martin-consultation-1' };

    fact('vread', await refusal(() => client.vread({ ...one, version: '1' })));
    fact('history', await refusal(() => client.history(one)));
    fact('operation', await refusal(() => client.operation({
      ...one, name: 'everything', method: 'GET',
    })));
    fact('compartment', await refusal(() => client.search({
      resourceType: 'DocumentReference',
      compartment: { resourceType: 'Patient', id: 'martin' },
    })));
    fact('system search', await refusal(() => client.systemSearch({
      searchParams: byPatient, options: { postSearch: true },
    })));
    fact('Patient', await refusal(() => read('Patient', 'martin')));
    fact('Binary search', await refusal(() => client.search({
      resourceType: 'Binary', searchParams: { _id: 'martin-consultation-1' },
    })));
    fact('List by id', await refusal(() => read('List', 'martin-lot-1')));
    fact('batch', await refusal(() => client.batch({
      body: { resourceType: 'Bundle', type: 'batch', entry: [
        { request: { method: 'GET', url: 'DocumentReference/martin-psychiatrie' } },
      ] },
    })));
  },

  async refused() {
    fact('search', await refusal(() => search({})));
    fact('search by POST', await refusal(() => search({}, { postSearch: true })));
    fact('lists', await refusal(() => lists({})));
    fact('read', await refusal(() =>
      read('DocumentReference', 'martin-consultation-1')));
    fact('binary', await refusal(() =>
      read('Binary', 'martin-consultation-1')));
    fact('metadata', await refusal(() => client.capabilityStatement()));
  },
};

const scenario = scenarios[positionals[0]];

if (!scenario || !base) {
  process.stderr.write(
    `usage: client.mjs --base URL --ca FILE [--cert FILE --key FILE]` +
    ` [--ins INS] [--url URL] ${Object.keys(scenarios).join('|')}\n`
  );
  process.exit(2);
}

await scenario();
agent.destroy();
