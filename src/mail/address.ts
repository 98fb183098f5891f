/** A mailbox address without brackets. RFC 5321 4.1.2 */
export interface Address {
  /** As given, quotes removed. */
  readonly localPart: string;
  /** Lower case; an address literal keeps its brackets; U-labels stay as given. */
  readonly domain: string;
}

/** `local@domain`; quotes the local part where it is no dot-string. RFC 5321 4.1.2 */
export function formatAddress({ localPart, domain }: Address): string {
  const plain = /^[^\s"(),:;<>@[\\\]\x00-\x1f\x7f.]+(?:\.[^\s"(),:;<>@[\\\]\x00-\x1f\x7f.]+)*$/.test(localPart);
  const local = plain ? localPart : `"${localPart.replace(/["\\]/g, '\\$&')}"`;
  return domain === '' ? local : `${local}@${domain}`;
}

/** Splits at the last `@`; null when a side is missing. For addresses from configuration and directory, not from the wire: no quotes come off. */
export function splitAddress(text: string): Address | null {
  const at = text.lastIndexOf('@');
  if (at <= 0 || at === text.length - 1) return null;
  return { localPart: text.slice(0, at), domain: text.slice(at + 1).toLowerCase() };
}
