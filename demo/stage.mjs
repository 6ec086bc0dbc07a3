/*
 * What the story is told with: paragraphs and colours, curl and its answers,
 * dmpctl, the store, the record host's log, and facts that must hold.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';

const WIDTH = 98;

export const place = {
  gateway: process.env.DEMO_GATEWAY,           /* https://localhost:PORT/fhir */
  api: process.env.DEMO_API,                   /* https://localhost:PORT/api */
  centre15: process.env.DEMO_CENTRE_15,        /* the same on a port of its own */
  host: process.env.DEMO_HOST,                 /* http://127.0.0.1:PORT/fhir */
  socket: process.env.DEMO_SOCKET,             /* of Redis */
  run: process.env.DEMO_RUN,                   /* folder of this run */
};

/* A step that is not as told. */
export class NotAsTold extends Error {}


/* ------------------------------------------------------------------ paper */

const colours = process.stdout.isTTY && !process.env.NO_COLOR;
const paint = (code) => (text) =>
  colours ? `\x1b[${code}m${text}\x1b[0m` : text;

const bold = paint('1');
const dim = paint('2');
const red = paint('31');
const green = paint('32');
const blue = paint('36');

function print(text = '') {
  process.stdout.write(`${text}\n`);
}

function wrap(text, indent, width = WIDTH) {
  const lines = [''];

  for (const word of text.trim().split(/\s+/)) {
    const line = lines.at(-1);

    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(word);
    } else {
      lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
    }
  }

  return lines.map((line) => indent + line);
}

export function chapter(title) {
  print(`\n\n${bold(title)}\n${'─'.repeat(WIDTH)}`);
}

export function tell(text) {
  print(`\n${wrap(text, '').join('\n')}`);
}

export function show(lines, indent = '    ') {
  for (const line of lines) {
    print(line === '' ? '' : indent + line);
  }
}

/* Several lines stand as they would be typed: ended by "\". */
function showCommand(lines) {
  print();
  lines.forEach((line, i) => {
    const more = i < lines.length - 1 ? ' \\' : '';
    print(blue(`  ${i === 0 ? '$ ' : '      '}${line}${more}`));
  });
}

function onOneLine(value) {
  if (value === null || typeof value !== 'object') {
    return JSON.stringify(value);
  }

  if (Array.isArray(value)) {
    return `[${value.map(onOneLine).join(', ')}]`;
  }

  const members = Object.entries(value)
    .map(([name, inner]) => `"${name}": ${onOneLine(inner)}`);

  return members.length ? `{ ${members.join(', ')} }` : '{}';
}

/* JSON as a person would write it: on one line where that fits. */
export function pretty(value, room = WIDTH - 4) {
  const line = onOneLine(value);

  if (line.length <= room || value === null || typeof value !== 'object') {
    return [line];
  }

  if (Array.isArray(value) && value.length === 1) {
    const lines = pretty(value[0], room - 2);

    lines[0] = `[${lines[0]}`;
    lines.push(`${lines.pop()}]`);
    return lines;
  }

  const list = Array.isArray(value);
  const parts = Object.entries(value).map(([key, inner]) => {
    const name = list ? '' : `"${key}": `;
    const lines = pretty(inner, room - 3 - name.length);

    lines[0] = name + lines[0];
    return lines;
  });

  parts.slice(0, -1).forEach((lines) => lines.push(`${lines.pop()},`));

  return [
    list ? '[' : '{',
    ...parts.flat().map((l) => `  ${l}`),
    list ? ']' : '}',
  ];
}

/* Long strings as their beginning. */
export function shortened(value, longest = 24) {
  if (typeof value === 'string') {
    return value.length > longest ? `${value.slice(0, 10)}…` : value;
  }

  if (Array.isArray(value)) {
    return value.map((v) => shortened(v, longest));
  }

  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [k, shortened(v, longest)])
    );
  }

  return value;
}


/* ------------------------------------------------------------------ facts */

function fact(mark, sentence) {
  const [first, ...rest] = wrap(sentence, '    ');

  print(`  ${mark} ${first.trim()}`);
  rest.forEach((line) => print(line));
}

