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

/** What a reader of the HTML sees, roughly: no tags, comments, styles and scripts; entities replaced. Linear in its length. */
export function htmlText(html: string): string {
  let text = '';
  let at = 0;
  const lower = html.toLowerCase();
  while (at < html.length) {
    const tag = html.indexOf('<', at);
    if (tag < 0) break;
    text += html.slice(at, tag);
    if (lower.startsWith('<!--', tag)) {
      const end = html.indexOf('-->', tag + 4);
      at = end < 0 ? html.length : end + 3;
      continue;
    }
    // A lone `<` is text.
    if (!/[a-z/!?]/.test(lower.charAt(tag + 1))) {
      text += '<';
      at = tag + 1;
      continue;
    }
    const hidden = /^<(style|script|head|title)[\s>/]/.exec(lower.slice(tag, tag + 10))?.[1];
    let from = tag;
    if (hidden !== undefined && hidden !== 'head') {
      const close = lower.indexOf(`</${hidden}`, tag);
      if (close < 0) return entityText(text);
      from = close;
    }
    const end = html.indexOf('>', from);
    at = end < 0 ? html.length : end + 1;
    // Inline tags do not part words.
    if (!/^<\/?(?:a|abbr|b|big|code|em|font|i|mark|s|small|span|strike|strong|sub|sup|tt|u|wbr)[\s>/]/.test(lower.slice(tag, tag + 10)))
      text += ' ';
  }
  return entityText(text + html.slice(at));
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
