import type { Staged } from '../base/staging.ts';
import { Fault } from '../mail/fault.ts';
import { literalPolicies } from './commands/index.ts';
import { failure, type Session } from './session.ts';

/** One command as it came, not parsed yet. */
export interface Incoming {
  readonly tag: string;
  /** Upper case, with its second word after UID. */
  readonly name: string;
  /** All of it, literals inlined behind their `{n}` CRLF; octets as latin1. */
  readonly text: string;
  /** Where the arguments start, at the space before them. */
  readonly at: number;
  /** Message literals, in order. */
  readonly messages: readonly Staged[];
}

/**
 * How a command takes literals that are messages: streamed to a waiting room instead of held in memory.
 * `accepts` sees the command so far, up to the literal's `{`.
 */
export interface LiteralPolicy {
  accepts(before: string, at: number): boolean;
  /** Checks what is known before the client is asked to send. @throws Fault tooBig, noSuchMailbox, overQuota */
  check(session: Session, before: string, at: number, size: number, soFar: number): Promise<void>;
  receive(session: Session, size: number, binary: boolean): Promise<Staged | null>;
}

const literalEnd = /(~?)\{(\d{1,10})(\+?)\}$/;
const chunkTimeout = 5 * 60_000;

/**
 * The next command, whole. Null at the end of input. Commands that cannot be read are answered here and passed over.
 * Nothing is allocated for a literal before its size was checked. RFC 9051 2.2.1, RFC 7888
 */
export async function readCommand(session: Session): Promise<Incoming | null> {
  for (;;) {
    const first = await readLine(session, true);
    if (first === null) return null;
    if (first.fault !== null) {
      refuse(session, '*', first.fault);
    } else {
      const incoming = await assemble(session, first.text);
      if (incoming === null) return null;
      if (incoming !== 'refused') return incoming;
    }
    if (session.badCommands >= session.settings.maxBadCommands) {
      session.bye('Too many invalid commands.');
      return null;
    }
  }
}

function refuse(session: Session, tag: string, fault: Fault): void {
  session.badCommands++;
  session.out.line(failure(tag, fault));
  session.out.flush();
}

/** tag SP command [SP command]: where the name is and ends. */
const head = /^([^\x00-\x20(){%*"\\+\x7f-\xff]+) ([A-Za-z0-9.=-]+)(?: ([A-Za-z0-9]+))?/;

async function assemble(session: Session, line: string): Promise<Incoming | 'refused' | null> {
  const match = head.exec(line);
  if (match === null) {
    const tag = /^[^\x00-\x20(){%*"\\+\x7f-\xff]+(?= |$)/.exec(line)?.[0] ?? '*';
    const known = await swallow(session, line);
    if (known) refuse(session, tag, new Fault('syntax', 'command expected'));
    return known ? 'refused' : null;
  }
  const tag = match[1]!;
  let name = match[2]!.toUpperCase();
  let at = tag.length + 1 + name.length;
  if (name === 'UID' && match[3] !== undefined) {
    name = `UID ${match[3].toUpperCase()}`;
    at += 1 + match[3].length;
  }
  const { settings, out } = session;
  const loggedIn = session.mail !== null;
  const policy = loggedIn ? literalPolicies.get(name) : undefined;
  const longest = loggedIn ? settings.maxCommand : settings.maxLineBeforeLogin;
  const messages: Staged[] = [];
  let text = line;
  let fault: Fault | null = null;
  const discard = async () => {
    for (const message of messages.splice(0)) await message.discard();
  };
  try {
    for (;;) {
      const literal = literalEnd.exec(text.length > 32 ? text.slice(-32) : text);
      if (literal === null) break;
      const [marker, tilde, digits, plus] = literal as unknown as [string, string, string, string];
      const size = Number(digits);
      const before = text.slice(0, text.length - marker.length);
      const asMessage = policy?.accepts(before, at) ?? false;
      if (fault === null) {
        try {
          // A command that cannot be is refused before its literals come.
          session.row(name);
          if (asMessage) await policy!.check(session, before, at, size, messages.length);
          else if (size > (loggedIn ? longest : settings.maxLiteralBeforeLogin) || text.length + size > longest)
            throw new Fault('tooBig', 'literal');
        } catch (error) {
          if (!(error instanceof Fault)) throw error;
          fault = error;
        }
        // The client has not sent it yet and never will. RFC 9051 2.2.1
        if (fault !== null && plus === '') break;
      }
      if (plus === '' && fault === null) {
        out.line('+ OK');
        out.flush();
      }
      if (fault !== null) {
        if (!(await skip(session, size))) return null;
      } else if (asMessage) {
        const staged = await policy!.receive(session, size, tilde === '~');
        if (staged === null) return null;
        messages.push(staged);
        text += '\r\n';
      } else {
        const chunks: string[] = [];
        const whole = await session.connection.read(size, (chunk) => void chunks.push(chunk.toString('latin1')), chunkTimeout);
        if (!whole) return null;
        text += `\r\n${chunks.join('')}`;
      }
      const next = await readLine(session, false);
      if (next === null) return null;
      if (next.fault !== null) {
        fault ??= next.fault;
        break;
      }
      // After a fault only the end of each line matters: is there another literal to pass over?
      text = fault === null ? text + next.text : next.text;
      if (fault === null && text.length > longest) fault = new Fault('tooBig', 'command');
    }
  } catch (error) {
    await discard();
    throw error;
  }
  if (fault !== null) {
    await discard();
    refuse(session, tag, fault);
    return 'refused';
  }
  return { tag, name, text, at, messages };
}

/** Passes over the literals of a line nobody understands. */
async function swallow(session: Session, line: string): Promise<boolean> {
  let text = line;
  for (;;) {
    const literal = literalEnd.exec(text);
    if (literal === null || literal[3] === '') return true;
    if (!(await skip(session, Number(literal[2])))) return false;
    const next = await readLine(session, false);
    if (next === null) return false;
    if (next.fault !== null) return true;
    text = next.text;
  }
}

/** Reads and drops a literal the client sends without asking; one that is far too big ends the session. RFC 7888 4 */
async function skip(session: Session, size: number): Promise<boolean> {
  const most = session.mail === null ? 1 << 20 : session.settings.messageSizeLimit * 2 + (1 << 20);
  if (size > most) {
    session.bye('[TOOBIG] Literal too big.');
    return false;
  }
  return session.connection.read(size, () => undefined, chunkTimeout);
}

/** One line, or why there is none. */
async function readLine(session: Session, first: boolean): Promise<{ readonly text: string; readonly fault: Fault | null } | null> {
  const { connection, settings, mail, deps } = session;
  const max = mail === null ? settings.maxLineBeforeLogin : settings.maxLine;
  const timeout = mail === null ? session.started + settings.loginTimeout - deps.clock.now() : first ? settings.idleTimeout : chunkTimeout;
  try {
    const line = await connection.readLine(max, timeout, { bareLf: true });
    if (line === null) return null;
    const text = line.toString('latin1');
    return { text, fault: text.includes('\0') ? new Fault('syntax', 'NUL') : null };
  } catch (error) {
    if (error instanceof Fault && error.kind === 'tooBig' && !connection.destroyed)
      return { text: '', fault: new Fault('syntax', 'line too long') };
    throw error;
  }
}