/* States a fact of the step; the demo ends where one does not hold. */
export function must(holds, sentence, found) {
  if (!holds) {
    throw new NotAsTold(
      `this does not hold: ${sentence}` +
        (found === undefined
          ? '' : ` (found: ${JSON.stringify(found).slice(0, 400)})`)
    );
  }

  fact(green('✓'), sentence);
}

/* Facts that a reader need not be told of. */
export function quietly(holds, sentence, found) {
  if (!holds) {
    must(false, sentence, found);
  }
}

/* Calls "fact" until it gives something, which is returned. */
export async function when(what, fact_, seconds = 10) {
  const end = Date.now() + seconds * 1000;

  for (;;) {
    const value = await fact_();

    if (value) {
      return value;
    }

    if (Date.now() > end) {
      throw new NotAsTold(`waited ${seconds} s in vain for ${what}`);
    }

    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}


/* --------------------------------------------------------------- requests */

/* curl's own words for what it got: status line, headers, body. */
function parseAnswer(bytes) {
  const text = bytes.toString('utf8');
  const end = text.indexOf('\r\n\r\n');

  if (end < 0) {
    return undefined;
  }

  const [first, ...lines] = text.slice(0, end).split('\r\n');
  const body = text.slice(end + 4);
  const headers = Object.fromEntries(
    lines.map((l) => [
      l.slice(0, l.indexOf(':')).toLowerCase(),
      l.slice(l.indexOf(':') + 1).trim(),
    ])
  );

  let json;

  try {
    json = JSON.parse(body);
  } catch {
    /* an HTML page, which has its place in the story */
  }

  return {
    line: first.replace(/^HTTP\/\S+ /, ''),
    status: Number(first.split(' ')[1]),
    trace: headers['dmp-trace-id'],
    headers,
    body,
    json,
  };
}

/* What stands in a request for longer words, which the reader is told once. */
const words = {};

export function abbreviate(name, meaning) {
  words[name] = meaning;
}

const spelt = (target) =>
  target.replace(/\$([A-Z]+)/g, (word, name) => words[name] ?? word);

/* Percent-encoded, and safe between quotes of either kind. */
export const percent = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const bases = {
  gateway: ['$DMP', () => place.gateway],
  host: ['$HOST', () => place.host],
  api: ['$API', () => place.api],
  centre15: ['$SAMU', () => place.centre15],
};

/* Options of curl as a person would type them, and as curl gets them. */
function optionsOf({ card, method, headers = [], json }) {
  const options = [];

  if (card) {
    options.push(['--cert', `${card}.pem`, '--key', `${card}.key`]);
  }

  if (method) {
    options.push(['--request', method]);
  }

  for (const header of headers) {
    options.push(['--header', header]);
  }

  if (json) {
    options.push(['--json', JSON.stringify(json)]);
  }

  return options;
}

const quoted = (word) => (/^[\w.,:/=@-]+$/.test(word) ? word : `'${word}'`);

/* A body that is too long for a line, over several. */
function shownJson(text) {
  const lines = pretty(JSON.parse(text), 64);

  // within quotes a line goes on by itself
  return `--json '${lines.join('\n        ')}'`;
}

function shownCommand(options, url) {
  const lines = [];
  let line = 'curl';

  for (const option of options) {
    if (option[0] === '--json' && option[1].length > 64) {
      lines.push(line, shownJson(option[1]));
      line = '';
      continue;
    }

    const text = option.map(quoted).join(' ');

    if (line.length + 1 + text.length > 70) {
      lines.push(line);
      line = text;
    } else {
      line += ` ${text}`;
    }
  }

  if (options.length && line.length + url.length > 70) {
    lines.push(line);
    line = `"${url}"`;
  } else if (line === '') {
    line = `"${url}"`;
  } else {
    line += ` "${url}"`;
  }

  return [...lines, line];
}

/*
 * Runs curl as it is shown, but for what "as a person would type it" leaves
 * out.  "card" names a certificate of the test PKI; "to" one of the bases
 * above, the gateway unless said; $WORDS of the target stand for longer ones.
 */
export function request(target, { to = 'gateway', ...how } = {}) {
  const [name, base] = bases[to];
  const options = optionsOf(how);

  showCommand(shownCommand(options, `${name}/${target}`));

  const run = spawnSync(
    'curl',
    [
      '-q', '--silent', '--show-error', '--include', '--globoff',
      '--max-time', '30', '--noproxy', '*', '--cacert', 'server-ca.pem',
      ...options.flat(), `${base()}/${spelt(target)}`,
    ],
    { cwd: `${place.run}/pki`, maxBuffer: 1 << 28 }
  );

  const answer = run.status === 0 ? parseAnswer(run.stdout) : undefined;

  if (!answer) {
    throw new NotAsTold(
      `curl got no answer: ${run.error?.message ?? run.stderr.toString().trim()}`
    );
  }

  print();
  show([bold(answer.line)]);
  return answer;
}

/* What the host's own software does, which nobody guards. */
export async function putAtHost(document) {
  const answer = await fetch(`${place.host}/DocumentReference/${document.id}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/fhir+json' },
    body: JSON.stringify(document),
  });

  quietly(answer.ok, 'the host takes the document', answer.status);
}

/* The sentence of a refusal, which may be long. */
function showSentence(text) {
  const [first, ...rest] = wrap(`"text": "${text}" …`, '  ', WIDTH - 4);

  show([first, ...rest.map((line) => `  ${line}`)]);
}

/* A file where curl runs, as "--header @NAME" reads it. */
export function keepHeaders(name, headers) {
  writeFileSync(`${place.run}/pki/${name}`, `${headers.join('\n')}\n`);
}

/* A refusal; "brief": only the part in which one differs from another. */
export function showRefusal(answer, brief) {
  const issue = answer.json?.issue?.[0];

  quietly(
    answer.json?.resourceType === 'OperationOutcome' && issue,
    'a refusal is an OperationOutcome',
    answer.body.slice(0, 200)
  );

  if (brief) {
    answer.json.issue.forEach(({ details }) => {
      show([`… "coding": [{ "code": "${details.coding[0].code}" }],`]);
      showSentence(details.text);
    });
    return;
  }

  show(
    pretty({
      resourceType: 'OperationOutcome',
      issue: [
        {
          code: issue.code,
          details: {
            coding: [{ code: issue.details.coding[0].code }],
            text: issue.details.text,
          },
          diagnostics: issue.diagnostics,
        },
      ],
    })
  );
}

export const reasonOf = (answer) =>
  answer.json?.issue?.[0]?.details?.coding?.[0]?.code;

/* What a refusal says beyond why: that another mode would open it. */
export const hintOf = (answer) =>
  answer.json?.issue?.flatMap((issue) => issue.details.coding)
    .find((coding) => coding.system === 'urn:dmp:hint')?.code;

export const documentsOf = (answer) =>
  (answer.json?.entry ?? [])
    .map((entry) => entry.resource)
    .filter((resource) => resource?.resourceType === 'DocumentReference');

const authorOf = (document) => {
  const inner = document.contained?.find(
    (r) => r.resourceType === 'Practitioner'
  );

  return inner ? `${inner.name[0].given[0]} ${inner.name[0].family}` : '';
};

/* The documents of a search answer, one a line. */
export function showDocuments(answer, mark = () => '') {
  const documents = documentsOf(answer);

  show(pretty({
    resourceType: answer.json.resourceType,
    type: answer.json.type,
    entry: [`… ${documents.length} documents, one a line below`],
  }));

  for (const document of documents) {
    show([
      [
        document.date.slice(0, 10),
        document.id.padEnd(22),
        authorOf(document).padEnd(14),
        document.description + mark(document),
      ].join('  '),
    ], '      ');
  }
}

export function showJson(value) {
  show(pretty(value));
}

export function showText(text) {
  for (const line of text.trimEnd().split('\n')) {
    const [first, ...rest] = wrap(line, /^ */.exec(line)[0], WIDTH - 4);

    show(line.length > WIDTH - 4 ? [first, ...rest] : [line]);
  }
}


/* ----------------------------------------------------------------- dmpctl */

/* Runs dmpctl; "shown" is the command as it is shown, if it is. */
export function dmpctl(args, shown) {
  if (shown) {
    showCommand(shown);
  }

  const run = spawnSync(`${place.run}/bin/dmpctl`, args, { encoding: 'utf8' });

  if (run.error) {
    throw new NotAsTold(`dmpctl: ${run.error.message}`);
  }

  if (shown) {
    print();
    showText(run.stdout + run.stderr);
  }

  return { status: run.status, out: run.stdout, err: run.stderr };
}

export const store = ['--redis', `unix:${place.socket}`];

export function showTyped(lines) {
  showCommand(lines);
  print();
}


/* -------------------------------------------------------------- the store */

/* One reply of RESP2 at "at"; undefined while it is incomplete. */
function parseReply(buffer, at) {
  const end = buffer.indexOf('\r\n', at);

  if (end < 0) {
    return undefined;
  }

  const line = buffer.toString('utf8', at + 1, end);
  const next = end + 2;
  const size = Number(line);

  switch (String.fromCharCode(buffer[at])) {
    case '+':
      return { value: line, next };

    case ':':
      return { value: size, next };

    case '-':
      return { value: new Error(`redis: ${line}`), next };

    case '$':
      if (size < 0) {
        return { value: null, next };
      }

      return buffer.length < next + size + 2 ? undefined : {
        value: buffer.toString('utf8', next, next + size),
        next: next + size + 2,
      };

    case '*': {
      if (size < 0) {
        return { value: null, next };
      }

      const value = [];
      let from = next;

      while (value.length < size) {
        const item = parseReply(buffer, from);

        if (!item) {
          return undefined;
        }

        value.push(item.value);
        from = item.next;
      }

      return { value, next: from };
    }

    default:
      throw new Error('redis: not RESP');
  }
}

/*
 * Sends commands to Redis over one connection, in one write, and gives their
 * replies: what redis-cli would do, for a program.
 */
export function redis(...commands) {
  return new Promise((resolve, reject) => {
    const socket = connect(place.socket);
    const replies = [];
    let buffer = Buffer.alloc(0);

    socket.on('error', reject);
    socket.on('close', () => reject(new Error('redis closed the connection')));
    socket.on('data', (chunk) => {
      buffer = Buffer.concat([buffer, chunk]);

      let reply;
      let at = 0;

      while (at < buffer.length && (reply = parseReply(buffer, at))) {
        at = reply.next;
        replies.push(reply.value);
      }

      buffer = buffer.subarray(at);

      if (replies.length >= commands.length) {
        const failed = replies.find((r) => r instanceof Error);

        socket.end();
        failed ? reject(failed) : resolve(replies);
      }
    });

    for (const words of commands) {
      const parts = words.map(
        (w) => `$${Buffer.byteLength(String(w))}\r\n${w}\r\n`
      );
      socket.write(`*${words.length}\r\n${parts.join('')}`);
    }
  });
}


/* -------------------------------------------------------------- the trace */

const idOrder = (id) => id.split('-').map((n) => n.padStart(20, '0')).join();

/* All entries of all streams, oldest first. */
export async function trace() {
  const [keys] = await redis(['KEYS', '{dmp:*}:trace']);
  const streams = await redis(...keys.map((k) => ['XRANGE', k, '-', '+']));

  return streams
    .flatMap((items, i) =>
      items.map(([id, fields]) => {
        const raw = fields[fields.indexOf('b') + 1];

        return {
          id,
          stream: keys[i],
          raw,
          outcome: fields[fields.indexOf('o') + 1],
          body: JSON.parse(raw),
        };
      })
    )
    .sort((a, b) => (idOrder(a.id) < idOrder(b.id) ? -1 : 1));
}

export const isAccess = ({ body }) =>
  body.kind === 'access' || body.kind === 'change';

/*
 * The entry with the trace id that an answer carries; the last one, where the
 * gateway decided again because the record had changed.
 */
export async function entryOf(answer) {
  const entry = (await trace())
    .filter((e) => e.body.trace === answer.trace).at(-1);

  if (!answer.trace || !entry) {
    throw new NotAsTold(
      `the answer's DMP-Trace-Id (${answer.trace}) is in no entry of the trace`
    );
  }

  return entry;
}

