// Logins over IMAP, by passwords that are hashed and by ones that were right a moment ago; TLS handshakes, full and resumed.
import { connect } from 'node:tls';
import { Measures, rowsOfMeasures } from '../measures.ts';
import type { Row } from '../report.ts';
import type { BenchServer } from '../servers/server.ts';
import { account } from '../servers/server.ts';
import { logins, openClient } from './imap.ts';

/** One TLS connection until the greeting; with `wait` also until the server gave a ticket. */
function visit(port: number, session: Buffer | null, wait = false): Promise<{ readonly reused: boolean; readonly ticket: Buffer | null }> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(session === null ? {} : { session }) });
    let ticket: Buffer | null = null;
    let greeted = false;
    const look = (): void => {
      if (!greeted || (wait && ticket === null)) return;
      resolve({ reused: socket.isSessionReused(), ticket });
      socket.destroy();
    };
    socket.on('session', (given: Buffer) => {
      ticket = given;
      look();
    });
    socket.on('data', () => {
      greeted = true;
      look();
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('closed before the greeting')));
  });
}

async function handshakes(m: Measures, count: number): Promise<void> {
  const port = m.server.ports.imaps!;
  const { ticket } = await visit(port, null, true);
  let reused = 0;
  const work = async (session: Buffer | null): Promise<void> => {
    let next = 0;
    reused = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (next++ < count) if ((await visit(port, session)).reused) reused++;
      }),
    );
  };
  await m.rate('TLS to the greeting, 20 connections, full handshake', null, count, () => work(null));
  await m.rate('TLS to the greeting, 20 connections, resumed', null, count, () => work(ticket));
  // Whichever worker or process answers.
  m.put('TLS sessions resumed that could be', '%', 1, (reused / count) * 100);
}

/** Everybody's mailboxes are there: making them is no part of a login. */
async function found({ server }: Measures): Promise<void> {
  for (let n = 100; n < 200; n++) {
    const client = await openClient(server, account(n));
    await client.command('LOGOUT');
    client.close();
  }
}

export async function authSuite(ours: BenchServer, peer: BenchServer | null, runs: number, scale: number, only: RegExp): Promise<Row[]> {
  const measures = (peer === null ? [ours] : [ours, peer]).map((server) => new Measures(server));
  for (const m of measures) await found(m);
  for (let run = 0; run < runs; run++) {
    for (const m of measures) {
      // Begins anew, and so knows no password.
      await logins(m);
      await handshakes(m, Math.max(20, Math.round(1000 * scale)));
    }
  }
  return rowsOfMeasures(measures[0]!, measures[1] ?? null, only);
}
