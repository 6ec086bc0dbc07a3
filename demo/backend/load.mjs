/*
 * Fills the store from folders of JSON and NDJSON at start.  Nothing is
 * validated or repaired: published examples have defects, and the tests want
 * them as they are.  Of the seed's own, "{base}/" becomes the host's address,
 * and what stands for a scan becomes one.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { scanOf } from './pdf.mjs';

const BASE_MARK = '{base}/';

function parse(path, text) {
  try {
    return JSON.parse(text);
  } catch (err) {
    throw new Error(`${path}: not JSON: ${err.message}`);
  }
}

function* resourcesIn(dir) {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);

    if (name.endsWith('.json')) {
      /* some published files open with a byte order mark */
      const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
      yield { path, resource: parse(path, text) };
    } else if (name.endsWith('.ndjson')) {
      const lines = readFileSync(path, 'utf8').split('\n');

      for (const [i, line] of lines.entries()) {
        const where = `${path}:${i + 1}`;

        if (line.trim() !== '') {
          yield { path: where, resource: parse(where, line) };
        }
      }
    }
  }
}

function replaceStrings(value, replacement) {
  if (typeof value === 'string') {
    return replacement(value) ?? value;
  }

  if (Array.isArray(value)) {
    return value.map((v) => replaceStrings(v, replacement));
  }

  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(
      Object.entries(value).map(([k, v]) => [k, replaceStrings(v, replacement)])
    );
  }

  return value;
}

function unmarked(text, base) {
  if (text.startsWith(BASE_MARK)) {
    return `${base}/${text.slice(BASE_MARK.length)}`;
  }

  return text.startsWith('{') ? scanOf(text)?.toString('base64') : undefined;
}

/*
 * Applies a transaction keeping the ids its entries carry, which the router
 * would replace: tests name those ids.
 */
async function applyTransaction(store, path, bundle, warn) {
  const names = new Map();
  const writes = [];
  const patches = [];

  for (const entry of bundle.entry ?? []) {
    const { method, url = '' } = entry.request ?? {};

    if (method === 'POST' || method === 'PUT') {
      const id = entry.resource.id ?? url.split('/')[1] ?? store.generateId();

      writes.push({ ...entry.resource, id });
      names.set(entry.fullUrl, `${entry.resource.resourceType}/${id}`);
    } else if (method === 'PATCH') {
      patches.push({ url, patch: entry.resource });
    } else {
      warn(`${path}: entry ${method} ${url} is not loaded`);
    }
  }

  for (const resource of writes) {
    await store.seed(replaceStrings(resource, (text) => names.get(text)));
  }

  for (const { url, patch } of patches) {
    const [type, id] = url.split('/');

    if (store.has(type, id)) {
      await store.patchResource(type, id, patch);
    } else {
      warn(`${path}: nothing to patch at ${url}`);
    }
  }
}

async function loadBundle(store, path, bundle, warn) {
  switch (bundle.type) {
    case 'transaction':
    case 'batch':
      return applyTransaction(store, path, bundle, warn);

    case 'document':
      return store.seed(bundle);

    case 'collection':
    case 'searchset':
      for (const { resource } of bundle.entry ?? []) {
        /* a file of its own says more than a copy in an answer */
        if (resource && !store.has(resource.resourceType, resource.id)) {
          await store.seed(resource);
        }
      }
      return undefined;

    default:
      return warn(`${path}: Bundle of type ${bundle.type} is not loaded`);
  }
}

/* Bundles come last: their patches aim at resources of other files. */
export async function loadFolders(store, dirs, { base, warn }) {
  const bundles = [];

  for (const { path, resource: read } of dirs.flatMap((d) => [
    ...resourcesIn(d),
  ])) {
    const resource = replaceStrings(read, (text) => unmarked(text, base));

    if (resource.resourceType === 'Bundle') {
      bundles.push({ path, resource });
    } else if (typeof resource.resourceType === 'string') {
      await store.seed(resource);
    } else {
      warn(`${path}: not a FHIR resource, skipped`);
    }
  }

  for (const { path, resource } of bundles) {
    await loadBundle(store, path, resource, warn);
  }
}
