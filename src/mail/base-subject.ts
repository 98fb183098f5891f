import { casemap } from './casemap.ts';

/**
 * The base subject and whether anything said reply or forward, from a decoded subject. RFC 5256 2.1; the steps' numbers are
 * those of the RFC.
 */
export function baseSubject(decoded: string): { subject: string; isReplyOrForward: boolean } {
  // (1) White space: runs of it become one space.
  let text = decoded.slice(0, longest).replace(/[ \t\r\n]+/g, ' ');
  let isReplyOrForward = false;
  for (;;) {
    // (2) Trailers.
    const before = text;
    text = text.replace(/ +$/, '');
    while (/\(fwd\)$/i.test(text)) {
      text = text.slice(0, -5).replace(/ +$/, '');
      isReplyOrForward = true;
    }
    // (3)-(5) Leaders and blobs until there are no more.
    for (let changed = true; changed; ) {
      changed = false;
      const leader = /^(?: |(?:\[[^[\]]*\] *)*(?:re|fwd?) *(?:\[[^[\]]*\] *)?:)/i.exec(text);
      if (leader !== null) {
        if (leader[0] !== ' ') isReplyOrForward = true;
        text = text.slice(leader[0].length);
        changed = true;
        continue;
      }
      const blob = /^\[[^[\]]*\] */.exec(text);
      // (4) A blob goes only where something is left.
      if (blob !== null && blob[0].length < text.length) {
        text = text.slice(blob[0].length);
        changed = true;
      }
    }
    // (6) "[fwd: ...]"
    if (/^\[fwd:.*\]$/is.test(text)) {
      text = text.slice(5, -1);
      isReplyOrForward = true;
      continue;
    }
    if (text === before) break;
  }
  return { subject: casemap(text.trim()), isReplyOrForward };
}

/** Characters of a subject that take part. */
const longest = 2000;