/* What the gateway noted once the answer had left. */
export function outcomeOf(answer) {
  return when('the outcome in the trace', async () =>
    (await trace())
      .flatMap(({ body }) => body.outcomes ?? [])
      .map(([trace, status, bytes, shown, withheld, reason]) => ({
        trace, status, bytes, shown, withheld, reason
      }))
      .find((o) => o.trace === answer.trace)
  );
}

/* People by the numbers that the trace has: it holds no names. */
const people = new Map();

export function introduce(id, name) {
  people.set(id, name);
}

/* Decided on a version of the record that was not current any more. */
export const isSuperseded = (entry) => isAccess(entry) && entry.outcome === '0';

/* time, who, what, patient, decision, reason */
export function cellsOf(entry) {
  const { body } = entry;
  const { actor, documents } = body;

  const who = actor?.kind === 'operator'
    ? `operator ${actor.id}`
    : actor?.kind === 'patient'
      ? `${actor.id.slice(0, 6)}… the patient`
    : actor?.id
      ? `${actor.id} ${people.get(actor.id) ?? ''}`
      : 'nobody known';

  const what = body.kind !== 'change'
    ? body.operation + (documents?.length ? '*' : '')
      + (body.emergency ? ' !' : '')
    : body.change
      ?? (body.operation === 'rights' ? `change → v${body.new_version}`
        : body.operation);

  return [
    body.time.slice(11, 19),
    who.trim(),
    what,
    body.patient ? `${body.patient.slice(0, 6)}…` : '–',
    body.decision,
    isSuperseded(entry) ? '(superseded)' : body.reason ?? '',
  ];
}

