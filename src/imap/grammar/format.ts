import { zoneAt } from '../../mail/local-time.ts';

/** Octets (as latin1) as the shortest of atom, quoted string and literal. */
export function astring(octets: string): string {
  if (/^[^\x00-\x20(){%*"\\\x7f-\xff]+$/.test(octets) && !/^nil$/i.test(octets)) return octets;
  return string(octets);
}

export function string(octets: string): string {
  if (/[\x00\r\n]/.test(octets) || octets.length > 4096) return `{${octets.length}}\r\n${octets}`;
  return `"${octets.replace(/["\\]/g, '\\$&')}"`;
}

export function nstring(octets: string | null): string {
  return octets === null ? 'NIL' : string(octets);
}

/** Unicode → octets as latin1. */
export function utf8(text: string): string {
  return /[^\x00-\x7f]/.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const two = (n: number): string => (n < 10 ? `0${n}` : `${n}`);

/** date-time, quoted. @param zone minutes ahead of UTC, this host's unless given. RFC 9051 9 */
export function dateTime(milliseconds: number, zone = zoneAt(milliseconds)): string {
  const d = new Date(milliseconds + zone * 60_000);
  const day = d.getUTCDate();
  const ahead = Math.abs(zone);
  return `"${day < 10 ? ` ${day}` : day}-${months[d.getUTCMonth()]}-${String(d.getUTCFullYear()).padStart(4, '0')} ${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())} ${zone < 0 ? '-' : '+'}${two(Math.floor(ahead / 60))}${two(ahead % 60)}"`;
}
