import { Fault } from './fault.ts';

/** RFC 4314 2.1, in its order: lookup, read, seen, write, insert, post, create, delete the mailbox, mark deleted, expunge, administer. */
export const allRights = 'lrswipkxtea';

/** Who may do what with a mailbox: rights by identifier. */
export type Acl = ReadonlyMap<string, string>;

export const anyone = 'anyone';

const only = (rights: string, wanted: string): string =>
  Array.from(rights)
    .filter((right) => wanted.includes(right))
    .join('');

/** Rights as written, in our order; the old `c` stands for `kx`, `d` for `te`. RFC 4314 2.1.1 @throws Fault syntax */
export function parseRights(text: string): string {
  const wanted = text.replaceAll('c', 'kx').replaceAll('d', 'te');
  const unknown = /[^lrswipkxtea]/.exec(wanted);
  if (unknown !== null) throw new Fault('syntax', `no such right: ${unknown[0]}`);
  return only(allRights, wanted);
}

/** With `c` and `d` for clients that know no others. RFC 4314 2.1.1 */
export function formatRights(rights: string): string {
  return `${rights}${/[kx]/.test(rights) ? 'c' : ''}${/[te]/.test(rights) ? 'd' : ''}`;
}

export const addRights = (rights: string, more: string): string => only(allRights, rights + more);

export const removeRights = (rights: string, less: string): string =>
  Array.from(rights)
    .filter((right) => !less.includes(right))
    .join('');

/**
 * What `user` may do: rights of theirs and of `anyone`, without those taken away by identifiers with a `-`. The owner may do
 * everything. `anyone` is everyone of the owner's domain: other domains of the same server are strangers. RFC 4314 2
 */
export function rightsOf(acl: Acl, owner: string, user: string): string {
  if (owner === user) return allRights;
  const names = identifiersOf(user, owner);
  let rights = '';
  for (const name of names) rights += acl.get(name) ?? '';
  if (rights === '') return '';
  let denied = '';
  for (const name of names) denied += acl.get(`-${name}`) ?? '';
  return removeRights(only(allRights, rights), denied);
}

function identifiersOf(user: string, owner: string): readonly string[] {
  const domain = (address: string): string => address.slice(address.lastIndexOf('@'));
  // `-bob@x` in a list takes rights from bob@x; somebody who is called so must not get them. RFC 4314 2
  const own = user.startsWith('-') ? [] : [user];
  return domain(user) === domain(owner) ? [...own, anyone] : own;
}
