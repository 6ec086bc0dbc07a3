/*
 * Who and what the story is about, and the steps that its chapters share: a
 * request with what reached the record host, a refusal, a change by dmpctl.
 */

import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import {
  abbreviate, dmpctl, documentsOf, entryOf, hostReceived, introduce, must, place,
  quietly, reasonOf, request, showEntry, showRefusal, store, trace,
} from './stage.mjs';

export const INS = '285037512000151';
export const JEANNE = `urn:oid:1.2.250.1.213.1.4.8%7C${INS}`;

abbreviate('INS', INS);
abbreviate('JEANNE', JEANNE);

export const PETIT = '899700314422';
export const ROUX = '899700451273';
export const LEROY = '899700588637';
export const FAURE = '899700610944';
export const GIRAUD = '899700277017';
export const SAMU = '899701100515';
export const CENTRE = '1750000015';

introduce(PETIT, 'Hugo Petit');
introduce(ROUX, 'Sophie Roux');
introduce(LEROY, 'Marc Leroy');
introduce(FAURE, 'Nadia Faure');
introduce(GIRAUD, 'René Giraud');
introduce(SAMU, 'Agathe Samu');
introduce('1750712184', 'CHU de test');

/* The document that Dr Morel masked, and the one that Jeanne will mask. */
export const PSYCHIATRY = 'martin-psychiatrie';
export const ULTRASOUND = 'martin-imagerie-1';

export const SEARCH = 'DocumentReference?patient.identifier=$JEANNE';


/* ------------------------------------------------------------ the record */

/* Days of the record are days in France. */
export function dayInParis(years) {
  const parts = Object.fromEntries(
    new Intl.DateTimeFormat('en', {
      timeZone: 'Europe/Paris',
      year: 'numeric', month: 'numeric', day: 'numeric',
    }).formatToParts(new Date()).map(({ type, value }) => [type, Number(value)])
  );

  return new Date(Date.UTC(parts.year + years, parts.month - 1, parts.day))
    .toISOString().slice(0, 10);
}

export const record = {
  ins: INS,
  status: 'open',
  traits: {
    family: 'MARTIN', birth_family: 'LEFÈVRE', given: 'Jeanne Zoé',
    birthdate: '1985-03-02', sex: 'F',
  },
  blocked: [ROUX],
};

const keys = `${place.run}/keys`;
const policy = new URL('../conf/policy/policy-test.json', import.meta.url);

const asOperator = [
  ...store, '--operator', 'helpdesk', '--node', 'office',
  '--record-key', `${keys}/record.key`, '--audit-key', `${keys}/audit.key`,
];

const withRecords = [
  ...asOperator, '--pseudonym-key', `${keys}/pseudonym.key`,
];

export function importRecord(shown) {
  const file = `${place.run}/jeanne.json`;

  writeFileSync(file, `${JSON.stringify(record)}\n`);

  const { status, err } = dmpctl(
    ['record', 'import', file, ...withRecords],
    shown && [
      'dmpctl record import jeanne.json --redis unix:redis.sock --operator helpdesk',
      '--record-key record.key --pseudonym-key pseudonym.key --audit-key audit.key',
    ]
  );

  quietly(status === 0, 'dmpctl record import succeeds', err);
}

export function importDirectory(name, lines) {
  const file = `${place.run}/${name}`;

  writeFileSync(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));

  const { status, err } = dmpctl(
    ['directory', 'import', file, ...asOperator],
    [
      `dmpctl directory import ${name} --redis unix:redis.sock --operator helpdesk`,
      '--record-key record.key --audit-key audit.key',
    ]
  );

  quietly(status === 0, 'dmpctl directory import succeeds', err);
}

export async function lastChange() {
  return (await trace()).filter(({ body }) => body.kind === 'change').at(-1);
}

let changes = 0;

/* A change of Jeanne's rights that the helpdesk makes for her. */
export async function helpdesk(verb, ...words) {
  const command = ['dmpctl record', verb, '$INS', ...words].join(' ');

  const { status, err } = dmpctl(
    ['record', verb, INS, ...words, ...withRecords,
     '--policy', fileURLToPath(policy)],
    changes++ > 0 ? [`${command} …`] : [
      command,
      '--redis unix:redis.sock --operator helpdesk --policy policy.json',
      '--record-key record.key --pseudonym-key pseudonym.key --audit-key audit.key',
    ]
  );

  quietly(status === 0, `dmpctl record ${verb} succeeds`, err);

  const change = await lastChange();

  showEntry(change);
  quietly(change.outcome === 'R' && change.body.actor.kind === 'operator',
          'the change is in the trace', change);

  return change;
}


/* --------------------------------------------------------------- helpers */

/* A request of the gateway, with what the record host received meanwhile. */
export function ask(target, options) {
  const before = hostReceived().length;
  const answer = request(target, options);

  return { ...answer, received: hostReceived().length - before };
}

export const nothingReached = (answer) =>
  must(answer.received === 0, 'The record host received nothing of this.',
       answer.received);

let refusals = 0;

export async function refused(answer, status, reason, meaning) {
  showRefusal(answer, refusals++ > 0);

  const entry = await entryOf(answer);

  showEntry(entry);
  must(answer.status === status && reasonOf(answer) === reason,
       `Refused, ${status} ${reason}: “${meaning}”`,
       { status: answer.status, reason: reasonOf(answer) });
  must(entry.body.decision === 'deny', 'The refusal is in the trace.',
       entry.body.decision);

  return entry;
}

export const names = (answer, id) =>
  documentsOf(answer).some((document) => document.id === id);

export async function refusedSearch(card, status, reason, meaning) {
  const answer = ask(SEARCH, { card });

  await refused(answer, status, reason, meaning);
  nothingReached(answer);
}

export async function allowed(answer, mode) {
  const entry = await entryOf(answer);

  showEntry(entry);
  quietly(answer.status === 200 && entry.body.decision === 'allow' &&
          entry.outcome === '1', 'it is allowed', entry);
  quietly(entry.body.mode === mode &&
          (mode !== 'normal') === (entry.body.emergency === true),
          'the trace has the mode', entry.body);

  return entry;
}
