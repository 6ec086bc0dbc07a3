/*
 * pages.mjs PORT PKI TARGET: follows the links of a search from page to page,
 * as a client does, and prints the target of each page.
 */

import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:https';

const [port, pki, first] = process.argv.slice(2);
const PAGES_MAX = 1000;

const agent = new Agent({
  keepAlive: true,
  cert: readFileSync(`${pki}/morel.pem`),
  key: readFileSync(`${pki}/morel.key`),
  ca: readFileSync(`${pki}/server-ca.pem`),
  servername: 'localhost',
});

function fetchPage(path) {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent, headers: { Host: 'localhost' } }, (answer) => {
      const parts = [];

      answer.on('data', (part) => parts.push(part));
      answer.on('error', reject);
      answer.on('end', () => {
        const body = Buffer.concat(parts).toString();

        if (answer.statusCode !== 200) {
          reject(new Error(`a page was answered ${answer.statusCode}: ${body.slice(0, 200)}`));
          return;
        }

        resolve(JSON.parse(body));
      });
    }).on('error', reject);
  });
}

let target = first;

for (let n = 0; target; n += 1) {
  if (n === PAGES_MAX) {
    throw new Error('the pages do not end');
  }

  console.log(target);

  const page = await fetchPage(target);
  const next = (page.link ?? []).find(({ relation }) => relation === 'next');

  target = next ? new URL(next.url, `https://localhost:${port}`) : null;
  target &&= target.pathname + target.search;
}

agent.destroy();
