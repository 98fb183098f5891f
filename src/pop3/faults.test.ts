import { describe, expect, it } from 'vitest';
import { commands } from './commands/index.ts';
import { pop3Replies } from './faults.ts';
import { languages } from './texts/index.ts';

describe('texts', () => {
  it.each([...languages])('%s fits on a line and has words for every fault', (_, texts) => {
    for (const text of Object.values(texts)) {
      const line = typeof text === 'function' ? text(2_000_000) : text;
      expect(line).toMatch(/^[^\r\n[][^\r\n]*$/);
      // 512 octets with status, code and line end. RFC 2449 4
      expect(Buffer.byteLength(line)).toBeLessThan(480);
    }
    for (const { text } of Object.values(pop3Replies)) expect(texts[text]).toBeTypeOf('string');
  });

  it('has each command once', () => {
    expect(new Set(commands.map(({ name }) => name)).size).toBe(commands.length);
  });
});
