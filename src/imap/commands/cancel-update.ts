import { command } from '../command.ts';

/** Ends the keeping up to date of searches, by their tags. RFC 5267 4.3.5 */
export const cancelUpdate = command({
  name: 'CANCELUPDATE',
  states: ['selected'],

  parse(line) {
    const tags: string[] = [];
    do {
      line.space();
      tags.push(line.string());
    } while (line.next === ' ');
    line.end();
    return tags;
  },

  run(tags, session) {
    const { view } = session.selected;
    const unknown = tags.filter((tag) => !view.contexts.some((context) => context.tag === tag));
    view.contexts = view.contexts.filter((context) => !tags.includes(context.tag));
    if (unknown.length > 0) return { no: 'No such search' };
    return;
  },
});
