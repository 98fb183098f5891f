import type { ModSeq, Uid } from './numbers.ts';

/** Inclusive, ascending, not overlapping. */
export type UidRange = readonly [from: Uid, to: Uid];

/**
 * One search criterion, charset and sequence numbers already resolved: text is Unicode, message sets are UIDs.
 * RFC 9051 6.4.4; WITHIN RFC 5032; OBJECTID RFC 8474 7; SAVEDATE RFC 8514.
 */
export type SearchKey =
  | { readonly kind: 'all' }
  | { readonly kind: 'and' | 'or'; readonly keys: readonly SearchKey[] }
  | { readonly kind: 'not'; readonly key: SearchKey }
  | { readonly kind: 'uids'; readonly ranges: readonly UidRange[] }
  /** System flag or keyword by name. */
  | { readonly kind: 'flag'; readonly flag: string }
  | { readonly kind: 'recent' }
  /** `field` lower case; an empty `text` asks only whether the field is there. */
  | { readonly kind: 'header'; readonly field: string; readonly text: string }
  | { readonly kind: 'body' | 'text'; readonly text: string; readonly fuzzy?: boolean }
  /** Octets, RFC822.SIZE. */
  | { readonly kind: 'larger' | 'smaller'; readonly size: number }
  /** Days since 1970 by the date as written (time zone disregarded). `sent*` by the Date header, else internal date, else save date. */
  | { readonly kind: 'date'; readonly which: 'internal' | 'sent' | 'saved'; readonly op: 'before' | 'on' | 'since'; readonly day: number }
  /** Seconds. RFC 5032 */
  | { readonly kind: 'older' | 'younger'; readonly seconds: number }
  | { readonly kind: 'modseq'; readonly modSeq: ModSeq }
  | { readonly kind: 'emailid' | 'threadid'; readonly id: string }
  | { readonly kind: 'saveDateSupported' };
