/*
 * report.mjs SAMPLES SCAN FOLDER FACTS: what the slices that run.sh took come
 * to: a table for people on standard output, FOLDER/report.json for machines,
 * FOLDER/REPORT.md to keep.  FACTS is JSON: how it was measured.
 */

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';

import { reportOf } from './report_data.mjs';
import { figuresOf } from './report_figures.mjs';
import { Samples } from './report_stats.mjs';
import { printReport } from './report_table.mjs';
import { textOf } from './report_text.mjs';

const [samplesFile, scanFile, folder, factsText] = process.argv.slice(2);
const facts = JSON.parse(factsText);

/* What a command says of its version, on either output; null without it. */
function version(pattern, command, ...args) {
  try {
    const said = execFileSync('sh', ['-c', '"$@" 2>&1', 'sh', command, ...args],
      { encoding: 'utf8' });

    return (said.match(pattern) ?? [])[1] ?? null;
  } catch {
    return null;
  }
}

function packageVersion(name) {
  return version(/^(\S+)/, 'dpkg-query', '-W', '-f', '${Version}', name);
}

const scan = Object.fromEntries(
  readFileSync(scanFile, 'utf8').split('\n').filter(Boolean).map((line) => {
    const [name, value, unit] = line.split(' ');
    return [name, { value: Number(value), unit }];
  })
);

const body = reportOf(new Samples(samplesFile), scan);

const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: {
    cpu: cpus()[0].model.trim(),
    cores: cpus().length,
    kernel: release(),
    redis: version(/v=(\S+)/, 'redis-server', '--version'),
    openssl: version(/^OpenSSL (\S+)/, 'openssl', 'version'),
    nginx: version(/nginx\/(\S+)/, 'nginx', '-v'),
    lua: packageVersion('libnginx-mod-http-lua'),
    haproxy: version(/version (\S+)/i, 'haproxy', '-v'),
    cerbos: facts.cerbos || null,
  },
  run: {
    slice_ms: facts.slice_ms,
    clients: facts.clients,
    seconds: facts.seconds,
    cerbos_missing: facts.cerbos_missing || null,
  },
  ...body,
  figures: figuresOf(body),
};

writeFileSync(`${folder}/report.json`, `${JSON.stringify(report, null, 2)}\n`);
writeFileSync(`${folder}/REPORT.md`, textOf(report));

printReport(report);
console.log(`\nwritten to ${folder}/report.json and ${folder}/REPORT.md`);
