/*
 * Doors without a byte of the document: answers that tell a hidden thing from
 * one that has never been, totals, pages; who asks; and what changes it.
 */

import { nextOf, targetOf } from '../host.mjs';
import { compare } from '../play.mjs';
import { jsonOf } from '../wire.mjs';
import {
  byPatient, form, group, hiddenDocument, json, labelOf, MISSING,
} from './door.mjs';

const PAGES = 60;

/* Asks the same about the hidden thing and an absent one. */
function oracle(name, pick, request) {
  return {
    name,
    async play(player, c) {
      const pair = pick(c);

      return pair ? compare(player, pair[0], pair[1], (x) => request(x, c))
                  : { missing: MISSING };
    },
  };
}

const ids = (c) => [c.first.id, c.never.document];
const binaries = (c) => c.binary && [c.binary.id, c.never.binary];
const uniques = (c) => c.unique && [c.unique.value, c.unique.never];

const read = (x) => `DocumentReference/${x}`;
const onDocument = (name, more) =>
  oracle(name, ids, (x) => ({ target: read(x), ...more }));
const onBinary = (name, more) =>
  oracle(name, binaries, (x) => ({ target: `Binary/${x}`, ...more }));

const unique = (x, c) =>
  `&identifier=${encodeURIComponent(`${c.unique.system ?? ''}|${x}`)}`;

const noPatch = JSON.stringify([
  { op: 'test', path: '/resourceType', value: 'DocumentReference' },
]);

const oracles = [
  onDocument('GET'),
  onDocument('HEAD', { method: 'HEAD' }),
  onDocument('OPTIONS', { method: 'OPTIONS' }),
  onDocument('TRACE', { method: 'TRACE' }),
  onDocument('POST to it', { method: 'POST' }),
  onDocument('a range', { headers: [['Range', 'bytes=0-0']] }),
  onDocument('XML', { headers: [['Accept', 'application/fhir+xml']] }),
  onDocument('a body of no length', { headers: [['Content-Length', '0']] }),
  onDocument('If-None-Match: *', { headers: [['If-None-Match', '*']] }),
  oracle('If-None-Match with its tag', ids, (x, c) => ({
    target: read(x),
    headers: [['If-None-Match',
               `W/"${c.first.resource.meta?.versionId ?? '1'}"`]],
  })),
  onDocument('If-Modified-Since', {
    headers: [['If-Modified-Since', 'Fri, 31 Dec 2100 23:59:59 GMT']],
  }),
  oracle('its versions', ids, (x) => `${read(x)}/_history`),
  oracle('an operation on it', ids, (x) => `${read(x)}/$meta`),
  oracle('a query on it', ids, (x) => `${read(x)}?_summary=count`),
  oracle('a slash after it', ids, (x) => `${read(x)}/`),
  oracle('a patch that changes nothing', ids, (x) => ({
    method: 'PATCH', target: read(x), body: noPatch,
    headers: [['Content-Type', 'application/json-patch+json'],
              ['If-Match', 'W/"no-version"']],
  })),
  oracle('related to it', ids, (x, c) =>
    byPatient(c.patient, `&related=${read(x)}`)),
  oracle('searched by _id', ids, (x, c) => byPatient(c.patient, `&_id=${x}`)),
  oracle('lists of it', ids, (x) => `List?item=${read(x)}`),
  oracle('its list', (c) => c.hiddenLists[0] &&
    [c.hiddenLists[0].id, c.never.document], (x) => `List/${x}`),
  onBinary('Binary'),
  onBinary('Binary, HEAD', { method: 'HEAD' }),
  onBinary('Binary, a range', {
    headers: [['Accept', '*/*'], ['Range', 'bytes=0-0']],
  }),
  onBinary('Binary, a range beyond its end', {
    headers: [['Accept', '*/*'], ['Range', 'bytes=99999999-']],
  }),
  onBinary('Binary, If-None-Match: *', { headers: [['If-None-Match', '*']] }),
  oracle('Binary, its versions', binaries, (x) => `Binary/${x}/_history`),
  oracle('Bundle', (c) => c.bundle &&
    [c.bundle.path.slice('Bundle/'.length), c.never.document],
    (x) => ({ method: 'HEAD', target: `Bundle/${x}` })),
  oracle('unique id: the search', uniques,
    (x, c) => byPatient(c.patient, unique(x, c))),
  oracle('unique id: HEAD', uniques, (x, c) => ({
    method: 'HEAD', target: byPatient(c.patient, unique(x, c)),
  })),
  oracle('unique id: POST', uniques, (x, c) =>
    form('DocumentReference/_search',
         `patient.identifier=${c.patient.encoded}${unique(x, c)}`)),
  ...['_summary=count', '_total=accurate', '_total=estimate', '_count=0',
      '_count=1', '_summary=false'].map((parameter) =>
    oracle(`unique id: ${parameter}`, uniques, (x, c) =>
      byPatient(c.patient, `${unique(x, c)}&${parameter}`))),
  ...['_summary=count', '_count=0', '_count=1'].map((parameter) =>
    oracle(`label: ${parameter}`, (c) => [labelOf(c), 'XASQUE_PS'], (x, c) =>
      byPatient(c.patient, `&security-label=${x}&${parameter}`))),
  oracle('_has', (c) => [labelOf(c), 'XASQUE_PS'], (x, c) =>
    `Patient?identifier=${c.patient.encoded}` +
    `&_has:DocumentReference:patient:security-label=${x}`),
  oracle('a patch by its unique id', uniques, (x, c) => ({
    method: 'PATCH',
    target: `DocumentReference?${unique(x, c).slice(1)}`,
    body: noPatch,
    headers: [['Content-Type', 'application/json-patch+json'],
              ['If-Match', 'W/"no-version"']],
  })),
];


