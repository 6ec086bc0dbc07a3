/*
 * How a report calls things, and writes numbers, for people.
 */

export const NAMES = {
  bare: 'bare proxy_pass',
  again: 'bare proxy_pass, second slot',
  memory: 'ours, memory',
  fsync: 'ours, fsync',
  replicas: 'ours, replicas 1',
  auth: 'auth_request to a constant',
  haproxy: 'haproxy, jwt_verify RS256',
  lua: 'Lua + Redis, function',
  piped: 'Lua + Redis, pipelines',
  cerbos: 'Lua + Redis + Cerbos',
};

export const number = ({ median }) => String(Math.round(median));
export const small = ({ median }) => median.toFixed(1);
export const ratio = ({ median }) => median.toFixed(2);
export const noise = ({ spread_percent: p }) => `±${p.toFixed(0)} %`;
export const percent = (share) => `${Math.round(100 * share)} %`;

/* f of what may not have been measured. */
export const maybe = (value, f) => (value ? f(value) : '');

/* Of a figure: 0.45, 2 ×, 1000 B */
export function amount(value, unit) {
  if (value === null) {
    return '';
  }

  const text = Math.abs(value) >= 100 ? String(Math.round(value))
    : String(Number(value.toPrecision(3)));

  return unit ? `${text} ${unit}` : text;
}
