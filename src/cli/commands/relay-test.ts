import { createConnection, isIP, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { openDirectory } from '../../directory/open.ts';
import type { Config } from '../../server/config/settings.ts';
import { parseHostPort } from '../../server/config/types.ts';
import { directorySlice } from '../../server/slices.ts';
import type { CommandFile } from '../command.ts';
import { Exit, exitCodes } from '../exit.ts';

/** Silence after which a server counts as not answering. Milliseconds. */
const patience = 30_000;
/** Longest reply that is read. Octets. */
const longestReply = 64 << 10;

interface Probe {
  readonly family: string;
  /** Between the brackets; '' = null reverse path. */
  readonly from: string;
  readonly to: string;
}

/** The abuse.net and RBL.JP families: every way in which servers were once talked into passing on a stranger's mail to a stranger. */
export function probes(host: string, domain: string, address: string): readonly Probe[] {
  const user = 'relaytest';
  const foreign = 'relay-test.invalid';
  const them = `${user}@${foreign}`;
  const literal = `[${isIP(address) === 6 ? 'IPv6:' : ''}${address}]`;
  const sender = `spamtest@${foreign}`;
  const local = `spamtest@${domain}`;
  return [
    { family: 'stranger to stranger', from: sender, to: them },
    { family: 'null sender', from: '', to: them },
    { family: 'sender without domain', from: 'spamtest', to: them },
    { family: 'sender at localhost', from: 'spamtest@localhost', to: them },
    { family: 'sender at our host', from: `spamtest@${host}`, to: them },
    { family: 'sender at our address', from: `spamtest@${literal}`, to: them },
    { family: 'sender at our domain', from: local, to: them },
    { family: '% at our domain', from: local, to: `${user}%${foreign}@${domain}` },
    { family: '% at our host', from: local, to: `${user}%${foreign}@${host}` },
    { family: '% at our address', from: local, to: `${user}%${foreign}@${literal}` },
    { family: 'quoted @', from: local, to: `"${them}"` },
    { family: 'quoted %', from: local, to: `"${user}%${foreign}"` },
    { family: 'two @, our domain last', from: local, to: `${them}@${domain}` },
    { family: 'quoted @, our domain last', from: local, to: `"${them}"@${domain}` },
    { family: 'two @, our address last', from: local, to: `${them}@${literal}` },
    { family: 'source route by our host', from: local, to: `@${host}:${them}` },
    { family: 'source route by our domain', from: local, to: `@${domain}:${them}` },
    { family: 'source route by our address', from: local, to: `@${literal}:${them}` },
    { family: 'bang path', from: local, to: `${foreign}!${user}` },
    { family: 'bang path, our domain', from: local, to: `${foreign}!${user}@${domain}` },
    { family: 'bang path, our address', from: local, to: `${foreign}!${user}@${literal}` },
    { family: 'several sources, null sender', from: '', to: `@${domain},@${host}:${them}` },
  ];
}

export const relayTest: CommandFile = (program, cli) => {
  program
    .command('relay-test')
    .description('the classic open-relay probes; sends no message')
    .argument('[host:port]', 'server to test; the first of listen.smtp when absent')
    .option('--domain <name>', "a domain of that server's; the first of ours, or its host name's, when absent")
    .option(
      '--source <address>',
      'address of this machine to ask from; one that is not loopback where there is any, as loopback is trusted',
    )
    .action(async (target: string | undefined, options: { domain?: string; source?: string }) => {
      const place = where(target ?? cli.config().config['listen.smtp'][0]);
      const source = options.source ?? strangerTo(place.host);
      const hosted = target === undefined ? firstDomain(cli.config().config) : undefined;
      const accepted: (Probe & { readonly reply: string })[] = [];
      const results: { family: string; from: string; to: string; reply: string; accepted: boolean }[] = [];
      for (let i = 0, all = probes('localhost', 'localhost', place.host); i < all.length; i++) {
        const session = await Dialogue.open(place.host, place.port, source);
        try {
          const host = session.name;
          const domain = options.domain ?? hosted ?? host.replace(/^[^.]+\.(?=.*\.)/, '');
          all = probes(host, domain, place.host);
          const probe = all[i]!;
          const reply = await session.probe(probe);
          const taken = reply.startsWith('2');
          results.push({ ...probe, reply, accepted: taken });
          if (taken) accepted.push({ ...probe, reply });
        } finally {
          session.close();
        }
      }
      if (accepted.length > 0 && source === undefined && isLoopback(place.host)) {
        cli.warn('asked from loopback, which mynetworks lets relay; ask from another machine');
      }
      cli.print({ host: place.host, port: place.port, probes: results, relays: accepted.length }, [
        ...results.map(({ family, from, to, reply }) => `${family}: MAIL FROM:<${from}> RCPT TO:<${to}> ${reply}`),
        ...(accepted.length === 0
          ? ['no relays accepted.']
          : [`${accepted.length} relays accepted:`, ...accepted.map(({ from, to }) => `<${from}> to <${to}>`)]),
      ]);
      if (accepted.length > 0) throw new Exit(exitCodes.no);
    });
};

function firstDomain(config: Config): string | undefined {
  const directory = openDirectory(directorySlice(config));
  try {
    return directory.manage.domains()[0]?.name;
  } finally {
    directory.close();
  }
}

/**
 * Loopback is in mynetworks and may relay, so the question is asked from another address of this machine; the system lets that reach loopback too.
 * undefined: the target is elsewhere, or the machine has none.
 */
function strangerTo(host: string): string | undefined {
  if (!isLoopback(host)) return undefined;
  const family = isIP(host) === 6 ? 'IPv6' : 'IPv4';
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return own.find((a) => !a.internal && a.family === family && (a.scopeid ?? 0) === 0)?.address;
}

const isLoopback = (host: string): boolean => /^(?:127\.|::1$|localhost$)/.test(host);

function where(text: string | undefined): { readonly host: string; readonly port: number } {
  if (text === undefined) throw new Exit(exitCodes.usage, 'relay-test: listen.smtp is off; name HOST:PORT');
  const named = /^([A-Za-z0-9][A-Za-z0-9.-]*)(?::(\d+))?$/.exec(text);
  if (named !== null && isIP(named[1]!) === 0) return { host: named[1]!, port: Number(named[2] ?? 25) };
  try {
    const { host, port } = parseHostPort(/:\d+$/.test(text) ? text : `${text}:25`);
    return { host: host === '*' ? '127.0.0.1' : host, port };
  } catch (error) {
    throw new Exit(exitCodes.usage, `relay-test: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** One SMTP session, as far as RCPT. */
class Dialogue {
  readonly #socket: Socket;
  #input = '';
  #wake: () => void = () => {};
  #over: string | null = null;
  /** What the server calls itself. */
  name = 'localhost';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('latin1');
    socket.setTimeout(patience, () => socket.destroy(new Error('no answer')));
    socket.on('data', (text: string) => {
      this.#input += text;
      if (this.#input.length > longestReply) socket.destroy(new Error('reply too long'));
      this.#wake();
    });
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('connection closed'));
  }

  static async open(host: string, port: number, localAddress: string | undefined): Promise<Dialogue> {
    const session = new Dialogue(createConnection({ host, port, ...(localAddress === undefined ? {} : { localAddress }) }));
    const greeting = await session.reply();
    if (!greeting.startsWith('220')) throw new Exit(exitCodes.unavailable, `relay-test: ${host}:${port} says ${greeting}`);
    session.name = /^220[ -](\S+)/.exec(greeting)?.[1] ?? session.name;
    return session;
  }

  /** @returns the reply that decided: of RCPT, or of what was refused before it */
  async probe({ from, to }: Probe): Promise<string> {
    for (const line of ['HELO relay-test.invalid', `MAIL FROM:<${from}>`]) {
      const reply = await this.say(line);
      if (!reply.startsWith('2')) return reply;
    }
    return this.say(`RCPT TO:<${to}>`);
  }

  say(line: string): Promise<string> {
    this.#socket.write(`${line}\r\n`, 'latin1');
    return this.reply();
  }

  /** Last line of the next reply; one that is no more than a hang-up counts as 421. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-.*\r?\n)*(\d{3}(?: .*)?)\r?\n/.exec(this.#input);
      if (match !== null) {
        this.#input = this.#input.slice(match[0].length);
        return match[1]!;
      }
      if (this.#over !== null) throw new Exit(exitCodes.unavailable, `relay-test: ${this.#over}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  close(): void {
    this.#socket.end('QUIT\r\n');
    this.#socket.on('error', () => {});
  }

  #end(why: string): void {
    this.#over ??= why;
    this.#wake();
  }
}
