import { dateTime, string, utf8 } from '../grammar/format.ts';
import type { View } from '../view.ts';
import type { FetchItemRow, ItemWriter } from './item.ts';

const latin1 = (octets: Buffer | string | undefined): string =>
  typeof octets === 'string' ? octets : (octets?.toString('latin1') ?? 'NIL');

const fromView = (ofView: (view: View, at: number) => string): ItemWriter => ({
  columns: [],
  ofView,
  text: (m) => ofView(m.view, m.at),
});

export const uid: FetchItemRow = {
  name: 'UID',
  writer: () => fromView((view, at) => `UID ${view.uids[at]}`),
};

export const flags: FetchItemRow = {
  name: 'FLAGS',
  writer: (_, session) => {
    const recent = !session.rev2;
    return fromView((view, at) => `FLAGS (${view.flagText(at, recent)})`);
  },
};

/** RFC 7162 3.1.4 */
export const modSeq: FetchItemRow = {
  name: 'MODSEQ',
  capabilities: ['CONDSTORE'],
  writer: (_, session) => {
    session.enableCondstore();
    return fromView((view, at) => `MODSEQ (${view.modSeqs[at]})`);
  },
};

/** In the zone in which it was given. RFC 9051 2.3.3 */
export const internalDate: FetchItemRow = {
  name: 'INTERNALDATE',
  writer: () => ({ columns: [], text: (m) => `INTERNALDATE ${dateTime(m.row.internalDate, m.row.zone ?? undefined)}` }),
};

export const rfc822Size: FetchItemRow = {
  name: 'RFC822.SIZE',
  writer: () => ({ columns: [], text: (m) => `RFC822.SIZE ${m.row.size}` }),
};

export const envelope: FetchItemRow = {
  name: 'ENVELOPE',
  writer: () => ({ columns: ['envelope'], text: (m) => `ENVELOPE ${latin1(m.row.envelope)}` }),
};

export const bodyStructure: FetchItemRow = {
  name: 'BODYSTRUCTURE',
  writer: () => ({ columns: ['bodyStructure'], text: (m) => `BODYSTRUCTURE ${latin1(m.row.bodyStructure)}` }),
};

/** RFC 8474 5.1 */
export const emailId: FetchItemRow = {
  name: 'EMAILID',
  capabilities: ['OBJECTID'],
  writer: () => ({ columns: [], text: (m) => `EMAILID (${m.row.emailId})` }),
};

/** RFC 8474 5.2 */
export const threadId: FetchItemRow = {
  name: 'THREADID',
  writer: () => ({ columns: ['sortKeys'], text: (m) => `THREADID ${m.row.threadId === null ? 'NIL' : `(${m.row.threadId})`}` }),
};

/** RFC 8514 4 */
export const saveDate: FetchItemRow = {
  name: 'SAVEDATE',
  capabilities: ['SAVEDATE'],
  writer: () => ({ columns: [], text: (m) => `SAVEDATE ${dateTime(m.row.saveDate)}` }),
};

/** Made when the message was stored, so LAZY finds it, too. RFC 8970 3 */
export const preview: FetchItemRow = {
  name: 'PREVIEW',
  capabilities: ['PREVIEW'],
  writer: () => ({ columns: ['preview'], text: (m) => `PREVIEW ${string(utf8(m.row.preview ?? ''))}` }),
};
