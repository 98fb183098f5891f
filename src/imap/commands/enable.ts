import { command } from '../command.ts';
import type { Enabled } from '../session.ts';

/** What can be switched on; each with what comes along. */
const extensions: Readonly<Record<string, readonly Enabled[]>> = {
  __proto__: null as never,
  CONDSTORE: ['CONDSTORE'],
  // RFC 7162 3.2.3: who knows QRESYNC knows CONDSTORE.
  QRESYNC: ['QRESYNC', 'CONDSTORE'],
  IMAP4REV2: ['IMAP4REV2'],
  'UTF8=ACCEPT': ['UTF8=ACCEPT'],
  UIDONLY: ['UIDONLY'],
};

/** Switches extensions on; unknown ones are ignored. RFC 5161 3.1 */
export const enable = command({
  name: 'ENABLE',
  capabilities: ['ENABLE', 'QRESYNC', 'IMAP4rev2', 'UTF8=ACCEPT', 'UIDONLY'],
  states: ['authenticated', 'selected'],

  parse(line) {
    const names: string[] = [];
    do {
      line.space();
      names.push(line.atom().toUpperCase());
    } while (line.next === ' ');
    line.end();
    return names;
  },

  run(names, session) {
    const now: string[] = [];
    for (const name of names) {
      const what = extensions[name];
      if (what === undefined || session.enabled.has(what[0]!)) continue;
      if (what.includes('CONDSTORE')) session.enableCondstore();
      for (const one of what) session.enabled.add(one);
      now.push(name === 'IMAP4REV2' ? 'IMAP4rev2' : name);
    }
    session.out.untagged(`ENABLED${now.map((name) => ` ${name}`).join('')}`);
  },
});
