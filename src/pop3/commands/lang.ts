import type { Pop3Command } from '../command.ts';
import { Refusal } from '../faults.ts';
import { words } from '../grammar/command-line.ts';
import { language, languages } from '../texts/index.ts';

/** Chooses the language of what follows the status, or lists those there are. RFC 6856 3 */
export const lang: Pop3Command = {
  name: 'LANG',
  states: ['authorization', 'transaction'],

  capability: () => 'LANG',

  run(argument, session) {
    const [range] = words(argument);
    if (range === undefined) {
      session.ok(session.texts.languages);
      session.list([...languages].map(([tag, { languageName }]) => `${tag} ${languageName}`));
      return;
    }
    const found = language(range);
    if (found === null) throw new Refusal('unsupported', (texts) => texts.noLanguage);
    const [tag, texts] = found;
    session.texts = texts;
    session.ok(`${tag} ${texts.languageChanged}`);
  },
};
