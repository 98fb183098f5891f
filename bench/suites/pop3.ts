// POP3: a maildrop of 2,000 messages read whole, and looked at only.
import { connect } from 'node:net';
import { fill } from '../drivers/fill.ts';
import { Measures, rowsOfMeasures } from '../measures.ts';
import type { Row } from '../report.ts';
import { account, type BenchServer, password } from '../servers/server.ts';

class Pop3Client {
  readonly #write: (text: string) => void;
  #data: Buffer[] = [];
  #size = 0;
  #wake: (() => void) | null = null;
  readonly close: () => void;

  private constructor(port: number) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#write = (text) => void socket.write(text);
    this.close = () => void socket.destroy();
    socket.on('data', (chunk: Buffer) => {
      this.#data.push(chunk);
      this.#size += chunk.length;
      this.#wake?.();
    });
  }

  static async open(port: number, user: string): Promise<Pop3Client> {
    const client = new Pop3Client(port);
    await client.#until('\r\n');
    await client.command(`USER ${user}`);
    await client.command(`PASS ${password}`);
    return client;
  }

  async command(text: string, many = false): Promise<void> {
    this.#write(`${text}\r\n`);
    await this.#until(many ? '\r\n.\r\n' : '\r\n');
  }

  /** RETR of messages 1 to `count`, sixteen under way at a time. */
  async retrieve(count: number): Promise<number> {
    let octets = 0;
    for (let n = 1; n <= count; n += 16) {
      const until = Math.min(count, n + 15);
      this.#write(Array.from({ length: until - n + 1 }, (_, k) => `RETR ${n + k}\r\n`).join(''));
      octets += await this.#until('\r\n.\r\n', until - n + 1);
    }
    return octets;
  }

  async #until(end: string, times = 1): Promise<number> {
    for (;;) {
      const last = this.#data.at(-1);
      if (
        last !== undefined &&
        (last.length >= end.length ? last : Buffer.concat(this.#data.slice(-4))).subarray(-end.length).equals(Buffer.from(end))
      ) {
        const all = Buffer.concat(this.#data);
        let found = 0;
        for (let at = all.indexOf(end); at >= 0; at = all.indexOf(end, at + end.length)) found++;
        if (found >= times) {
          const size = this.#size;
          this.#data = [];
          this.#size = 0;
          if (all[0] !== 0x2b) throw new Error(all.toString('latin1', 0, 80));
          return size;
        }
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

const user = account(0);

async function readAll({ ports }: BenchServer, messages: number): Promise<void> {
  const client = await Pop3Client.open(ports.pop3!, user);
  await client.command('STAT');
  await client.command('UIDL', true);
  await client.retrieve(messages);
  await client.command('QUIT');
  client.close();
}

const readingRow = (messages: number): string => `POP3 login + STAT + UIDL + RETR of ${messages}`;

async function once(m: Measures, messages: number): Promise<void> {
  await m.time(readingRow(messages), 0.7, () => readAll(m.server, messages));
  const port = m.server.ports.pop3!;
  const looks = 40;
  await m.rate('POP3 login + STAT + UIDL + QUIT', 2, looks, async () => {
    for (let n = 0; n < looks; n++) {
      const one = await Pop3Client.open(port, user);
      await one.command('STAT');
      await one.command('UIDL', true);
      await one.command('QUIT');
      one.close();
    }
  });
}

/** The same with a server that was just started, and with one that has read maildrops before: what a day's work is like. */
async function coldAndWarm(m: Measures, messages: number): Promise<void> {
  await m.server.restart(true);
  await m.time('POP3 login + QUIT, first after a start', null, async () => {
    const client = await Pop3Client.open(m.server.ports.pop3!, user);
    await client.command('QUIT');
    client.close();
  });
  await m.time(`${readingRow(messages)}, first after a start`, null, () => readAll(m.server, messages));
  // As many as there are workers, and more: each has its first one.
  for (let n = 0; n < 6; n++) await readAll(m.server, messages);
  await m.time(`${readingRow(messages)}, again (the eighth and on)`, null, () => readAll(m.server, messages), 5);
}

export async function pop3Suite(ours: BenchServer, peer: BenchServer | null, runs: number, scale: number, only: RegExp): Promise<Row[]> {
  const measures = (peer === null ? [ours] : [ours, peer]).map((server) => new Measures(server));
  const messages = Math.round(2000 * scale);
  for (const { server } of measures) {
    await server.restart();
    await fill(server, account(0), 'INBOX', messages);
  }
  for (let run = 0; run < runs; run++) for (const m of measures) await once(m, messages);
  for (let run = 0; run < runs; run++) for (const m of measures) await coldAndWarm(m, messages);
  return rowsOfMeasures(measures[0]!, measures[1] ?? null, only);
}
