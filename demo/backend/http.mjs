/*
 * FHIR over HTTP: turns a request into a call of medplum's router and its
 * result into an answer.  Sees no one but the client: no identity, no rights.
 */

import './polyfills.mjs';

import { gzipSync } from 'node:zlib';

import {
  badRequest,
  getStatus,
  normalizeOperationOutcome,
  notFound,
  subsetResource,
} from '@medplum/core';
import { FhirRouter } from '@medplum/fhir-router';

const FHIR_JSON = 'application/fhir+json; charset=utf-8';
const MAX_BODY_BYTES = 64 * 1024 * 1024;
const MIN_GZIP_BYTES = 1024;

const JSON_TYPES = new Set([
  'application/fhir+json',
  'application/json',
  'application/json-patch+json',
]);

class HttpError extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.outcome = {
      resourceType: 'OperationOutcome',
      issue: [{ severity: 'error', code, diagnostics: message }],
    };
  }
}

function readBody(req) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let bytes = 0;

    req.on('data', (chunk) => {
      bytes += chunk.length;

      if (bytes <= MAX_BODY_BYTES) {
        chunks.push(chunk);
      }
    });
    req.on('error', reject);
    req.on('end', () => resolve({ body: Buffer.concat(chunks), bytes }));
  });
}

function parseForm(body) {
  const fields = {};

  for (const [name, value] of new URLSearchParams(body.toString('utf8'))) {
    (fields[name] ??= []).push(value);
  }

  return fields;
}

function parseBody(req, path, body) {
  if (body.length === 0) {
    return undefined;
  }

  const type = (req.headers['content-type'] ?? '').split(';')[0].trim()
                                                  .toLowerCase();

  if (path.endsWith('/_search') &&
      type === 'application/x-www-form-urlencoded') {
    return parseForm(body);
  }

  if (JSON_TYPES.has(type)) {
    try {
      return JSON.parse(body.toString('utf8'));
    } catch (err) {
      throw new HttpError(400, 'structure', `Body is not JSON: ${err.message}`);
    }
  }

  if (path === '/Binary' && type !== '' && !/[+/]xml$/.test(type)) {
    return {
      resourceType: 'Binary',
      contentType: type,
      data: body.toString('base64'),
    };
  }

  throw new HttpError(415, 'not-supported',
                      `Content-Type "${type}" is not supported here`);
}

/* A Binary goes out raw unless the client asks for FHIR JSON by name. */
function wantsFhir(req, query) {
  return /\bjson\b/.test(query.get('_format') ?? req.headers.accept ?? '');
}

function searchLinks(bundle, base, path, query) {
  const type = path.split('/')[1] ?? '';
  const url = (q) => `${base}/${type}${q.toString() === '' ? '' : `?${q}`}`;
  const count = Number.parseInt(query.get('_count'), 10);
  const offset = Number.parseInt(query.get('_offset') ?? '0', 10);

  const page = (relation, from) => {
    const other = new URLSearchParams(query);

    other.set('_offset', String(from));
    bundle.link.push({ relation, url: url(other) });
  };

  bundle.link = [{ relation: 'self', url: url(query) }];

  if (count > 0 && offset + count < bundle.total) {
    page('next', offset + count);
  }

  if (count > 0 && offset > 0) {
    page('previous', Math.max(offset - count, 0));
  }
}

/* medplum's memory store leaves this part of a search to the server. */
function finishSearch(bundle, base, path, query) {
  const elements = query.get('_elements');

  searchLinks(bundle, base, path, query);

  bundle.entry = bundle.entry?.map(({ resource, search }) => ({
    fullUrl: `${base}/${resource.resourceType}/${resource.id}`,
    search,
    resource: elements ? subsetResource(resource, elements.split(','))
                       : resource,
  }));
}

