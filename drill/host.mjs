/*
 * What the record host holds, learnt from it directly as its operator would:
 * the documents of a patient, those that are hidden, their attachments.
 */

import { answers, exchange, format, jsonOf } from './wire.mjs';

const PAGES = 50;
const CONTENTS = 20;                    /* attachments of others to look at */

/* The drill cannot be played: nothing is known, then. */
export class CannotPlay extends Error {}

export async function ask(host, request) {
  const got = await exchange(host, format(host, request));

  if (!got.connected) {
    throw new CannotPlay(`${host.name} (${host.origin}) cannot be reached: ` +
                         got.error);
  }

  return answers(got.bytes, [request.method ?? 'GET'])[0];
}

async function read(host, target) {
  const answer = await ask(host, { target });
  const json = jsonOf(answer);

  if (answer?.status !== 200 || json === undefined) {
    throw new CannotPlay(`${host.name} does not give ${target}: ` +
      (answer ? `status ${answer.status}` : 'no answer'));
  }

  return json;
}

/* The path and query of a link, to be asked of another side as they are. */
export function targetOf(link) {
  const at = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i.exec(link)?.[0].length ?? 0;

  return link.slice(at);
}

export const nextOf = (bundle) =>
  bundle?.link?.find((l) => l.relation === 'next')?.url;

/* Everything that a search finds, across its pages. */
async function searchAll(host, target) {
  const found = [];

  for (let page = 0; target !== undefined && page < PAGES; page++) {
    const bundle = await read(host, target);
    const next = nextOf(bundle);

    found.push(...(bundle.entry ?? []).map((e) => e.resource).filter(Boolean));
    target = next === undefined ? undefined : targetOf(next);
  }

  return found;
}

/* A search that the host may not know of at all: nothing, then. */
async function searchIfAny(host, target) {
  try {
    return await searchAll(host, target);
  } catch (err) {
    if (err instanceof CannotPlay) {
      return [];
    }

    throw err;
  }
}

/* "Binary/x" or "Bundle/x" of an address of the host's own. */
export function attachmentPath(url) {
  return /(?:^|\/)((?:Binary|Bundle)\/[A-Za-z0-9.-]{1,64})(?:\/_history\/.*)?$/
    .exec(url ?? '')?.[1];
}

/* A document, and the content of its attachments. */
async function withContents(host, resource) {
  const attachments = [];

  for (const { attachment } of resource.content ?? []) {
    const path = attachmentPath(attachment?.url);

    if (attachment?.data) {
      attachments.push({ content: Buffer.from(attachment.data, 'base64') });
    } else if (path) {
      const raw = await ask(host, { target: path,
        headers: [['Accept', attachment.contentType ?? '*/*']] });

      if (raw?.status === 200) {
        attachments.push({ path, content: raw.body });
      }
    }
  }

  return { id: resource.id, resource, attachments };
}

/* Enough to tell what is theirs from what is secret. */
async function allWithContents(host, resources) {
  const found = [];

  for (const [i, resource] of resources.entries()) {
    found.push(i < CONTENTS ? await withContents(host, resource)
                            : { id: resource.id, resource, attachments: [] });
  }

  return found;
}

/*
 * Another text of that length and shape that nobody has: letters and digits
 * are moved on, "shift" by "shift".
 */
function another(text, shift) {
  const moved = (c, first, n) =>
    String.fromCharCode((c.charCodeAt(0) - first + shift) % n + first);

  return text
    .replace(/[a-z]/g, (c) => moved(c, 0x61, 26))
    .replace(/[A-Z]/g, (c) => moved(c, 0x41, 26))
    .replace(/[1-9]/g, (c) => moved(c, 0x31, 9));
}

/* An id of that length which the host has never given. */
async function neverUsed(host, path) {
  const [type, id] = path.split('/');

  for (const shift of [3, 4, 5, 7]) {
    const other = another(id, shift);
    const answer = await ask(host, { target: `${type}/${other}` });

    if (answer?.status === 404) {
      return other;
    }
  }

  throw new CannotPlay(`${host.name}: no id found that it answers 404`);
}

/* The same of a unique id: its last number only, so that it stays an OID. */
function anotherUnique(value) {
  return value.replace(/[0-9A-Za-z]+$/, (end) => another(end, 4));
}

export function token(text) {
  const bar = text.lastIndexOf('|');

  return {
    text,
    encoded: encodeURIComponent(text),
    system: text.slice(0, bar),
    value: text.slice(bar + 1),
  };
}

const byPatient = (type, patient) =>
  `${type}?patient.identifier=${patient.encoded}`;

async function patientOf(host, text) {
  const patient = token(text);
  const [resource] = await searchIfAny(host,
    `Patient?identifier=${patient.encoded}`);

  return { ...patient, resource, id: resource?.id };
}

const names = (list, ids) =>
  (list.entry ?? []).some(({ item }) =>
    ids.some((id) => item?.reference?.endsWith(`DocumentReference/${id}`))) ||
  (list.contained ?? []).some((r) => r.resourceType === 'DocumentReference');

/*
 * All of it.  patient and other are "SYSTEM|INS", the other one may be missing;
 * hidden are the ids of documents that the asker must not see.
 */
export async function learn(host, { patient: own, other: foreign, hidden }) {
  const patient = await patientOf(host, own);
  const other = foreign ? await patientOf(host, foreign) : undefined;
  const all = await searchAll(host, byPatient('DocumentReference', patient));
  const lists = await searchIfAny(host, byPatient('List', patient));
  const shown = all.filter((d) => !hidden.includes(d.id));

  for (const id of hidden) {
    if (!all.some((d) => d.id === id)) {
      throw new CannotPlay(
        `${host.name} has no DocumentReference/${id} of this patient`);
    }
  }

  if (shown.length === 0) {
    throw new CannotPlay('the patient has no document that is not hidden: ' +
                         'the drill could not tell closed from broken');
  }

  const secret = [];

  for (const id of hidden) {
    secret.push(await withContents(host,
      await read(host, `DocumentReference/${id}`)));
  }

  const others = other
    ? await searchAll(host, byPatient('DocumentReference', other)) : [];

  if (other && others.length === 0) {
    throw new CannotPlay('the other patient has no document');
  }

  const first = secret.find((d) => d.attachments[0]?.path?.startsWith('Binary'))
                ?? secret[0];
  const binary = first.attachments.find((a) => a.path?.startsWith('Binary/'));
  const unique = first.resource.masterIdentifier;

  return {
    patient, other, lists,
    shown: await allWithContents(host, shown),
    hidden: secret,
    foreign: await allWithContents(host, others),
    foreignLists: other
      ? await searchIfAny(host, byPatient('List', other)) : [],
    hiddenLists: lists.filter((l) => names(l, hidden)),
    first,
    binary: binary && {
      ...binary,
      id: binary.path.slice('Binary/'.length),
      resource: jsonOf(await ask(host, { target: binary.path })),
    },
    bundle: secret.flatMap((d) => d.attachments)
                  .find((a) => a.path?.startsWith('Bundle/')),
    unique: unique && { ...unique, never: anotherUnique(unique.value) },
    never: {
      document: await neverUsed(host, `DocumentReference/${first.id}`),
      binary: binary && await neverUsed(host, binary.path),
    },
  };
}
