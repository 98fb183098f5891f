import { Fault } from '../../mail/fault.ts';

/** Unicode → modified UTF-7. RFC 3501 5.1.3 */
export function encodeModifiedUtf7(name: string): string {
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === '&') return '&-';
    const octets = Buffer.from(run, 'utf16le').swap16();
    return `&${octets.toString('base64').replace(/=+$/, '').replaceAll('/', ',')}-`;
  });
}

/** Modified UTF-7 → Unicode. @throws Fault badName where it is none */
export function decodeModifiedUtf7(name: string): string {
  if (/[^\x20-\x7e]/.test(name)) throw new Fault('badName', 'not modified UTF-7');
  return name.replace(/&([A-Za-z0-9+,]*)(-?)/g, (_, code: string, end: string) => {
    if (end === '') throw new Fault('badName', 'shift without end');
    if (code === '') return '&';
    const octets = Buffer.from(code.replaceAll(',', '/'), 'base64');
    if (octets.length === 0 || octets.length % 2 !== 0) throw new Fault('badName', 'odd UTF-16');
    const text = octets.swap16().toString('utf16le');
    if (!text.isWellFormed()) throw new Fault('badName', 'lone surrogate');
    return text;
  });
}