/* -------------------------------------------------------------------- pages */

/* Follows the links "next" from a search on; resolves to the answers. */
async function walk(player, first) {
  const pages = [];
  let target = first;

  while (target !== undefined && pages.length < PAGES) {
    const got = await player.send(pages.length === 0 ? { target }
                                                     : { raw: target });
    const next = nextOf(jsonOf(got.answers[0]));

    pages.push(got.answers[0]);
    target = next === undefined ? undefined : targetOf(next);
  }

  return pages;
}

/* The first page's link "next" as path and query, or undefined. */
async function linkOf(player, target) {
  const { answers } = await player.send(target);
  const next = nextOf(jsonOf(answers[0]));

  return next === undefined ? undefined : targetOf(next);
}

/*
 * A door that needs a page of one's own: what is sent follows from its link.
 * The page itself is the asker's to see, so that it is not judged.
 */
function pageDoor(name, make, secrets) {
  return {
    name, secrets,
    async play(player, c) {
      const link = await linkOf(player, byPatient(c.patient, '&_count=2'));
      const made = link === undefined ? undefined : make(link, c);

      if (made === undefined) {
        return { missing: link === undefined ? 'no page' : MISSING };
      }

      player.got.length = 0;

      for (const request of [made].flat()) {
        await player.send(request);
      }

      return undefined;
    },
  };
}

/*
 * Puts other for the patient, in whatever way the link writes it; before all
 * else where it does not.
 */
function forOther(link, c) {
  for (const [own, other] of [
    [c.patient.encoded, c.other.encoded],
    [c.patient.text, c.other.text],
    [c.patient.value, c.other.value],
  ]) {
    if (link.includes(own)) {
      return link.replaceAll(own, other);
    }
  }

  return link.replace('?', `?patient.identifier=${c.other.encoded}&`);
}

/* The link with one character changed: near its end, and in its middle. */
function changed(link) {
  const other = (at) => link.slice(0, at) + (link[at] === 'A' ? 'B' : 'A') +
                        link.slice(at + 1);
  const query = link.indexOf('?');

  return [
    other(link.length - 1), other(link.length - 2),
    other(query + Math.floor((link.length - query) * 0.6)),
    link.slice(0, -4), `${link}A`,
  ].map((raw) => ({ raw }));
}

