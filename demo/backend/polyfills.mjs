/*
 * Fills the gaps between Node 22, which @medplum expects, and Node 18, which
 * Debian 12 ships.  Must be imported before any @medplum package: some of these
 * names are read while those packages load.
 */

import { webcrypto } from 'node:crypto';

function define(target, name, value) {
  if (target[name] === undefined) {
    Object.defineProperty(target, name, {
      value,
      writable: true,
      configurable: true,
    });
  }
}

/* A class only has to exist: the client that would open it is never used. */
define(globalThis, 'WebSocket', class WebSocket extends EventTarget {});
define(globalThis, 'crypto', webcrypto);

define(Array.prototype, 'toSorted', function toSorted(compare) {
  return [...this].sort(compare);
});

define(Array.prototype, 'toReversed', function toReversed() {
  return [...this].reverse();
});

define(Array.prototype, 'with', function withValue(index, value) {
  const copy = [...this];
  copy[index < 0 ? copy.length + index : index] = value;
  return copy;
});

define(Promise, 'withResolvers', function withResolvers() {
  let resolve;
  let reject;
  const promise = new Promise((res, rej) => {
    resolve = res;
    reject = rej;
  });

  return { promise, resolve, reject };
});
