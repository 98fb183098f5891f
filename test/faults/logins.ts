// Logins under attack: a flood of bad ones, and a password that must be in no log, whatever way it takes.
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { type FaultServer, faultServer } from './fault-server.ts';
import { Failed, type FaultTest, figures } from './fault-test.ts';

/** A conversation: each line is said once the answer before it has come. @returns all answers */
export function dialogue(
  port: number,
  lines: readonly (string | Buffer)[],
  { from = '127.0.0.1', tls = false }: { from?: string; tls?: boolean } = {},
): Promise<string> {
  return new Promise((resolve) => {
    const plain: Socket = connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
    const socket = tls ? connectTls({ socket: plain, rejectUnauthorized: false }) : plain;
    let text = '';
    let next = 0;
    const timer = setTimeout(() => socket.destroy(), 20_000);
    const done = (): void => {
      clearTimeout(timer);
      plain.destroy();
      resolve(text);
    };
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (!text.endsWith('\r\n') || /(?:^|\r\n)\d{3}-[^\r]*\r\n$/.test(text)) return;
      if (next === lines.length) socket.end();
      else socket.write(lines[next++]!);
    });
    socket.on('close', done);
    socket.on('error', done);
    plain.on('error', done);
  });
}

const percentile = (times: readonly number[], share: number): number =>
  [...times].sort((a, b) => a - b)[Math.floor(times.length * share)] ?? 0;

async function flood(long: boolean): Promise<string> {
  const server = await faultServer({ accounts: ['ann@example.com'], workers: 1 });
  try {
    const { IMAP } = server.ports;
    const good = async (): Promise<number> => {
      const began = performance.now();
      const heard = await dialogue(IMAP, ['a LOGIN ann@example.com secret\r\n', 'b LOGOUT\r\n']);
      if (!/^a OK/m.test(heard)) throw new Failed(`a good login was refused: ${JSON.stringify(heard)}`);
      return performance.now() - began;
    };
    const quiet: number[] = [];
    for (let i = 0; i < 50; i++) quiet.push(await good());
    const attempts = long ? 10_000 : 2000;
    let over = false;
    let [refused, busy, accepted] = [0, 0, 0];
    const began = performance.now();
    const attack = async (client: number): Promise<void> => {
      for (let i = client; i < attempts; i += 100) {
        // From 200 addresses, half for the account there is, half for others.
        const from = `127.0.${1 + (i % 4)}.${1 + (i % 50)}`;
        const name = i % 2 === 0 ? 'ann@example.com' : `n${i}@example.com`;
        const heard = await dialogue(IMAP, [`a LOGIN ${name} guess${i}\r\n`], { from });
        if (/^a OK/m.test(heard)) accepted++;
        else if (heard.includes('UNAVAILABLE')) busy++;
        else refused++;
      }
    };
    const during: number[] = [];
    const watch = (async () => {
      while (!over) during.push(await good());
    })();
    await Promise.all(Array.from({ length: 100 }, (_, client) => attack(client)));
    over = true;
    await watch;
    const p99 = Math.round(percentile(during, 0.99));
    return figures(
      {
        attempts,
        seconds: ((performance.now() - began) / 1000).toFixed(1),
        refused,
        busy,
        accepted,
        goodMeanwhile: during.length,
        quietP99Ms: Math.round(percentile(quiet, 0.99)),
        goodP50Ms: Math.round(percentile(during, 0.5)),
        goodP99Ms: p99,
        errors: server.errors().length,
      },
      ['accepted', 'errors'],
      { goodP99Ms: 1000 },
    );
  } finally {
    await server.close();
  }
}

const canary = 'Cr0w-N3st-C4nary';
const b64 = (text: string): string => Buffer.from(text).toString('base64');
/** The password as it crosses the wire. */
const forms = [canary, b64(canary), b64(`\0ann@example.com\0${canary}`), Buffer.from(canary).toString('hex'), encodeURIComponent(canary)];

