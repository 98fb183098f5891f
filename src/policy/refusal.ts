import { type Address, formatAddress } from '../mail/address.ts';
import type { Reply } from '../mail/reply.ts';
import type { Stage, Subject } from './subject.ts';

const words: Record<Stage, string> = {
  client: 'Client host',
  helo: 'Helo command',
  sender: 'Sender address',
  recipient: 'Recipient address',
  data: 'Data command',
};

/** As in every refusal: `user@example.com`, '' for the null path. */
export function shown(address: Address | null): string {
  return address === null ? '' : formatAddress(address);
}

/** `<x>: Recipient address rejected: why`, in Postfix's words. */
export function refusal(code: number, detail: string, about: Stage, subject: Subject, why: string): Reply {
  return { code, detail, text: `<${what(about, subject)}>: ${words[about]} rejected: ${why}` };
}

function what(about: Stage, subject: Subject): string {
  switch (about) {
    case 'client':
      return `${subject.remoteName}[${subject.remoteAddress}]`;
    case 'helo':
      return subject.helo;
    case 'sender':
      return shown(subject.reversePath);
    case 'recipient':
      return shown(subject.forwardPath);
    case 'data':
      return 'DATA';
  }
}
