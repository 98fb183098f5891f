import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/imap/commands/index.ts';
import { fetchItemRows } from '../../src/imap/items/index.ts';
import type { ListenerName } from '../../src/index.ts';
import { addAccounts, settingsIn, spawnServer, startTestServer, temporaryFolder } from '../support/server.ts';
import { inDomain, layOutMessages, type Place, parseTranscript, runTranscript, type Transcript } from '../support/transcript.ts';
import { children, connectToWorker } from '../support/worker-connection.ts';

/**
 * Every dialogue of these folders, against the whole server with one worker. With two: all of IMAP, and of the others those of several
 * clients; each client of a dialogue is then with another worker than the one before. Dialogues share a server and have accounts of
 * their own in it; one that changes settings has a server of its own.
 */
for (const folder of ['smtp', 'imap', 'pop3', 'http'] as const) {
  const dir = join(import.meta.dirname, folder);
  const files = readdirSync(dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.txt'));
  if (files.length === 0) continue;
  describe.concurrent(folder, () => {
    for (const file of files.sort()) {
      const name = file.replace(/\.txt$/, '');
      const transcript = parseTranscript(readFileSync(join(dir, file), 'utf8'));
      const both = folder === 'imap' || new Set(transcript.steps.map(({ connection }) => connection)).size > 1;
      if ((transcript.workers ?? 1) === 1) it(name, ({ skip }) => hold(transcript, folder, 1, skip));
      if ((transcript.workers ?? 2) === 2 && both) it(`${name} (2 workers)`, ({ skip }) => hold(transcript, folder, 2, skip), 60_000);
    }
  });
}

it('every command and FETCH item of IMAP is in a dialogue, so nothing is announced that was never tried', () => {
  const dir = join(import.meta.dirname, 'imap');
  const said = readdirSync(dir).flatMap((name) => {
    const { steps } = parseTranscript(readFileSync(join(dir, name), 'utf8'));
    return steps.flatMap(({ side, text }) => (side === 'C' ? [text.replace(/^\S+ /, '')] : []));
  });
  const isSaid = (name: string): boolean => said.some((text) => text === name || text.startsWith(`${name} `));
  expect([...commands.keys()].filter((name) => !isSaid(name))).toEqual([]);
  const items = said.filter((text) => /^(?:UID )?FETCH /.test(text)).join('\n');
  const isFetched = (name: string): boolean => new RegExp(`[ (]${name.replaceAll('.', '\\.')}(?=[\\s)[<])`).test(`${items}\n`);
  expect(fetchItemRows.filter(({ name }) => !isFetched(name)).map(({ name }) => name)).toEqual([]);
});

/** A running server and where it keeps its accounts. */
interface Running {
  readonly settings: Readonly<Record<string, unknown>>;
  port(name: ListenerName): number;
  /** Makes the n-th connection of a dialogue. */
  readonly open?: Place['open'];
  close(): Promise<void>;
}

const shared = new Map<number, Promise<Running>>();
let held = 0;

afterAll(async () => {
  for (const server of shared.values()) await (await server).close();
});

async function hold(transcript: Transcript, listener: ListenerName, workers: number, skip: (note: string) => void): Promise<void> {
  const own = Object.keys(transcript.settings).length > 0;
  if (!own && !shared.has(workers)) shared.set(workers, start(workers, {}));
  const server = await (own ? start(workers, listed(transcript.settings)) : shared.get(workers)!);
  try {
    const domain = own ? 'example.com' : `exa${String(++held).padStart(4, '0')}.com`;
    const dialogue = inDomain(transcript, domain);
    const home = (server.settings['mail.home'] as string).replace('%d', domain).replace('%n', 'ann');
    if (dialogue.messages.length > 0) layOutMessages(dialogue.messages, home);
    addAccounts(server.settings, { [`ann@${domain}`]: 'secret', [`bob@${domain}`]: 'secret' });
    const place: Place = { port: (name) => server.port(name), listener, ...(server.open === undefined ? {} : { open: server.open }) };
    for (const capability of transcript.capabilities) {
      const question = inDomain(parseTranscript(questions[listener as keyof typeof questions](capability)), domain);
      const lacks = await runTranscript(question, place).then(
        () => false,
        () => true,
      );
      if (lacks) skip(`no ${capability}`);
    }
    await runTranscript(dialogue, place);
  } finally {
    if (own) await server.close();
  }
}

async function start(workers: number, extra: Readonly<Record<string, unknown>>): Promise<Running> {
  const more = { 'limits.client_connection_count_limit': 0, ...extra };
  if (workers === 1) return startTestServer({ settings: more, accounts: {} });
  const folder = temporaryFolder();
  const { path } = folder;
  const settings: Record<string, unknown> = { ...settingsIn(path), ...more, workers };
  const env = Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [`POSTCOTE_${key.replaceAll('.', '__').toUpperCase()}`, String(value)]),
  );
  const server = spawnServer({ cwd: path, env });
  await server.line('ready', 30_000);
  const pids = children(server.pid);
  return {
    settings,
    port: (name) => server.port(name),
    ...(pids.length > 1 ? { open: (port: number, n: number) => connectToWorker(port, pids[n % pids.length]!) } : {}),
    async close() {
      server.kill('SIGTERM');
      await server.exited;
      const bugs = server.log.filter(({ level }) => (level as number) >= 50);
      if (bugs.length > 0) throw new Error(`the server logged errors; see ${path}\n${bugs.map((line) => JSON.stringify(line)).join('\n')}`);
      folder.remove();
    },
  };
}

const questions = {
  smtp: (word: string) => `C: EHLO x\nS: ...\nS: 250-${word}...\nS: ...`,
  imap: (word: string) => `C: a LOGIN ann@example.com secret\nS: ...\nS: a OK ...\nC: b CAPABILITY\nS: * CAPABILITY ... ${word}...\nS: ...`,
  pop3: (word: string) => `C: CAPA\nS: +OK...\nS: ...\nS: ${word}...\nS: ...`,
};

/** Values as the configuration wants them: JSON where they are, else the text. */
function listed(settings: Readonly<Record<string, string>>): Record<string, unknown> {
  const value = (text: string): unknown => {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  };
  return Object.fromEntries(Object.entries(settings).map(([key, text]) => [key, value(text)]));
}
