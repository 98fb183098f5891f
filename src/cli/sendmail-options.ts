import { Exit, exitCodes } from './exit.ts';

export interface SendmailOptions {
  readonly mode: 'send' | 'smtp' | 'mailq' | 'newaliases' | 'flush' | 'verify';
  readonly recipients: readonly string[];
  /** -t: more from To, Cc, Bcc. */
  readonly fromHeader: boolean;
  /** -i: a line with a dot alone does not end the message. */
  readonly ignoreDots: boolean;
  /** undefined: the user; '' and '<>': null sender. */
  readonly sender: string | undefined;
  readonly fullName: string | undefined;
  readonly notify: string | undefined;
  readonly ret: string | undefined;
  readonly envid: string | undefined;
  readonly body: string | undefined;
}

/** Flags that take a value, in the same word or the next. */
const valued = 'fFrNRVBOoCXLhpdA';
/** Flags without one. */
const plain = 'tivnmUGEMI';

/** Sendmail's flags, as programs give them: grouped (`-ti`), with values attached (`-fann@example.com`) or not. @throws Exit 64 */
export function sendmailOptions(words: readonly string[]): SendmailOptions {
  let mode: SendmailOptions['mode'] = 'send';
  const recipients: string[] = [];
  const values = new Map<string, string>();
  const flags = new Set<string>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at]!;
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    at += one(word);
  }
  recipients.push(...words.slice(at));
  if (flags.has('I')) mode = 'newaliases';

  function one(word: string): number {
    for (let i = 1; i < word.length; i++) {
      const flag = word[i]!;
      const rest = word.slice(i + 1);
      if (flag === 'b') {
        mode = modeOf(rest);
        return 0;
      }
      // -q alone runs the queue; -q30m belongs to a daemon, which is us already.
      if (flag === 'q') {
        mode = 'flush';
        return 0;
      }
      if (flag === 'o') {
        const option = rest === '' ? (words[at + 1] ?? '') : rest;
        if (option.startsWith('i')) flags.add('i');
        return rest === '' ? 1 : 0;
      }
      if (valued.includes(flag)) {
        const value = rest === '' ? words[at + 1] : rest;
        if (value === undefined) throw new Exit(exitCodes.usage, `sendmail: -${flag} wants a value`);
        values.set(flag === 'r' ? 'f' : flag, value);
        return rest === '' ? 1 : 0;
      }
      if (!plain.includes(flag)) throw new Exit(exitCodes.usage, `sendmail: unknown flag -${flag}`);
      flags.add(flag);
    }
    return 0;
  }
  return {
    mode,
    recipients,
    fromHeader: flags.has('t'),
    ignoreDots: flags.has('i'),
    sender: values.get('f'),
    fullName: values.get('F'),
    notify: values.get('N'),
    ret: values.get('R'),
    envid: values.get('V'),
    body: values.get('B'),
  };
}

function modeOf(letter: string): SendmailOptions['mode'] {
  const modes: Record<string, SendmailOptions['mode']> = { m: 'send', s: 'smtp', p: 'mailq', i: 'newaliases', v: 'verify' };
  const mode = modes[letter];
  if (mode === undefined)
    throw new Exit(exitCodes.usage, `sendmail: -b${letter} is not for this program; the server is started by its own name`);
  return mode;
}
