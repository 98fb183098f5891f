import { splitAddress } from '../mail/address.ts';

/** One destination of a name in an aliases file. */
export type AliasTarget =
  | { readonly kind: 'address' | 'name' | 'include' | 'file'; readonly text: string }
  /** A shell command that gets the message as its input. */
  | { readonly kind: 'command'; readonly text: string };

export interface AliasProblem {
  /** From 1. */
  readonly line: number;
  readonly what: string;
}

export interface AliasFile {
  /** By name, lower case. */
  readonly entries: ReadonlyMap<string, readonly AliasTarget[]>;
  /** Entries that could not be read; the others hold. */
  readonly problems: readonly AliasProblem[];
}

class Wrong extends Error {}

/**
 * Reads `/etc/aliases`, as aliases(5) of Sendmail and Postfix:
 *
 *     entry  = name ":" target *("," target)  ; goes on in lines that begin with white space
 *     target = address / name / "|" command / "/" path / ":include:" path / quoted form of any
 *
 * Empty lines and those that begin with `#` do not count. Of entries with one name the first holds.
 */
export function parseAliases(text: string): AliasFile {
  const entries = new Map<string, readonly AliasTarget[]>();
  const problems: AliasProblem[] = [];
  for (const { line, text: entry } of logicalLines(text)) {
    try {
      const match = /^(?:"((?:[^"\\]|\\.)+)"|([^\s:"|/][^\s:"]*))\s*:(.*)$/s.exec(entry);
      if (match === null) throw new Wrong('wanted `name: target, …`');
      const name = (match[1]?.replace(/\\(.)/g, '$1') ?? match[2]!).toLowerCase();
      if (name.includes('@')) throw new Wrong(`a name without domain is wanted, not ${name}`);
      const targets = targetList(match[3]!);
      if (targets.length === 0) throw new Wrong(`${name} leads nowhere`);
      if (!entries.has(name)) entries.set(name, targets);
    } catch (error) {
      if (!(error instanceof Wrong)) throw error;
      problems.push({ line, what: error.message });
    }
  }
  return { entries, problems };
}

/** The file of an `:include:`: targets, in lines or after commas. Commands, files and lines that cannot be read are left out. */
export function parseInclude(text: string): readonly AliasTarget[] {
  return text.split('\n').flatMap((line) => {
    if (/^\s*(?:#|$)/.test(line)) return [];
    try {
      return targetList(line).filter(({ kind }) => kind === 'address' || kind === 'name' || kind === 'include');
    } catch (error) {
      if (error instanceof Wrong) return [];
      throw error;
    }
  });
}

function* logicalLines(text: string): Generator<{ line: number; text: string }> {
  let entry: { line: number; text: string } | null = null;
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(?:#|$)/.test(line)) continue;
    if (/^\s/.test(line) && entry !== null) {
      entry.text += ` ${line.trim()}`;
      continue;
    }
    if (entry !== null) yield entry;
    entry = { line: i + 1, text: line.trimEnd() };
  }
  if (entry !== null) yield entry;
}

function targetList(text: string): AliasTarget[] {
  const targets: AliasTarget[] = [];
  // Quoted strings may hold commas.
  for (const [part] of text.matchAll(/(?:"(?:[^"\\]|\\.)*"|[^",]|"(?!(?:[^"\\]|\\.)*"))+/gs)) {
    const word = part.trim();
    if (word !== '') targets.push(target(word));
  }
  return targets;
}

function target(word: string): AliasTarget {
  const whole = /^"((?:[^"\\]|\\.)*)"$/s.exec(word);
  const text = (
    whole === null ? word.replace(/^\|\s*"((?:[^"\\]|\\.)*)"$/s, (_, command: string) => `|${unescaped(command)}`) : unescaped(whole[1]!)
  ).trim();
  if (text.startsWith('|')) {
    const command = text.slice(1).trim();
    if (command === '') throw new Wrong('no command after |');
    return { kind: 'command', text: command };
  }
  if (text.startsWith('/')) {
    if (text.endsWith('/')) throw new Wrong(`${text}: folders are not supported, give the file or an address`);
    return { kind: 'file', text };
  }
  const include = /^:include:\s*(.*)$/i.exec(text);
  if (include !== null) {
    if (!include[1]!.startsWith('/')) throw new Wrong(`:include: wants an absolute path, not ${include[1]}`);
    return { kind: 'include', text: include[1]! };
  }
  // `\name` is the user itself in Sendmail, not to be looked up once more.
  const name = text.replace(/^\\/, '');
  if (/^[^\s@<>()[\],;:\\"|/]+$/.test(name)) return { kind: 'name', text: name };
  const address = splitAddress(text);
  if (address === null || !/^[^\s<>()[\],;:\\"|/]+$/.test(address.localPart)) throw new Wrong(`no address, command or file: ${text}`);
  return { kind: 'address', text };
}

const unescaped = (text: string): string => text.replace(/\\(.)/gs, '$1');