/** Every way a password can take, right and wrong, whole and broken off. */
const ways: readonly (readonly [port: 'SMTP' | 'SUBMISSION' | 'IMAP' | 'POP3', tls: boolean, ...lines: string[]])[] = (
  ['ann@example.com', 'ANN@example.com', 'nobody@example.com', 'ann', ''] as const
).flatMap((name): (readonly ['SMTP' | 'SUBMISSION' | 'IMAP' | 'POP3', boolean, ...string[]])[] => {
  const plain = b64(`\0${name}\0${canary}`);
  const other = b64(`bob@example.com\0${name}\0${canary}`);
  return [
    ...(['SMTP', 'SUBMISSION'] as const).flatMap((port): (readonly [typeof port, boolean, ...string[]])[] => [
      [port, false, 'EHLO c\r\n', `AUTH PLAIN ${plain}\r\n`],
      [port, false, 'EHLO c\r\n', `AUTH PLAIN ${other}\r\n`],
      [port, false, 'EHLO c\r\n', 'AUTH PLAIN\r\n', `${plain}\r\n`],
      [port, false, 'EHLO c\r\n', 'AUTH LOGIN\r\n', `${b64(name)}\r\n`, `${b64(canary)}\r\n`],
      [port, false, 'EHLO c\r\n', `AUTH LOGIN ${b64(name)}\r\n`, `${b64(canary)}!\r\n`],
      [port, false, `AUTH PLAIN ${plain}\r\n`, `${plain}\r\n`, `${canary}\r\n`],
      [port, false, 'EHLO c\r\n', `AUTH NONE ${plain}\r\n`, `PASS ${canary}\r\n`],
      [port, false, 'EHLO c\r\n', `AUTH SCRAM-SHA-256 ${b64(`n,,n=${name},r=${canary}`)}\r\n`, `${b64(`c=biws,r=${canary},p=AAAA`)}\r\n`],
    ]),
    ['IMAP', false, `a LOGIN "${name}" ${canary}\r\n`, `b LOGIN "${name}" "${canary}" x\r\n`],
    ['IMAP', false, `a LOGIN {${name.length}}\r\n`, `${name} {${canary.length}}\r\n`, `${canary}\r\n`],
    ['IMAP', false, `a LOGIN {${name.length}+}\r\n${name} {${canary.length}+}\r\n${canary} x\r\n`],
    ['IMAP', false, `LOGIN ${name} ${canary}\r\n`, `a LOGIN ${canary}\r\n`, `a ${canary}\r\n`],
    ['IMAP', false, `a AUTHENTICATE PLAIN ${plain}\r\n`, `b AUTHENTICATE PLAIN ${plain}\r\n`],
    ['IMAP', false, 'a AUTHENTICATE LOGIN\r\n', `${b64(name)}\r\n`, `${b64(canary)}\r\n`],
    ['IMAP', false, `a AUTHENTICATE NONE ${plain}\r\n`, `a LOGIN ${name} ${canary}${'x'.repeat(9000)}\r\n`],
    ['POP3', false, `USER ${name}\r\n`, `PASS ${canary}\r\n`, `PASS ${canary} x\r\n`],
    ['POP3', false, `AUTH PLAIN ${plain}\r\n`, `${plain}\r\n`],
    ['POP3', false, 'AUTH LOGIN\r\n', `${b64(name)}\r\n`, `${b64(canary)}\r\n`],
    ['POP3', false, `PASS ${canary}\r\n`, `APOP ${name} ${canary}\r\n`, `${canary}\r\n`, `USER ${name} ${canary}\r\n`],
  ];
});

async function canaryJourney(): Promise<string> {
  let [conversations, loggedIn, found] = [0, 0, 0];
  const wrong: string[] = [];
  // With the right password and with a wrong one; passwords allowed in the clear and not.
  for (const [password, cleartext] of [
    [canary, 'true'],
    ['another', 'true'],
    [canary, 'false'],
  ] as const) {
    const server: FaultServer = await faultServer({
      accounts: [],
      workers: 1,
      env: {
        POSTCOTE_LOG__LEVEL: 'debug',
        POSTCOTE_AUTH__ALLOW_CLEARTEXT: cleartext,
        POSTCOTE_AUTH__MECHANISMS: 'PLAIN,LOGIN,CRAM-MD5,SCRAM-SHA-256',
        POSTCOTE_AUTH__DEFAULT_REALM: 'example.com',
      },
      passwords: { 'ann@example.com': password, 'bob@example.com': 'secret' },
    });
    try {
      for (const [port, tls, ...lines] of ways) {
        conversations++;
        const heard = await dialogue(server.ports[port], lines, { tls });
        if (/^235|^[ab] OK|^\+OK Logged in/m.test(heard)) loggedIn++;
        // An answer that repeats it is as bad.
        for (const form of forms)
          if (heard.includes(form)) wrong.push(`${port} ${JSON.stringify(lines[0])} answers ${JSON.stringify(heard)}`);
      }
      await server.close(true);
      const text = JSON.stringify(server.process.log) + server.process.stderr();
      for (const form of forms) {
        const at = text.indexOf(form);
        if (at < 0) continue;
        found++;
        wrong.push(`in the log: ${text.slice(Math.max(0, at - 150), at + 30)}`);
      }
      if (!text.includes('login failed')) wrong.push('the log tells of no failed login');
    } finally {
      await server.close();
    }
  }
  if (wrong.length > 0) throw new Failed(wrong.slice(0, 4).join(' | '));
  return figures({ conversations, loggedIn, found }, ['found']);
}

export const loginTests: readonly FaultTest[] = [
  { name: 'login-flood', run: ({ long }) => flood(long) },
  { name: 'canary-password', run: canaryJourney },
];
