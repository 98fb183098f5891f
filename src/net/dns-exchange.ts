import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import packet, { type DecodedPacket, type Packet, type RecordType } from 'dns-packet';
import { Fault } from '../mail/fault.ts';

export interface DnsServer {
  readonly host: string;
  readonly port: number;
}

/** UDP payload we take without fragments. RFC 9715 */
const udpPayloadSize = 1232;

/**
 * Asks one server once: over UDP, and over TCP where the answer was cut off. RFC 1035 4.2, RFC 7766 5
 * A fresh random port and id per question make forged answers hard. RFC 5452 9
 *
 * @param timeout milliseconds for UDP and TCP each
 * @throws Fault timedOut, unavailable
 */
export async function exchange(server: DnsServer, name: string, type: RecordType, timeout: number): Promise<DecodedPacket> {
  const query = encode(name, type);
  const udp = await overUdp(server, query, name, type, timeout);
  return udp.flag_tc ? overTcp(server, query, name, type, timeout) : udp;
}

const rcodes = ['NOERROR', 'FORMERR', 'SERVFAIL', 'NXDOMAIN', 'NOTIMP', 'REFUSED'];

/** RFC 1035 4.1.1 */
export function rcode(reply: DecodedPacket): string {
  const code = (reply.flags ?? 0) & 15;
  return rcodes[code] ?? `RCODE${code}`;
}

interface Query {
  readonly id: number;
  readonly bytes: Buffer;
}

function encode(name: string, type: RecordType): Query {
  const id = randomInt(0x10000);
  const question: Packet = {
    type: 'query',
    id,
    // AD in a query asks for the AD bit in the answer without the signatures. RFC 6840 5.7
    flags: packet.RECURSION_DESIRED | packet.AUTHENTIC_DATA,
    questions: [{ type, name, class: 'IN' }],
    additionals: [{ type: 'OPT', name: '.', udpPayloadSize, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }],
  };
  return { id, bytes: packet.encode(question) };
}

/** The reply to exactly this question, or null. RFC 5452 3 */
function decode(bytes: Buffer, query: Query, name: string, type: RecordType): DecodedPacket | null {
  let reply: DecodedPacket;
  try {
    reply = packet.decode(bytes);
  } catch {
    return null;
  }
  const question = reply.questions?.[0];
  if (reply.type !== 'response' || reply.id !== query.id) return null;
  // A server that cannot even parse the question leaves it out. RFC 1035 4.1.1
  if (question === undefined) return rcode(reply) === 'NOERROR' ? null : reply;
  return question.type === type && question.name.toLowerCase() === name ? reply : null;
}

function overUdp(server: DnsServer, query: Query, name: string, type: RecordType, timeout: number): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = createSocket(isIPv6(server.host) ? 'udp6' : 'udp4');
    let done = false;
    const finish = (act: () => void): void => {
      if (done) return;
      done = true;
      clearTimeout(timer);
      socket.close();
      act();
    };
    const fail = (error: Error): void => finish(() => reject(new Fault('unavailable', `DNS ${server.host}: ${error.message}`)));
    const timer = setTimeout(() => finish(() => reject(new Fault('timedOut', `DNS ${server.host} ${type} ${name}`))), timeout);
    socket.on('error', fail);
    socket.on('message', (bytes) => {
      const reply = decode(bytes, query, name, type);
      if (reply !== null) finish(() => resolve(reply));
    });
    // Connected: the kernel drops datagrams from other addresses.
    socket.connect(server.port, server.host, () => {
      if (done) return;
      socket.send(query.bytes, (error) => {
        if (error) fail(error);
      });
    });
  });
}

function overTcp(server: DnsServer, query: Query, name: string, type: RecordType, timeout: number): Promise<DecodedPacket> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.port, server.host);
    const chunks: Buffer[] = [];
    let size = 0;
    const fail = (fault: Fault): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(fault);
    };
    const timer = setTimeout(() => fail(new Fault('timedOut', `DNS ${server.host} ${type} ${name} over TCP`)), timeout);
    socket.on('error', (error) => fail(new Fault('unavailable', `DNS ${server.host}: ${error.message}`)));
    socket.on('close', () => fail(new Fault('unavailable', `DNS ${server.host} closed the connection`)));
    socket.on('connect', () => {
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.bytes.length);
      socket.write(Buffer.concat([length, query.bytes]));
    });
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size < 2) return;
      const all = Buffer.concat(chunks);
      const wanted = 2 + all.readUInt16BE(0);
      if (size < wanted) return;
      const reply = decode(all.subarray(2, wanted), query, name, type);
      if (reply === null) return fail(new Fault('unavailable', `DNS ${server.host}: not the answer`));
      clearTimeout(timer);
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(reply);
    });
  });
}
