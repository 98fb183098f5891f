const entities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  laquo: '«',
  raquo: '»',
  ldquo: '“',
  rdquo: '”',
  lsquo: '‘',
  rsquo: '’',
  bull: '•',
  middot: '·',
  euro: '€',
  shy: '',
  zwnj: '',
  zwj: '',
};

/** Tags that do not part words. */
const inline = /^<\/?(?:a|abbr|b|big|code|em|font|i|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr)[\s>/]/i;
const hiding = /^<(style|script|title)[\s>/]/i;

/** What a reader of the HTML sees, roughly: no tags, comments, styles and scripts; entities replaced. Linear in its length. */
export function htmlText(html: string): string {
  let text = '';
  /** Start of text not taken yet. */
  let from = 0;
  for (let tag = html.indexOf('<'); tag >= 0; tag = html.indexOf('<', tag)) {
    const next = html.charCodeAt(tag + 1);
    const letter = next | 32;
    // A lone `<` is text.
    if (!(letter >= 97 && letter <= 122) && next !== 47 && next !== 33 && next !== 63) {
      tag++;
      continue;
    }
    text += html.slice(from, tag);
    let end: number;
    if (next === 33 && html.startsWith('<!--', tag)) end = html.indexOf('-->', tag + 4) + 2;
    else {
      const start = html.slice(tag, tag + 10);
      const hidden = hiding.exec(start)?.[1];
      const close = hidden === undefined ? tag : closing(html, hidden, tag);
      if (close < 0) return entityText(text);
      end = html.indexOf('>', close);
      if (!inline.test(start)) text += ' ';
    }
    if (end < 2) return entityText(text);
    from = tag = end + 1;
  }
  return entityText(text + html.slice(from));
}

/** Where the end tag of an element is. */
function closing(html: string, name: string, from: number): number {
  const found = new RegExp(`</${name}`, 'gi');
  found.lastIndex = from;
  return found.exec(html)?.index ?? -1;
}

function entityText(text: string): string {
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));?/g,
    (all, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return Object.hasOwn(entities, name) ? entities[name]! : all;
      const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal);
      return code > 0 && code <= 0x10ffff && !(code >= 0xd800 && code < 0xe000) ? String.fromCodePoint(code) : '\ufffd';
    },
  );
}
