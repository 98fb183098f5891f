import type { AppendOptions, NewMessage } from './store.ts';
import type { AppendRequest, IncomingMessage } from './writer/append.ts';

/** What a store thread needs to put messages into a mailbox, and the memory that goes with it. */
export function appendRequest(
  mailbox: string,
  messages: readonly NewMessage[],
  quota: number,
  { autocreate = false, replaces, claimRecent = false }: AppendOptions,
): { readonly request: AppendRequest; readonly transfer: ArrayBuffer[] } {
  const transfer: ArrayBuffer[] = [];
  const request = {
    mailbox,
    autocreate,
    replaces: replaces === undefined ? null : { mailbox: replaces.id, uid: replaces.uid },
    claimRecent,
    quota,
    messages: messages.map((message) => incoming(message, transfer)),
  };
  return { request, transfer };
}

/** A small message goes to the thread as one piece of memory of its own, a large one by its file's name. */
function incoming({ message, prefix, flags, internalDate, zone, deliveryKey }: NewMessage, transfer: ArrayBuffer[]): IncomingMessage {
  const rest = { flags, internalDate: internalDate ?? null, zone: zone ?? null, deliveryKey: deliveryKey ?? null };
  if (message.file !== null) return { bytes: null, file: message.file, prefix: prefix ?? null, ...rest };
  const bytes = new Uint8Array((prefix?.length ?? 0) + message.size);
  let at = 0;
  for (const chunk of prefix === undefined ? message.chunks : [prefix, ...message.chunks]) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  transfer.push(bytes.buffer);
  return { bytes, file: null, prefix: null, ...rest };
}
