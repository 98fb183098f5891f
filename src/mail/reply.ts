/** One answer of an SMTP or LMTP server. RFC 5321 4.2 */
export interface Reply {
  readonly code: number;
  /** Subject and detail of the enhanced status code (`1.5`), '' for none; its class is the first digit of `code`. RFC 3463 2, RFC 2034 4 */
  readonly detail: string;
  readonly text: string | readonly string[];
}

/** The reply on the wire, CRLF included. Control characters in the text, which could only split the reply, become `?`. */
export function formatReply({ code, detail, text }: Reply): string {
  const status = detail === '' ? '' : `${Math.trunc(code / 100)}.${detail} `;
  if (typeof text === 'string') return `${code} ${status}${printable(text)}\r\n`;
  const last = text.length - 1;
  return text.map((line, i) => `${code}${i === last ? ' ' : '-'}${status}${printable(line)}\r\n`).join('');
}

/** `2.1.5`, or '' where the reply has none. */
export function enhancedCode({ code, detail }: Reply): string {
  return detail === '' ? '' : `${Math.trunc(code / 100)}.${detail}`;
}

function printable(text: string): string {
  return /[\x00-\x1f\x7f]/.test(text) ? text.replace(/[\x00-\x1f\x7f]/g, '?') : text;
}
