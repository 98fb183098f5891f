// A process of clients that do nothing useful: says what stands when they are all there and whenever it is asked, and ends with its input.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** What this process says. */
export interface Standing {
  readonly standing: number;
  /** Connections that heard of new mail since they idle. */
  readonly told: number;
  /** CPU milliseconds so far. */
  readonly cpu: number;
}

const [kind, count, smtp, imap, imaps] = process.argv.slice(2) as [string, string, string, string, string];
const sockets: Socket[] = [];
let lost = 0;
let told = 0;

/** Source addresses in turn, so that ports do not run out. */
const open = (port: string): Socket => {
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: `127.0.1.${1 + (sockets.length % 200)}` });
  socket.on('error', () => {});
  socket.on('close', () => lost++);
  sockets.push(socket);
  return socket;
};

const answer = (socket: Socket, end: RegExp): Promise<void> =>
  new Promise((resolve) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text = (text + chunk.toString('latin1')).slice(-400);
      if (!end.test(text)) return;
      socket.off('data', take);
      resolve();
    };
    socket.on('data', take);
    socket.once('close', () => resolve());
  });

const kinds: Readonly<Record<string, (n: number) => Promise<void>>> = {
  async slow(n) {
    if (n % 3 === 0) {
      // An octet a second.
      const socket = open(smtp);
      await answer(socket, /\n/);
      const text = `EHLO slow.test\r\nMAIL FROM:<a@slow.test>\r\n`;
      let at = 0;
      setInterval(() => {
        if (!socket.destroyed) socket.write(text[at++ % text.length]!);
      }, 1000);
    } else if (n % 3 === 1) {
      // Asks and never reads.
      const socket = open(imap);
      socket.pause();
      socket.write('a CAPABILITY\r\n'.repeat(50));
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    } else {
      // Half of a TLS handshake.
      const socket = open(imaps);
      socket.write(Buffer.from('160301', 'hex'));
      await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    }
  },
  async idle(n) {
    const socket = open(imap);
    await answer(socket, /\n/);
    socket.write(`a LOGIN g${n % 10}@example.com secret\r\n`);
    await answer(socket, /a (OK|NO)/);
    socket.write('b SELECT INBOX\r\n');
    await answer(socket, /b (OK|NO)/);
    socket.write('c IDLE\r\n');
    await answer(socket, /\+ /);
    void answer(socket, /\* \d+ EXISTS/).then(() => {
      if (!socket.destroyed) told++;
      socket.resume();
    });
  },
};

const say = (): void => {
  const { user, system } = process.cpuUsage();
  const standing: Standing = { standing: sockets.length - lost, told, cpu: (user + system) / 1000 };
  process.stdout.write(`${JSON.stringify(standing)}\n`);
};

let next = 0;
await Promise.all(
  Array.from({ length: 50 }, async () => {
    while (next < Number(count)) {
      await kinds[kind]!(next++);
      await sleep(1);
    }
  }),
);
say();
process.stdin.on('data', say);
process.stdin.on('end', () => process.exit(0));