const COLUMNS = [8, 24, 11, 7, 5, 0];

export const row = (cells) =>
  cells.map((c, i) => c.padEnd(COLUMNS[i])).join('  ').trimEnd();

const HEADING = ['UTC', 'who', 'what', 'patient', 'said', 'why not'];

let entriesShown = 0;

export function showEntry(entry) {
  print();

  if (entriesShown++ === 0) {
    print(dim(`           ${row(HEADING)}`));
  }

  print(`    ${dim('trace')}  ${row(cellsOf(entry))}\n`);
}

export function showRows(rows) {
  print();
  show([
    dim(row(HEADING)),
    ...rows.map(row),
  ]);
  print();
}


/* ------------------------------------------------------------- the outbox */

/* Where the notices about the patient of an entry wait. */
export const outboxOf = (entry) => entry.stream.replace(':trace', ':outbox');

/* What came into it behind that id, oldest first. */
export async function notices(outbox, behind = '0-0') {
  const [items] = await redis(['XRANGE', outbox, `(${behind}`, '+']);

  return items.map(([id, fields]) => ({
    id,
    fields,
    kind: fields[fields.indexOf('k') + 1],
    patient: fields[fields.indexOf('p') + 1],
    entry: fields[fields.indexOf('e') + 1],
  }));
}

/* The same, as redis-cli shows it. */
export async function showNotices(outbox, behind) {
  const found = await notices(outbox, behind);

  showTyped([`redis-cli -s redis.sock XRANGE '${outbox}' '(${behind}' +`]);

  show(found.length === 0 ? ['(empty array)'] : found.flatMap((n, i) => [
    `${i + 1}) 1) "${n.id}"`,
    ...n.fields.map((field, j) =>
      `   ${j === 0 ? '2)' : '  '} ${j + 1}) "${field}"`),
  ]));

  return found;
}


/* ------------------------------------------- the record host, and the logs */

export function hostReceived() {
  return readFileSync(`${place.run}/record-host.requests.jsonl`, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/* What the gateway wrote into its two logs. */
export function gatewayLogs() {
  return ['nginx.access.log', 'nginx.error.log']
    .map((name) => readFileSync(`${place.run}/${name}`, 'utf8')).join('');
}

export function fail(message, step) {
  print();
  process.stderr.write(
    `${red(bold('The demo is not as told'))}${step ? `, in ${step}` : ''}:\n` +
      `${wrap(message, '  ').join('\n')}\n`
  );
}
