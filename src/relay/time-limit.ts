import type { RelaySettings } from './settings.ts';

const minute = 60_000;
/** For looking up hosts and policies; each question has a limit of seconds. Milliseconds. */
const lookUps = 10 * minute;
/** Octets a second that a next hop must take on the whole. Postfix: smtp_min_data_rate */
const leastRate = 500;

/**
 * What the steps to one next hop may take together when each takes as long as it may, at every address: four to five hours for a short
 * message. An opening that is begun again (an old TLS session refused, no TLS after all) lives on what other steps leave.
 *
 * @param size of the message, octets
 * @returns milliseconds
 */
export function timeLimit(size: number, recipients: number, protocol: 'smtp' | 'lmtp', settings: RelaySettings): number {
  const { connect, greeting, command, dataInitiation, dataDone } = settings.timeouts;
  // EHLO, STARTTLS, its handshake, EHLO, three lines of a login.
  const opening = connect + greeting + 7 * command;
  // RSET, MAIL, DATA, the text and its reply; LMTP has one for each recipient.
  const text = 2 * command + dataInitiation + (size / leastRate) * 1_000 + dataDone;
  const conversation =
    Math.ceil(recipients / settings.recipientLimit) * text + recipients * (command + (protocol === 'lmtp' ? dataDone : 0));
  return lookUps + settings.mxAddressLimit * opening + settings.mxSessionLimit * conversation;
}
