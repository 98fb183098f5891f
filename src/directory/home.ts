import { isAbsolute } from 'node:path';
import type { Address } from '../mail/address.ts';
import { Fault } from '../mail/fault.ts';

/**
 * A path with `%u` (address), `%d` (domain), `%n` (local part) and `%%`; each is one part of the path or a piece of one.
 *
 * @returns a function from a folded address to its home. It gives null where the result would not be that:
 * a slash or NUL in the address, `.` or `..` as a part, a part over 255 octets.
 * @throws Fault syntax for a template that is not absolute or has other escapes
 */
export function homeTemplate(template: string): (address: Address) => string | null {
  if (!isAbsolute(template)) throw new Fault('syntax', `home ${JSON.stringify(template)} is not absolute`);
  const parts = template.split('/').filter((part) => part !== '');
  for (const part of parts) {
    const other = /%(?![udn%])./.exec(part) ?? /%$/.exec(part.replaceAll('%%', ''));
    if (other !== null) throw new Fault('syntax', `home ${JSON.stringify(template)}: ${other[0]} is unknown; %u, %d, %n and %% are known`);
    if (part === '.' || part === '..') throw new Fault('syntax', `home ${JSON.stringify(template)}: ${part} in the path`);
  }
  return ({ localPart, domain }) => {
    if (localPart === '' || domain === '') return null;
    const values: Record<string, string> = { u: `${localPart}@${domain}`, d: domain, n: localPart, '%': '%' };
    let home = '';
    for (const part of parts) {
      const name = part.replace(/%([udn%])/g, (_, letter: string) => values[letter]!);
      if (!safePart(name)) return null;
      home += `/${name}`;
    }
    return home === '' ? '/' : home;
  };
}

function safePart(name: string): boolean {
  return name !== '' && name !== '.' && name !== '..' && !/[/\x00-\x1f\x7f]/.test(name) && Buffer.byteLength(name) <= 255;
}

/** A home that a row names itself. null where it is not an absolute, plain path. */
export function explicitHome(home: string): string | null {
  const trimmed = home.replace(/\/+$/, '');
  return /^(?:\/[^/]+)+$/.test(trimmed) && trimmed.slice(1).split('/').every(safePart) ? trimmed : null;
}

/** `user+tag` cut at the first delimiter that leaves something in front. Every character of `delimiters` is one. */
export function splitSubaddress(localPart: string, delimiters: string): { readonly base: string; readonly detail: string } | null {
  for (let i = 1; i < localPart.length; i++) {
    if (delimiters.includes(localPart[i]!)) return { base: localPart.slice(0, i), detail: localPart.slice(i + 1) };
  }
  return null;
}
