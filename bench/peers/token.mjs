/*
 * token.mjs KEY ROLE: a header with a token for haproxy, signed RS256 with the
 * key, good for a day.
 */

import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const [keyFile, role] = process.argv.slice(2);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const now = Math.floor(Date.now() / 1000);

const signed = [
  encode({ alg: 'RS256', typ: 'JWT' }),
  encode({ iss: 'bench', sub: '899700218896', role, iat: now, exp: now + 86400 }),
].join('.');
const signature = createSign('RSA-SHA256').update(signed)
  .sign(readFileSync(keyFile, 'utf8'), 'base64url');

process.stdout.write(`Authorization: Bearer ${signed}.${signature}`);
