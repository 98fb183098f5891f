import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { gatheredLines } from './log-lines.ts';

describe('log lines', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('leave together after a moment, in order', () => {
    const written: string[] = [];
    const lines = gatheredLines((text) => written.push(text));
    lines.write('{"a":1}\n');
    lines.write('{"b":2}\n');
    expect(written).toEqual([]);
    vi.advanceTimersByTime(20);
    expect(written).toEqual(['{"a":1}\n{"b":2}\n']);
    lines.write('{"c":3}\n');
    lines.flush();
    vi.advanceTimersByTime(20);
    expect(written).toEqual(['{"a":1}\n{"b":2}\n', '{"c":3}\n']);
  });

  it('leave whole, no more octets at a time than a pipe keeps together', () => {
    const written: string[] = [];
    const lines = gatheredLines((text) => written.push(text));
    const line = (n: number): string => `${'ü'.repeat(n)}\n`;
    for (const n of [1000, 1000, 100, 3000, 1]) lines.write(line(n));
    lines.flush();
    expect(written).toEqual([line(1000) + line(1000), line(100), line(3000), line(1)]);
  });
});
