import type { Staged } from '../base/staging.ts';
import { splitAddress } from '../mail/address.ts';
import type { DsnNotify, Envelope } from '../mail/envelope.ts';
import { Fault } from '../mail/fault.ts';

/** A message that a program of this machine left. */
export interface Dropped {
  readonly envelope: Envelope;
  /** User who left it, by the file's owner. */
  readonly uid: number;
  /** LF line ends. */
  readonly text: Uint8Array;
  readonly message: Staged;
}

/** First line of a file in the maildrop; the message follows. */
interface Head {
  readonly v: 1;
  /** '' for `<>`. */
  readonly from: string;
  readonly to: readonly string[];
  readonly body?: '8bitmime';
  readonly smtputf8?: boolean;
  readonly notify?: DsnNotify;
  readonly ret?: 'full' | 'hdrs';
  readonly envid?: string;
}

export function formatDropped(head: Omit<Head, 'v'>, text: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${JSON.stringify({ v: 1, ...head })}\n`), text]);
}

/** Written by any user of the machine, so nothing in it is taken on trust. @throws Fault syntax, tooMany */
export function parseDropped(bytes: Buffer, uid: number): Omit<Dropped, 'message'> {
  const end = bytes.indexOf(10);
  let head: unknown;
  try {
    head = JSON.parse(bytes.toString('utf8', 0, Math.max(0, end)));
  } catch {
    throw new Fault('syntax', 'no head');
  }
  if (!isHead(head)) throw new Fault('syntax', 'not a head that we know');
  if (head.to.length > 10_000) throw new Fault('tooMany', `${head.to.length} recipients`);
  const address = (text: string) => {
    const found = /[\x00-\x20\x7f<>]/.test(text) || text.length > 512 ? null : splitAddress(text);
    if (found === null) throw new Fault('syntax', 'address');
    return found;
  };
  const { notify, ret, envid } = head;
  return {
    uid,
    text: bytes.subarray(end + 1),
    envelope: {
      reversePath: head.from === '' ? null : address(head.from),
      forwardPaths: head.to.map((to) => ({ address: address(to), original: to, ...(notify !== undefined && { notify }) })),
      body: head.body ?? '7bit',
      smtputf8: head.smtputf8 === true,
      requireTls: false,
      ...(ret !== undefined && { ret }),
      ...(envid !== undefined && { envid }),
    },
  };
}

function isHead(value: unknown): value is Head {
  if (typeof value !== 'object' || value === null) return false;
  const head = value as Record<keyof Head, unknown>;
  const events = ['success', 'failure', 'delay'];
  return (
    head.v === 1 &&
    typeof head.from === 'string' &&
    Array.isArray(head.to) &&
    head.to.length > 0 &&
    head.to.every((to) => typeof to === 'string') &&
    (head.body === undefined || head.body === '8bitmime') &&
    (head.notify === undefined ||
      head.notify === 'never' ||
      (Array.isArray(head.notify) && head.notify.every((event) => events.includes(event as string)))) &&
    (head.ret === undefined || head.ret === 'full' || head.ret === 'hdrs') &&
    (head.envid === undefined || (typeof head.envid === 'string' && /^[\x21-\x7e]{1,100}$/.test(head.envid)))
  );
}
