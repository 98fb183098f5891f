import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Receiver } from './receiver.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'postcote-receiver-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** As a socket gives them: each in memory of its own. */
function reads(text: string, size: number): Buffer[] {
  const wire = Buffer.from(text, 'latin1');
  return Array.from({ length: Math.ceil(wire.length / size) }, (_, n) => {
    const part = wire.subarray(n * size, (n + 1) * size);
    const chunk = Buffer.from(new ArrayBuffer(part.length));
    part.copy(chunk);
    return chunk;
  });
}

const header = 'Subject: long\r\n\r\n';
const body = `${'x'.repeat(76)}\r\n`.repeat(3000);

describe('receiver', () => {
  it('gives the memory of a long message back with it, but never what belongs to the next command', async () => {
    const receiver = new Receiver(dir, 10 << 20, 'mx.example.com', true);
    const chunks = reads(`${header}${body}.\r\nQUIT\r\n`, 65_536);
    let rest = '';
    for (const chunk of chunks) {
      const end = await receiver.take(chunk);
      if (end !== -1) rest = chunk.toString('latin1', end);
    }
    const message = (await receiver.finish())!;
    expect(Buffer.concat(message.chunks).toString('latin1')).toBe((header + body).replaceAll('\r\n', '\n'));
    expect(rest).toBe('QUIT\r\n');
    await message.discard();
    expect(chunks.map(({ buffer }) => buffer.byteLength === 0)).toEqual([true, true, true, false]);
  });

  it('leaves memory alone that is part of more', async () => {
    const receiver = new Receiver(dir, 10 << 20, 'mx.example.com', true);
    const all = Buffer.from(new ArrayBuffer(40_000)).fill('y');
    all.write(header, 0, 'latin1');
    await receiver.take(all.subarray(0, 30_000));
    await receiver.abort();
    expect(all.toString('latin1', 30_000, 30_003)).toBe('yyy');
  });

  it('gives it back when the message goes on in a file, and when it is broken off', async () => {
    const receiver = new Receiver(dir, 10 << 20, 'mx.example.com', true);
    const chunks = reads(header + body.repeat(11), 65_536);
    for (const chunk of chunks) await receiver.take(chunk);
    expect(chunks.slice(0, 30).every(({ buffer }) => buffer.byteLength === 0)).toBe(true);
    await receiver.abort();

    const broken = new Receiver(dir, 10 << 20, 'mx.example.com', true);
    const some = reads(header + body, 65_536).slice(0, 2);
    for (const chunk of some) await broken.take(chunk);
    await broken.abort();
    expect(some.map(({ buffer }) => buffer.byteLength)).toEqual([0, 0]);
  });
});