function capabilities() {
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2025-01-01',
    kind: 'instance',
    fhirVersion: '4.0.1',
    format: ['json', 'application/fhir+json'],
    implementation: { description: 'In-memory record host' },
    rest: [
      {
        mode: 'server',
        resource: [
          ['DocumentReference', 'read', 'search-type', 'create', 'patch'],
          ['List', 'read', 'search-type', 'create', 'patch'],
          ['Patient', 'read', 'search-type'],
          ['Binary', 'read', 'create'],
          ['Bundle', 'read'],
        ].map(([type, ...codes]) => ({
          type,
          interaction: codes.map((code) => ({ code })),
        })),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}

function byteRange(header, size) {
  const m = /^bytes=(\d+)-(\d*)$/.exec(header ?? '');

  if (!m || Number(m[1]) >= size) {
    return undefined;
  }

  const end = m[2] === '' ? size - 1 : Math.min(Number(m[2]), size - 1);

  return end < Number(m[1]) ? undefined : [Number(m[1]), end];
}

function validators(resource) {
  const { versionId, lastUpdated } = resource?.meta ?? {};
  const headers = {};

  if (versionId) {
    headers['ETag'] = `W/"${versionId}"`;
  }

  if (lastUpdated) {
    headers['Last-Modified'] = new Date(lastUpdated).toUTCString();
  }

  return headers;
}

function send(req, res, status, headers, body) {
  if (body.length >= MIN_GZIP_BYTES && headers['Content-Range'] === undefined &&
      /\bgzip\b/.test(req.headers['accept-encoding'] ?? '')) {
    body = gzipSync(body);
    headers['Content-Encoding'] = 'gzip';
    headers['Vary'] = 'Accept-Encoding';
  }

  res.writeHead(status, { ...headers, 'Content-Length': body.length });
  res.end(req.method === 'HEAD' ? undefined : body);
}

function sendJson(req, res, status, headers, resource) {
  headers['Content-Type'] = FHIR_JSON;
  send(req, res, status, headers, Buffer.from(JSON.stringify(resource)));
}

function sendBinary(req, res, headers, binary) {
  let body = Buffer.from(binary.data ?? '', 'base64');
  const size = body.length;
  const range = byteRange(req.headers.range, size);

  headers['Content-Type'] = binary.contentType ?? 'application/octet-stream';
  headers['Accept-Ranges'] = 'bytes';

  if (range) {
    headers['Content-Range'] = `bytes ${range[0]}-${range[1]}/${size}`;
    body = body.subarray(range[0], range[1] + 1);
  }

  send(req, res, range ? 206 : 200, headers, body);
}

/*
 * Returns the listener of an http.Server.  "onRequest" is told of each request,
 * once read whole and before any answer.
 */
export function fhirListener(store, { base: fixedBase, onRequest }) {
  const router = new FhirRouter();

  router.add('GET', 'metadata', async () => [
    { resourceType: 'OperationOutcome', id: 'ok' },
    capabilities(),
  ]);

  async function answer(req, res, body) {
    const mark = req.url.indexOf('?');
    const target = mark < 0 ? req.url : req.url.slice(0, mark);
    const inBase = /^\/fhir(?=\/|$)/.exec(target);

    if (!inBase) {
      return sendJson(req, res, 404, {}, notFound);
    }

    const path = target.slice(inBase[0].length);
    const base = fixedBase ?? `http://${req.headers.host ?? 'localhost'}/fhir`;
    const parsed = parseBody(req, path, body);
    const isForm = path.endsWith('/_search');
    const query = new URLSearchParams(mark < 0 ? '' : req.url.slice(mark));

    const [outcome, resource] = await router.handleRequest(
      {
        method: req.method === 'HEAD' ? 'GET' : req.method,
        url: req.url.slice(inBase[0].length),
        pathname: '',
        params: {},
        query: {},
        headers: req.headers,
        body: parsed ?? (isForm ? {} : undefined),
        config: { transactions: true },
      },
      store
    );

    const status = getStatus(outcome);
    const headers = validators(resource);

    if (resource === undefined || status >= 400) {
      return sendJson(req, res, status, {}, outcome);
    }

    if (status === 201) {
      headers['Location'] = `${base}/${resource.resourceType}/${resource.id}` +
                            `/_history/${resource.meta.versionId}`;
    }

    if (req.method === 'GET' && headers['ETag'] &&
        req.headers['if-none-match'] === headers['ETag']) {
      res.writeHead(304, headers);
      return res.end();
    }

    if (resource.resourceType === 'Bundle' && resource.type === 'searchset' &&
        !/^\/Bundle\/[^_]/.test(path)) {
      finishSearch(resource, base, path, isForm
        ? new URLSearchParams(body.toString('utf8'))
        : query);
    }

    if (resource.resourceType === 'Binary' && /^(GET|HEAD)$/.test(req.method) &&
        !wantsFhir(req, query)) {
      return sendBinary(req, res, headers, resource);
    }

    return sendJson(req, res, status, headers, resource);
  }

  return async (req, res) => {
    try {
      const { body, bytes } = await readBody(req);

      onRequest(req, body, bytes);

      if (bytes > MAX_BODY_BYTES) {
        throw new HttpError(413, 'too-long',
                            `Body is larger than ${MAX_BODY_BYTES} bytes`);
      }

      await answer(req, res, body);
    } catch (err) {
      if (res.headersSent || res.destroyed) {
        res.destroy();
      } else if (err instanceof HttpError) {
        sendJson(req, res, err.status, {}, err.outcome);
      } else {
        const outcome = normalizeOperationOutcome(err) ??
                        badRequest(String(err));
        sendJson(req, res, getStatus(outcome), {}, outcome);
      }
    }
  };
}
