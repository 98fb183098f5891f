import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import packet, { type Answer, type Packet, type Question } from 'dns-packet';

/** `example.com MX` → records; a record's TTL is 60 s unless given. */
export type Zone = Record<string, readonly unknown[] | 'SERVFAIL' | 'silent'>;

export interface TestDns {
  readonly host: string;
  readonly port: number;
  /** May be changed at any time. Keys: `name TYPE`. A name with any key exists. */
  readonly zone: Zone;
  /** Set AD in answers. */
  authenticated: boolean;
  /** Questions asked, `name TYPE`. */
  readonly asked: string[];
  close(): Promise<void>;
}

/** A DNS server on loopback, UDP and TCP on one port, with a zone of the test's own. */
export async function startDns(zone: Zone = {}): Promise<TestDns> {
  const asked: string[] = [];
  function reply(query: Packet, limit: number): Buffer | null {
    const question = query.questions?.[0] as Question;
    const name = question.name.toLowerCase();
    asked.push(`${name} ${question.type}`);
    const answers: Answer[] = [];
    let rcode = 0;
    let at = name;
    for (let links = 0; links < 8; links++) {
      const entry = zone[`${at} ${question.type}`];
      if (entry === 'silent') return null;
      if (entry === 'SERVFAIL') rcode = 2;
      else if (entry !== undefined) {
        answers.push(...entry.map((data) => ({ type: question.type, name: at, ttl: 60, data }) as Answer));
      }
      const alias = zone[`${at} CNAME`];
      if (entry !== undefined || alias === undefined || typeof alias === 'string') break;
      answers.push({ type: 'CNAME', name: at, ttl: 60, data: alias[0] as string });
      at = alias[0] as string;
    }
    if (rcode === 0 && answers.length === 0 && !Object.keys(zone).some((key) => key.startsWith(`${at} `) || key.includes(`.${at} `)))
      rcode = 3;
    const packed = (content: Answer[], flags: number): Buffer =>
      packet.encode({
        type: 'response',
        id: query.id ?? 0,
        flags: flags | packet.RECURSION_AVAILABLE | (server.authenticated ? packet.AUTHENTIC_DATA : 0),
        questions: [question],
        answers: content,
      });
    const full = packed(answers, rcode);
    return full.length <= limit ? full : packed([], rcode | packet.TRUNCATED_RESPONSE);
  }

  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      const answer = reply(packet.decode(chunk.subarray(2)), 65_535);
      if (answer === null) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([length, answer]));
    });
  });
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  const port = (tcp.address() as { port: number }).port;
  const udp = createSocket('udp4');
  udp.on('message', (message, from) => {
    const answer = reply(packet.decode(message), 1232);
    if (answer !== null) udp.send(answer, from.port, from.address);
  });
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve));
  const server: TestDns = {
    host: '127.0.0.1',
    port,
    zone,
    authenticated: false,
    asked,
    close: async () => {
      udp.close();
      await new Promise<void>((resolve) => tcp.close(() => resolve()));
    },
  };
  return server;
}
