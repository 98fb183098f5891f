import { en, type Texts } from './en.ts';
import { ja } from './ja.ts';
import { ru } from './ru.ts';

export type { Texts } from './en.ts';

/** By language tag, lower case. The first is spoken until LANG asks for another. RFC 6856 3 */
export const languages: ReadonlyMap<string, Texts> = new Map([
  ['en', en],
  ['ja', ja],
  ['ru', ru],
]);

export const defaultTexts: Texts = en;

/** By basic filtering: `ja-JP` gets `ja`. RFC 4647 3.4 */
export function language(range: string): readonly [tag: string, texts: Texts] | null {
  if (range === '*') return ['en', en];
  for (let tag = range.toLowerCase(); tag !== ''; tag = tag.includes('-') ? tag.slice(0, tag.lastIndexOf('-')) : '') {
    const texts = languages.get(tag);
    if (texts !== undefined) return [tag, texts];
  }
  return null;
}
