/**
 * Flags of a message as bits of one number: the five system flags, then keyword n of the mailbox at bit 5 + n.
 * 26 keywords have a letter in the Maildir and a bit here; more live as names beside the number.
 */
export const flagBits = { '\\Seen': 1, '\\Answered': 2, '\\Flagged': 4, '\\Deleted': 8, '\\Draft': 16 } as const;

export type SystemFlag = keyof typeof flagBits;
export const systemFlags = Object.keys(flagBits) as readonly SystemFlag[];

export const seen = 1;
export const answered = 2;
export const flagged = 4;
export const deleted = 8;
export const draft = 16;

export const firstKeywordBit = 5;
export const lettered = 26;

/** The flag as RFC 9051 2.3.2 spells it (`\seen` → `\Seen`), or null where it is no system flag. */
export function systemFlag(name: string): SystemFlag | null {
  const lower = name.toLowerCase();
  return systemFlags.find((flag) => flag.toLowerCase() === lower) ?? null;
}
