import { Fault } from '../../mail/fault.ts';

export interface CommandLine {
  /** Upper case. */
  readonly keyword: string;
  /** Everything after the first space, as it came: passwords may have spaces. RFC 1939 7 */
  readonly argument: string;
}

/**
 *     command = keyword *(SP param) CRLF    ;255 octets maximum
 *     keyword = 3*4VCHAR
 *
 * RFC 2449 4. Longer keywords are read too, and are unknown.
 */
export function commandLine(line: Buffer): CommandLine {
  if (line.includes(0)) throw new Fault('syntax', 'NUL');
  const text = line.toString('utf8');
  const space = text.indexOf(' ');
  const keyword = (space === -1 ? text : text.slice(0, space)).toUpperCase();
  return { keyword, argument: space === -1 ? '' : text.slice(space + 1) };
}

/** Arguments of a command whose arguments hold no space; trailing spaces are forgiven. */
export function words(argument: string): string[] {
  return argument.split(/[ \t]+/).filter((word) => word !== '');
}

/**
 *     a decimal number, at most nine digits
 *
 * @throws Fault syntax
 */
export function number(word: string | undefined): number {
  if (word === undefined || !/^\d{1,9}$/.test(word)) throw new Fault('syntax', 'not a number');
  return Number(word);
}