const pages = [
  {
    name: 'all pages, two at a time',
    async play(player, c) {
      await walk(player, byPatient(c.patient, '&_count=2'));
    },
  },
  {
    name: 'all pages of a POST',
    async play(player, c) {
      const { answers } = await player.send(form('DocumentReference/_search',
        `patient.identifier=${c.patient.encoded}&_count=2`));
      const next = nextOf(jsonOf(answers[0]));

      if (next !== undefined) {
        await walk(player, targetOf(next));
      }
    },
  },
  {
    name: 'all pages of lists',
    async play(player, c) {
      await walk(player, `List?patient.identifier=${c.patient.encoded}&_count=1`);
    },
  },
  {
    name: 'places of emptied pages',
    async play(player, c) {
      const seen = await walk(player, byPatient(c.patient, '&_sort=date&_count=1'));
      const bundles = seen.map(jsonOf);
      const empty = bundles
        .map((b, i) => b?.resourceType === 'Bundle' && !b.entry?.length ? i + 1 : 0)
        .filter(Boolean);

      return empty.length > 0
        ? { hint: `page ${empty.join(', ')} of ${seen.length} is empty` }
        : undefined;
    },
  },
  pageDoor('a page without a card', (link) => ({ raw: link, as: 'nobody' }),
           'record'),
  pageDoor('a page by somebody else’s card', (link, c) =>
    c.stranger ? { raw: link, as: 'stranger' } : undefined, 'record'),
  pageDoor('a page with another patient put in', (link, c) => c.other && {
    raw: forOther(link, c),
  }),
  pageDoor('a page with another patient added', (link, c) => c.other && {
    raw: `${link}&patient.identifier=${c.other.encoded}`,
  }),
  pageDoor('a page, some characters changed', changed),
  pageDoor('a page with an offset added', (link) => ({
    raw: `${link}&_offset=0&_count=1000`,
  })),
  {
    name: 'the record host’s own page of another patient',
    async play(player, c) {
      if (c.otherPage === undefined) {
        return { missing: 'no page' };
      }

      await player.send(`DocumentReference${c.otherPage}`);
      await player.send(c.otherPage);
      return undefined;
    },
  },
  ...[
    ['_getpages', '?_getpages=1&_getpagesoffset=0&_count=100'],
    ['_page', '?_page=1'],
    ['_offset', 'DocumentReference?_offset=1'],
    ['ct', 'DocumentReference?ct=AAAA'],
  ].map(([name, target]) => ({
    name: `${name}, alone`,
    async play(player) {
      await player.send(target);
    },
  })),
];


/* ----------------------------------------------------------------- who asks */

const identity = [
  ['a search without a card', 'nobody', (c) => byPatient(c.patient)],
  ['a read without a card', 'nobody',
   (c) => `DocumentReference/${c.visible.id}`],
  ['content without a card', 'nobody', (c) => c.binary?.path],
  ['a search by somebody else’s card', 'stranger', (c) => byPatient(c.patient)],
  ['a read by somebody else’s card', 'stranger',
   (c) => `DocumentReference/${c.visible.id}`],
  ['the hidden document by somebody else’s card', 'stranger', hiddenDocument],
].map(([name, as, target]) => ({
  name,
  secrets: 'record',
  async play(player, c) {
    const asked = target(c);

    if (asked === undefined || (as === 'stranger' && !c.stranger)) {
      return { missing: MISSING };
    }

    await player.send({ target: asked, as });
    return undefined;
  },
}));


/* ------------------------------------------------------------------ changes */

const MASKS = [{ op: 'replace', path: '/securityLabel', value: [{ coding: [{
  system: 'http://terminology.hl7.org/CodeSystem/v3-Confidentiality', code: 'N',
}] }] }];

const patch = (target, operations) =>
  json('PATCH', target, operations, 'application/json-patch+json');

const changes = [
  ['PATCH the label', (c) => patch(hiddenDocument(c), MASKS)],
  ['PATCH the label by its unique id', (c) => c.unique && patch(
    `DocumentReference?identifier=${encodeURIComponent(
      `${c.unique.system ?? ''}|${c.unique.value}`)}`, MASKS)],
  ['PATCH by POST and override', (c) => ({
    ...patch(hiddenDocument(c), MASKS), method: 'POST',
    headers: [['Content-Type', 'application/json-patch+json'],
              ['X-HTTP-Method-Override', 'PATCH']],
  })],
  ['PATCH in a transaction', (c) => json('POST', '', {
    resourceType: 'Bundle', type: 'transaction',
    entry: [{
      request: { method: 'PATCH', url: hiddenDocument(c) },
      resource: {
        resourceType: 'Binary', contentType: 'application/json-patch+json',
        data: Buffer.from(JSON.stringify(MASKS)).toString('base64'),
      },
    }],
  })],
  ['PUT it without its label', (c) => json('PUT', hiddenDocument(c), {
    ...c.first.resource, securityLabel: undefined, meta: undefined,
  })],
  ['PUT its content', (c) => c.binary && json('PUT', c.binary.path, {
    resourceType: 'Binary', id: c.binary.id, contentType: 'text/plain',
    data: 'eA==',
  })],
  ['DELETE its content', (c) => c.binary && {
    method: 'DELETE', target: c.binary.path,
  }],
  ['DELETE', (c) => ({ method: 'DELETE', target: hiddenDocument(c) })],
].map(([name, make]) => ({
  name,
  effect: true,
  async play(player, c) {
    const made = make(c);

    if (made === undefined) {
      return { missing: MISSING };
    }

    await player.send(made);
    return undefined;
  },
}));

export default [
  ...group('hidden or absent', oracles),
  ...group('pages', pages),
  ...group('who asks', identity),
  ...group('changes', changes),
];
