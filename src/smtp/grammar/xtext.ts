import { Fault } from '../../mail/fault.ts';

/**
 *     xtext   = *( xchar / hexchar )
 *     xchar   = any ASCII CHAR between "!" (33) and "~" (126) inclusive, except for "+" and "="
 *     hexchar = ASCII "+" immediately followed by two upper case hexadecimal digits
 *
 * RFC 3461 4. What would break a line (CR, LF, NUL, other controls) is refused, so that a decoded value may go into a header field.
 * @throws Fault syntax
 */
export function decodeXtext(text: string): string {
  // QUIRK: "=" inside xtext is sent by several clients in ENVID and ORCPT; Postfix takes it too.
  if (!/^(?:[!-*,-~]|\+[0-9A-F]{2})*$/.test(text)) throw new Fault('syntax', 'xtext');
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  if (/[\x00-\x1f\x7f-\x9f]/.test(decoded)) throw new Fault('syntax', 'control character in xtext');
  return decoded;
}

/** RFC 3461 4. `text` is ASCII or latin1 octets. */
export function encodeXtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (c) => `+${c.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}
