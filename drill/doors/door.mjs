/*
 * How doors are written: a name and what is sent, as a function of the context
 * (what the host holds: host.mjs, learn()) and of the side it is sent to.
 */

export const MISSING = 'no such data';

/*
 * A door of one request or several, each on a connection of its own.  Strings
 * are targets of a GET; undefined: the host has nothing to ask it about.
 */
export function door(name, make, options = {}) {
  return {
    name,
    ...options,
    async play(player, context) {
      const made = make(context, player.side);

      if (made === undefined) {
        return { missing: MISSING };
      }

      for (const request of [made].flat()) {
        await player.send(request);
      }

      return undefined;
    },
  };
}

/* A door of bytes as they are: make returns [bytes, methods]. */
export function rawDoor(name, make, options = {}) {
  return {
    name,
    ...options,
    async play(player, context) {
      const made = make(context, player.side);

      if (made === undefined) {
        return { missing: MISSING };
      }

      await player.sendBytes(...made);
      return undefined;
    },
  };
}

export const group = (title, doors) =>
  doors.map((d) => ({ ...d, group: title }));

export const byPatient = (patient, rest = '') =>
  `DocumentReference?patient.identifier=${patient.encoded}${rest}`;

export const tokenOf = ({ system, value }) =>
  encodeURIComponent(`${system ?? ''}|${value}`);

export function form(target, body, headers = []) {
  return {
    method: 'POST', target, body,
    headers: [['Content-Type', 'application/x-www-form-urlencoded'], ...headers],
  };
}

export function json(method, target, value, type = 'application/fhir+json') {
  return {
    method, target, body: JSON.stringify(value),
    headers: [['Content-Type', type]],
  };
}

export const hiddenDocument = (c) => `DocumentReference/${c.first.id}`;

/* How the document is marked, for who searches by that. */
export const labelOf = (c) =>
  c.first.resource.securityLabel?.at(-1)?.coding?.[0]?.code ?? 'MASQUE_PS';
