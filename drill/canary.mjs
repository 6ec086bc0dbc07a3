/*
 * Canaries: bytes of what the asker must not see, learnt from the record host,
 * and how they are found again in an answer, however it is encoded.
 */

import { decoded } from './wire.mjs';

const SHORTEST = 8;                     /* of a text: chance has none so long */
const WINDOW = 24;                      /* bytes of content that are a canary */
const STEP = 8;
const WINDOWS = 2000;                   /* of all attachments together */

/* What many documents have: codes and their systems, names of resources. */
const COMMON = new Set([
  'system', 'code', 'display', 'language', 'contentType', 'resourceType',
  'reference', 'status', 'unit',
]);

/* A word that may stand anywhere; an id of such a host is longer, or parted. */
const WORD = /^[A-Za-z]{1,19}$/;

/* Latin-1 strings stand for bytes: they can be searched, and split. */
const bytesOf = (text) => Buffer.from(text, 'utf8').toString('latin1');

/* Each string of a resource that may be its own. */
export function textsOf(value, key = '', found = []) {
  if (typeof value === 'string') {
    if (!COMMON.has(key) && value.length >= SHORTEST &&
        !WORD.test(value) &&
        !/^(https?:|urn:ietf:rfc:|urn:ihe:)/.test(value)) {
      found.push(value);
    }
  } else if (value !== null && typeof value === 'object') {
    for (const [name, inner] of Object.entries(value)) {
      textsOf(inner, Array.isArray(value) ? key : name, found);
    }
  }

  return found;
}

/* Pieces of content, each enough to know it by. */
function windowsOf(content) {
  const text = content.toString('latin1');
  const found = [];

  for (let at = 0; at + WINDOW <= text.length; at += STEP) {
    found.push(text.slice(at, at + WINDOW));
  }

  return found;
}

/*
 * The canaries of secrets, { resources, contents }, that are in nothing of
 * shown (the same): so that one of them in an answer is a leak.
 */
export function canariesOf(secrets, shown) {
  const plain = [
    ...shown.resources.map((r) => bytesOf(JSON.stringify(r))),
    ...shown.contents.map((c) => c.toString('latin1')),
  ].join('\n');
  const unknown = (text) => !plain.includes(text);
  const found = new Set();

  for (const text of secrets.resources.flatMap((r) => textsOf(r))) {
    /* a PDF or a CDA may have it in Latin-1 */
    for (const bytes of [bytesOf(text), Buffer.from(text, 'latin1')
                                              .toString('latin1')]) {
      if (unknown(bytes)) {
        found.add(bytes);
      }
    }
  }

  const most = Math.floor(WINDOWS / (secrets.contents.length || 1));

  for (const content of secrets.contents) {
    windowsOf(content).filter(unknown).slice(0, most)
                      .forEach((window) => found.add(window));
  }

  return [...found];
}

/* Where content has bytes that nothing shown has: [first, last], or none. */
export function ownRange(content, canaries) {
  const at = windowsOf(content).findIndex((w) => canaries.includes(w));

  return at < 0 ? undefined : [at * STEP, at * STEP + WINDOW + STEP];
}


/* ---------------------------------------------------------------- findings */

/* "%41", again and again: what it stands for to those who decode twice. */
function percentDecoded(text) {
  const views = [];

  for (let i = 0; i < 3 && /%[0-9a-f]{2}/i.test(text); i++) {
    text = text.replace(/%([0-9a-f]{2})/gi,
                        (_, hex) => String.fromCharCode(parseInt(hex, 16)));
    views.push(text, text.replace(/\+/g, ' '));
  }

  return views;
}

function unescaped(text) {
  return text
    .replace(/\\u([0-9a-f]{4})/gi,
             (_, hex) => bytesOf(String.fromCharCode(parseInt(hex, 16))))
    .replace(/\\([\\/"])/g, '$1')
    .replace(/&#x([0-9a-f]+);/gi,
             (_, hex) => bytesOf(String.fromCodePoint(parseInt(hex, 16))))
    .replace(/&#(\d+);/g, (_, n) => bytesOf(String.fromCodePoint(Number(n))))
    .replace(/&quot;/g, '"').replace(/&lt;/g, '<').replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&');
}

/* Base64, wherever it begins: part of an answer may hold part of it. */
function fromBase64(text) {
  const views = [];

  for (const [run] of text.matchAll(/[A-Za-z0-9+/_-]{11,}/g)) {
    for (let from = 0; from < 4; from++) {
      const content = Buffer.from(run.slice(from), 'base64');

      views[from] = `${views[from] ?? ''}\n${content.toString('latin1')}`;

      if (from === 0 && content[0] === 0x1f && content[1] === 0x8b) {
        views.push(decoded(content, 'gzip').toString('latin1'));
      }
    }
  }

  return views;
}

/* All that the bytes may be read as, the likeliest first. */
function* viewsOf(text) {
  yield text;
  yield* percentDecoded(text);

  const plain = unescaped(text);

  yield plain;
  yield* fromBase64(plain);
}

/*
 * The canaries but those that the asker names in these bytes: an answer that
 * only repeats them tells nothing.
 */
export function without(canaries, sent) {
  const views = [...viewsOf(sent.toString('latin1'))].join('\n');

  return canaries.filter((canary) => !views.includes(canary));
}

/* The first canary in one of these pieces of an answer, or undefined. */
export function find(canaries, pieces) {
  const texts = new Set(pieces.flatMap((piece) => {
    const text = piece.toString('latin1');

    return [text, text.replace(/\r\n[0-9a-f]+\r\n/gi, '')];
  }));

  for (const text of texts) {
    for (const view of viewsOf(text)) {
      const leak = canaries.find((canary) => view.includes(canary));

      if (leak !== undefined) {
        return leak;
      }
    }
  }

  return undefined;
}

/* A canary as a person can read it. */
export function readable(canary) {
  const text = Buffer.from(canary, 'latin1').toString('utf8');

  return (text.includes('\ufffd') ? canary : text)
    .replace(/[^\x20-\x7e\u00a0-\uffff]/g, '·').slice(0, 60);
}
