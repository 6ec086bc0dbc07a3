/*
 * Plays a door on one side and judges what came back.
 *
 * A door is { name, group, secrets, effect, play }.  play(player, context)
 * sends what the door consists of; it may return
 *
 *   undefined                   the bytes decide: a canary in them leaks
 *   { missing }                 there is nothing to play it with
 *   { differ: [a, b] }          answers about a hidden and an absent thing,
 *                               which leak where they differ
 *   { hint }                    what can be seen, and is documented
 */

import { find, readable, without } from './canary.mjs';
import { answers, exchange, format, jsonOf } from './wire.mjs';

/* What a gateway answers that is not well: it decided nothing. */
const UNWELL = new Set([429, 500, 503, 504]);

export class Player {
  sent = [];
  got = [];

  /* identities: TLS credentials by name, of which "asker" is the usual one */
  constructor(side, identities) {
    this.side = side;
    this.identities = identities;
  }

  /* Sends one request; see format().  "as" names another identity. */
  async send(request) {
    const asked = typeof request === 'string' ? { target: request } : request;

    return this.sendBytes(format(this.side, asked), [asked.method ?? 'GET'],
                          asked.as);
  }

  /* Sends bytes as they are; methods are those of the requests in them. */
  async sendBytes(bytes, methods, as = 'asker') {
    const content = Buffer.isBuffer(bytes) ? bytes
                                           : Buffer.from(bytes, 'latin1');
    const got = await exchange(this.side, content, this.identities[as]);

    got.answers = answers(got.bytes, methods);
    this.sent.push(content);
    this.got.push(got);
    return got;
  }

  get answers() {
    return this.got.flatMap((got) => got.answers);
  }
}

export function reasonOf(answer) {
  const coding = jsonOf(answer)?.issue?.[0]?.details?.coding?.[0];

  return coding?.system === 'urn:dmp:reason' ? coding.code : undefined;
}

/* "404 document-foreign", each once. */
function describe(found) {
  const said = found.map((a) => [a.status, reasonOf(a)].filter(Boolean)
                                                        .join(' '));

  return [...new Set(said)].join(', ') || 'connection closed';
}

/*
 * An answer without what differs from one request to the next, and with the
 * name that was asked for put out of it.
 */
function comparable({ status, headers, body }, name) {
  const trace = headers.find(([n]) => n === 'dmp-trace-id')?.[1];
  const text = JSON.stringify([
    status,
    headers.filter(([n]) => !/^(date|dmp-trace-id)$/.test(n)),
    body.toString('latin1'),
  ]);

  /* a sealed page is another text each time */
  return [trace, name, encodeURIComponent(name)].filter(Boolean)
    .reduce((rest, word) => rest.replaceAll(word, '…'), text)
    .replace(/_page=[\w.~-]+/g, '_page=…');
}

/* The same of a page of a search, but for whether there is another one. */
function withoutNext(answer, name) {
  const bundle = jsonOf(answer);

  if (bundle?.resourceType !== 'Bundle') {
    return comparable(answer, name);
  }

  const link = bundle.link?.filter((l) => l.relation !== 'next');

  return comparable({
    ...answer,
    headers: answer.headers.filter(([n]) => n !== 'content-length'),
    body: Buffer.from(JSON.stringify({ ...bundle, link })),
  }, name);
}

/*
 * Sends the same for a hidden thing and for one that has never been, named by
 * these two texts, and says whether the answers differ.
 */
export async function compare(player, hidden, never, request) {
  const found = [];

  for (const name of [hidden, never]) {
    found.push({ name, answers: (await player.send(request(name))).answers });
  }

  const same = (how) => {
    const [a, b] = found.map(({ name, answers: list }) =>
      list.map((answer) => how(answer, name)).join('\n'));

    return a === b;
  };

  if (same(comparable)) {
    return undefined;
  }

  return same(withoutNext)
    ? { hint: 'a link to another page' }
    : { differ: found.map(({ answers: list }) => describe(list)) };
}

/* { result, detail } of one door on one side; guarded: the gateway's. */
function judge(player, outcome, canaries, guarded) {
  const pieces = player.got.flatMap((got) =>
    [got.bytes, ...got.answers.map((a) => a.body)]);
  const own = without(canaries, Buffer.concat(player.sent));
  const leak = find(own, pieces);
  const said = describe(player.answers);

  if (leak !== undefined) {
    return { result: 'leaks', detail: readable(leak) };
  }

  if (outcome?.differ) {
    const [hidden, never] = outcome.differ;

    return { result: 'leaks', detail: hidden === never
      ? `${hidden}: differs from absent`
      : `hidden ${hidden}, absent ${never}` };
  }

  if (outcome?.hint) {
    return { result: 'hint', detail: outcome.hint };
  }

  if (!guarded) {
    return player.answers.some((a) => a.status < 400)
      ? { result: 'no', detail: said } : { result: 'refused', detail: said };
  }

  const unanswered = player.got.find((got) => !got.ended);
  const unwell = player.answers.find((a) => UNWELL.has(a.status));

  if (unanswered) {
    return { result: 'error', detail: unanswered.error ?? 'no answer' };
  }

  return { result: unwell ? 'error' : 'closed', detail: said };
}

/*
 * Plays one door.  canaries are those of its kind of secrets; "guarded" tells
 * the gateway from the record host.
 */
export async function playDoor(door, side, { context, identities, canaries,
                                             guarded }) {
  const player = new Player(side, identities);
  const outcome = await door.play(player, context);

  if (outcome?.missing) {
    return { result: 'missing', detail: outcome.missing, player };
  }

  const secrets = canaries[door.secrets ?? 'hidden'];

  return { ...judge(player, outcome, secrets, guarded), player };
}
