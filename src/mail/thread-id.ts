import { hash } from 'node:crypto';
import type { SortKeys } from './mime/part.ts';

/**
 * Names the thread a message is in: that of the first message it refers to. Made from the header alone, so that it never changes
 * and is the same in every mailbox; a reply that lost its first references is in a thread of its own. RFC 8474 5.2
 *
 * @param own stands for a message that has no Message-ID and refers to none
 */
export function threadIdOf({ references, messageId }: Pick<SortKeys, 'references' | 'messageId'>, own: string): string {
  return `T${hash('sha1', references[0] ?? messageId ?? own, 'base64url')}`;
}
