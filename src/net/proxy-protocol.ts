import { isIPv4, isIPv6, type Socket } from 'node:net';
import ipaddr from 'ipaddr.js';
import { Fault } from '../mail/fault.ts';
import { normalAddress } from './networks.ts';

/** Who is behind a proxy; null addresses where the proxy speaks for itself. */
export interface ProxyHeader {
  /** Octets of the header. */
  readonly length: number;
  readonly source: { readonly address: string; readonly port: number } | null;
  readonly destination: { readonly address: string; readonly port: number } | null;
}

const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
/** Of version 1, CRLF included. */
const longestLine = 107;
/** Of version 2: addresses and extensions. */
const longestBody = 2048;

/**
 * Reads a PROXY header, version 1 or 2, at the start of `input`.
 *
 * @returns null where more must come
 * @throws Fault syntax
 */
export function proxyHeader(input: Buffer): ProxyHeader | null {
  const start = Math.min(input.length, signature.length);
  if (input.subarray(0, start).equals(signature.subarray(0, start))) return start < signature.length ? null : version2(input);
  return version1(input);
}

function version1(input: Buffer): ProxyHeader | null {
  const head = input.subarray(0, longestLine).toString('latin1');
  if (!'PROXY '.startsWith(head.slice(0, 6))) throw new Fault('syntax', 'no PROXY header');
  const end = head.indexOf('\r\n');
  if (end === -1) {
    if (input.length >= longestLine) throw new Fault('syntax', 'PROXY header too long');
    return null;
  }
  const [, family, from = '', to = '', fromPort = '', toPort = '', ...more] = head.slice(0, end).split(' ');
  const length = end + 2;
  if (family === 'UNKNOWN') return { length, source: null, destination: null };
  const is = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : () => false;
  // A zone would be one of the proxy's.
  const valid = is(from) && is(to) && !from.includes('%') && !to.includes('%');
  if (!valid || !isPort(fromPort) || !isPort(toPort) || more.length > 0) throw new Fault('syntax', 'PROXY header');
  return {
    length,
    source: { address: normalAddress(from), port: Number(fromPort) },
    destination: { address: normalAddress(to), port: Number(toPort) },
  };
}

function version2(input: Buffer): ProxyHeader | null {
  if (input.length < 16) return null;
  const command = input[12]!;
  const family = input[13]!;
  const size = input.readUInt16BE(14);
  if (command >> 4 !== 2 || (command & 15) > 1) throw new Fault('syntax', 'PROXY version or command');
  if (size > longestBody) throw new Fault('syntax', 'PROXY header too long');
  const length = 16 + size;
  if (input.length < length) return null;
  // LOCAL: a health check of the proxy's own, whatever else it says.
  if ((command & 15) === 0) return { length, source: null, destination: null };
  // Those without a meaning must be refused: a client would pass for the proxy.
  if (family >> 4 > 3 || (family & 15) > 2) throw new Fault('syntax', 'PROXY address family');
  const width = family >> 4 === 1 ? 4 : family >> 4 === 2 ? 16 : 0;
  if (width === 0) return { length, source: null, destination: null };
  if ((family & 15) !== 1 || size < 2 * width + 4) throw new Fault('syntax', 'PROXY addresses');
  const address = (at: number) => normalAddress(ipaddr.fromByteArray([...input.subarray(at, at + width)]).toString());
  const ports = 16 + 2 * width;
  return {
    length,
    source: { address: address(16), port: input.readUInt16BE(ports) },
    destination: { address: address(16 + width), port: input.readUInt16BE(ports + 2) },
  };
}

function isPort(text: string): boolean {
  return /^(?:0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

/**
 * Takes the header from a new socket; what follows it is left there to read.
 *
 * @throws Fault syntax, timedOut, unavailable
 */
export function readProxyHeader(socket: Socket, timeoutMs: number): Promise<ProxyHeader> {
  return new Promise((resolve, reject) => {
    let input = Buffer.alloc(0);
    const timer = setTimeout(() => done(new Fault('timedOut', 'no PROXY header')), timeoutMs);
    const done = (result: ProxyHeader | Error): void => {
      clearTimeout(timer);
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('end', onClose);
      socket.pause();
      if (result instanceof Error) {
        reject(result);
        return;
      }
      if (input.length > result.length) socket.unshift(input.subarray(result.length));
      resolve(result);
    };
    const onClose = (): void => done(new Fault('unavailable', 'closed before its PROXY header'));
    const onData = (chunk: Buffer): void => {
      // The header is bounded, so is what is copied here however it is cut.
      input = Buffer.concat([input, chunk]);
      try {
        const header = proxyHeader(input);
        if (header !== null) done(header);
      } catch (error) {
        done(error as Error);
      }
    };
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.on('end', onClose);
    socket.resume();
  });
}
