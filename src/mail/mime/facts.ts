import type { MessageFacts, Part, SortKeys } from './part.ts';
import { previewOctets, previewOf } from './preview.ts';
import { StructureReader } from './reader.ts';
import { sortKeys } from './sort-keys.ts';
import { bodyWire, EnvelopeFields, envelopeWire } from './wire.ts';

/** Computes what a message's row needs while its octets go by, in pieces of any size. */
export class FactsReader {
  readonly #structure: StructureReader;
  #envelope = '';
  #keys: SortKeys | null = null;
  /** The text parts a preview may come from: the first plain one, else the first HTML one. */
  #plain: { part: Part; octets: Buffer[] } | null = null;
  #html: { part: Part; octets: Buffer[] } | null = null;
  #current: { part: Part; octets: Buffer[] } | null = null;
  #room = 0;

  constructor() {
    this.#structure = new StructureReader({
      header: (_part, text, fields, depth) => {
        if (depth > 0) return;
        const found = new EnvelopeFields(text, fields);
        this.#envelope = envelopeWire(found);
        this.#keys = sortKeys(found);
      },
      wants: (part) => this.#wants(part),
      body: (chunk) => {
        this.#current!.octets.push(chunk.length > this.#room ? Buffer.from(chunk.subarray(0, this.#room)) : Buffer.from(chunk));
        this.#room -= chunk.length;
        return this.#room > 0;
      },
    });
  }

  write(chunk: Uint8Array): void {
    this.#structure.write(chunk);
  }

  end(): MessageFacts {
    const { root, size, virtualSize } = this.#structure.end();
    return {
      size,
      virtualSize,
      root,
      headerSize: root.start,
      envelope: this.#envelope,
      body: bodyWire(root, false),
      bodyStructure: bodyWire(root, true),
      preview: this.#preview(),
      sortKeys: this.#keys!,
    };
  }

  #wants(part: Part): boolean {
    if (part.type !== 'text' || part.disposition?.type === 'attachment') return false;
    const isHtml = part.subtype === 'html';
    if (isHtml ? this.#html !== null : this.#plain !== null || part.subtype !== 'plain') return false;
    this.#current = { part, octets: [] };
    if (isHtml) this.#html = this.#current;
    else this.#plain = this.#current;
    this.#room = previewOctets;
    return true;
  }

  #preview(): string {
    for (const found of [this.#plain, this.#html]) {
      if (found === null) continue;
      const octets = Buffer.concat(found.octets);
      // The line end before a boundary may have come along.
      const text = previewOf(found.part, octets.subarray(0, found.part.end - found.part.start));
      if (text !== '') return text;
    }
    return '';
  }
}

export function messageFacts(bytes: Uint8Array): MessageFacts {
  const reader = new FactsReader();
  reader.write(bytes);
  return reader.end();
}
