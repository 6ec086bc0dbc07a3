/*
 * Plays the drill on the demo's stage, whose addresses demo/run.sh gives: two
 * patients, of whom one has authorised Dr Petit.
 */

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { dmpctl, place, store } from '../demo/stage.mjs';

const INS = 'urn:oid:1.2.250.1.213.1.4.8';
const MARTIN = '285037512000151';
const DURAND = '172066912304538';
const PETIT = '899700314422';

const traits = (family, given) => ({ family, given });

const records = [
  {
    ins: MARTIN, status: 'open', traits: traits('MARTIN', 'Jeanne'),
    authorisations: {
      [PETIT]: { since: '2020-01-01', until: '2100-01-01', by: 'patient' },
    },
  },
  { ins: DURAND, status: 'open', traits: traits('DURAND', 'Paul') },
];

const keys = `${place.run}/keys`;
const pki = `${place.run}/pki`;
const file = `${place.run}/jeanne.json`;    /* which run.sh removes */

writeFileSync(file, records.map((r) => `${JSON.stringify(r)}\n`).join(''));

const imported = dmpctl([
  'record', 'import', file, ...store, '--operator', 'drill', '--node', 'office',
  '--record-key', `${keys}/record.key`,
  '--pseudonym-key', `${keys}/pseudonym.key`,
  '--audit-key', `${keys}/audit.key`,
]);

if (imported.status !== 0) {
  process.stderr.write(`drill: dmpctl record import: ${imported.err}\n`);
  process.exit(3);
}

const run = spawnSync(process.execPath, [
  fileURLToPath(new URL('drill.mjs', import.meta.url)),
  '--host', place.host, '--gateway', place.gateway,
  '--cert', `${pki}/petit.pem`, '--key', `${pki}/petit.key`,
  '--other-cert', `${pki}/leroy.pem`, '--other-key', `${pki}/leroy.key`,
  '--cacert', `${pki}/server-ca.pem`,
  '--patient', `${INS}|${MARTIN}`, '--other-patient', `${INS}|${DURAND}`,
  '--plant', '--hidden', 'martin-psychiatrie', '--changes',
  '--at-least', '60', ...process.argv.slice(2),
], { stdio: 'inherit' });

process.exit(run.status ?? 3);
