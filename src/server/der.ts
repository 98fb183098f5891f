/** As much of DER as a certificate needs. X.690 8, 10 */
function value(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const octets: number[] = [];
  for (let n = content.length; n > 0; n = Math.floor(n / 256)) octets.unshift(n % 256);
  const length = content.length < 128 ? [content.length] : [0x80 | octets.length, ...octets];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

export const sequence = (...members: readonly Buffer[]): Buffer => value(0x30, ...members);
export const set = (...members: readonly Buffer[]): Buffer => value(0x31, ...members);
/** Big-endian two's complement, shortest form given by the caller. */
export const integer = (octets: Buffer): Buffer => value(2, octets);
export const octetString = (content: Buffer): Buffer => value(4, content);
export const bitString = (content: Buffer, unused = 0): Buffer => value(3, Buffer.from([unused]), content);
export const utf8 = (text: string): Buffer => value(12, Buffer.from(text, 'utf8'));
export const nul = (): Buffer => value(5);
/** [n], constructed or primitive. */
export const context = (n: number, constructed: boolean, content: Buffer): Buffer => value(0x80 | (constructed ? 0x20 : 0) | n, content);

export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const base128 = (n: number): number[] => {
    const octets = [n & 127];
    for (let m = Math.floor(n / 128); m > 0; m = Math.floor(m / 128)) octets.unshift((m & 127) | 128);
    return octets;
  };
  return value(6, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** UTCTime until 2049, GeneralizedTime after. RFC 5280 4.1.2.5 */
export function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replace(/\.\d+/, '').replace(/[-:T]/g, '');
  return Number(digits.slice(0, 4)) < 2050 ? value(23, Buffer.from(digits.slice(2))) : value(24, Buffer.from(digits));
}
