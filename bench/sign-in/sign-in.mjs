/*
 * sign-in.mjs PORT CA SECONDS CONNECTIONS: wrong passwords of identifiers that
 * nobody has, one after the other on each connection: each takes a derivation,
 * and none a code.  Prints one line of JSON.
 */

import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { randomBytes } from 'node:crypto';

const [port, ca, seconds, connections] = process.argv.slice(2);
const agent = new Agent({ keepAlive: true, maxSockets: Number(connections) });
const trusted = readFileSync(ca);
const counts = {};
const took = [];

function attempt() {
  const body = JSON.stringify({
    identifier: randomBytes(8).toString('hex'), password: 'une phrase de passe',
  });
  const began = performance.now();

  return new Promise((resolve, reject) => {
    const r = request({
      port, host: '127.0.0.1', servername: 'localhost', ca: trusted, agent,
      path: '/api/session', method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    }, (answer) => {
      answer.resume();
      answer.on('end', () => {
        counts[answer.statusCode] = (counts[answer.statusCode] ?? 0) + 1;
        took.push(performance.now() - began);
        resolve();
      });
    });

    r.on('error', reject);
    r.end(body);
  });
}

const began = performance.now();
const until = began + seconds * 1000;

async function client() {
  while (performance.now() < until) {
    await attempt();
  }
}

await Promise.all(Array.from({ length: Number(connections) }, client));

const elapsed = (performance.now() - began) / 1000;

took.sort((a, b) => a - b);
agent.destroy();

console.log(JSON.stringify({
  rate: (counts[401] ?? 0) / elapsed, counts,
  p50_ms: took[took.length >> 1], p99_ms: took[Math.floor(took.length * 0.99)],
}));
