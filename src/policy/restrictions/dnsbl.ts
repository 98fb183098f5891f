import { isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import type { PolicyDeps, Restriction, Verdict } from '../restriction.ts';

/** `2.0.0.127` or 32 reversed nibbles. RFC 5782 2.1, 2.4 */
export function reversedAddress(address: string): string {
  if (isIPv4(address)) return address.split('.').reverse().join('.');
  return ipaddr.IPv6.parse(address)
    .toByteArray()
    .flatMap((octet) => [octet >> 4, octet & 15])
    .map((nibble) => nibble.toString(16))
    .reverse()
    .join('.');
}

/** Listed: an A record in 127/8, and not 127.255.255.x, by which lists say that they do not answer us. */
async function listed(name: string, { dns }: PolicyDeps): Promise<boolean> {
  const { records } = await dns!.a(name);
  return records.some((address) => address.startsWith('127.') && !address.startsWith('127.255.255.'));
}

async function verdict(name: string, list: string, what: string, deps: PolicyDeps): Promise<Verdict> {
  if (!(await listed(name, deps))) return null;
  const reason = (await deps.dns!.txt(name)).records[0];
  const why = reason === undefined ? '' : `; ${reason.slice(0, 250)}`;
  return { code: 554, detail: '7.1', text: `Service unavailable; ${what} blocked using ${list}${why}` };
}

export const rejectRblClient: Restriction = {
  name: 'reject_rbl_client',
  argument: 'domain',
  needsDns: true,
  check: ({ remoteAddress }, { argument }, deps) =>
    verdict(`${reversedAddress(remoteAddress)}.${argument}`, argument, `Client host [${remoteAddress}]`, deps),
};

export const permitDnswlClient: Restriction = {
  name: 'permit_dnswl_client',
  argument: 'domain',
  needsDns: true,
  check: async ({ remoteAddress }, { argument }, deps) =>
    (await listed(`${reversedAddress(remoteAddress)}.${argument}`, deps)) ? 'permit' : null,
};

export const rejectRhsblClient: Restriction = {
  name: 'reject_rhsbl_client',
  argument: 'domain',
  needsDns: true,
  check: ({ remoteName }, { argument }, deps) =>
    remoteName === 'unknown' ? null : verdict(`${remoteName}.${argument}`, argument, `Client host [${remoteName}]`, deps),
};

export const rejectRhsblHelo: Restriction = {
  name: 'reject_rhsbl_helo',
  argument: 'domain',
  needsDns: true,
  check: ({ helo }, { argument }, deps) =>
    helo === '' || helo.startsWith('[') ? null : verdict(`${helo}.${argument}`, argument, `Helo command [${helo}]`, deps),
};

export const rejectRhsblSender: Restriction = {
  name: 'reject_rhsbl_sender',
  argument: 'domain',
  needsDns: true,
  check: ({ reversePath }, { argument }, deps) =>
    reversePath === null || reversePath.domain === '' || reversePath.domain.startsWith('[')
      ? null
      : verdict(`${reversePath.domain}.${argument}`, argument, `Sender address [${reversePath.domain}]`, deps),
};
