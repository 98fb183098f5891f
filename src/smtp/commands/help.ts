import type { SmtpCommand } from '../command.ts';

/** RFC 5321 4.1.1.8 */
export function help(verbs: readonly string[]): SmtpCommand {
  return {
    verb: 'HELP',
    isJunk: true,
    run: () => ({ code: 214, detail: '0.0', text: `Commands: ${[...verbs, 'HELP'].join(' ')}` }),
  };
}
