/**
 * One MIME part of a stored message. Offsets are octets in the file as it lies on disk (LF or CRLF line ends);
 * `size` counts what IMAP counts, every line end as CRLF. RFC 2045, RFC 9051 7.5.2
 */
export interface Part {
  /** Lower case; `text/plain` where Content-Type is missing or broken (`message/rfc822` inside multipart/digest). */
  readonly type: string;
  readonly subtype: string;
  /** Names lower case, values decoded from RFC 2231 continuations but otherwise raw latin1. */
  readonly params: readonly (readonly [name: string, value: string])[];
  readonly id: string | null;
  readonly description: string | null;
  /** Lower case, `7bit` where missing. */
  readonly encoding: string;
  readonly md5: string | null;
  readonly disposition: { readonly type: string; readonly params: readonly (readonly [string, string])[] } | null;
  readonly language: readonly string[];
  readonly location: string | null;
  /** Where the part's header starts, its body starts, and its body ends (before the line end that belongs to the boundary). */
  readonly header: number;
  readonly start: number;
  readonly end: number;
  /** Body's octets with CRLF line ends. */
  readonly size: number;
  /** Body's lines. */
  readonly lines: number;
  /** Children of a multipart. */
  readonly parts?: readonly Part[];
  /** The message inside message/rfc822 or message/global: `envelope` is its IMAP wire form. */
  readonly message?: { readonly envelope: string; readonly root: Part };
}

/** What SORT, THREAD and SEARCH SENT* compare, computed once. RFC 5256 2 */
export interface SortKeys {
  /** Base subject, upper-cased by i;unicode-casemap. RFC 5256 2.1 */
  readonly subject: string;
  readonly isReplyOrForward: boolean;
  /** Mailbox (local part) of the first address, case-folded; '' where none. */
  readonly from: string;
  readonly to: string;
  readonly cc: string;
  /** Display forms for SORT=DISPLAY. RFC 5957 */
  readonly displayFrom: string;
  readonly displayTo: string;
  /** Milliseconds since 1970 UTC by the Date header, null where unusable. RFC 5256 2.2 */
  readonly sent: number | null;
  /** Day since 1970 as written in the Date header, its zone disregarded; null where unusable. */
  readonly sentDay: number | null;
  readonly messageId: string | null;
  /** Message-IDs of References, else the first of In-Reply-To. RFC 5256 3 */
  readonly references: readonly string[];
}

/** Everything a message's row needs, computed in one pass when it is stored. */
export interface MessageFacts {
  /** Octets in the file. */
  readonly size: number;
  /** Octets with CRLF line ends. */
  readonly virtualSize: number;
  readonly root: Part;
  /** Octets of the header with its empty line. */
  readonly headerSize: number;
  /** IMAP wire forms, latin1 octets. */
  readonly envelope: string;
  readonly body: string;
  readonly bodyStructure: string;
  /** At most 256 characters. RFC 8970 */
  readonly preview: string;
  readonly sortKeys: SortKeys;
}
