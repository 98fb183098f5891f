import { describe, expect, it } from 'vitest';
import { type CpuProfile, profileTable, summary } from './profile.ts';

const node = (id: number, functionName: string, url = '') => ({ id, callFrame: { functionName, url, lineNumber: 0, columnNumber: 0 } });
const profile: CpuProfile = {
  nodes: [
    node(1, '(root)'),
    node(2, '(idle)'),
    node(3, '#answer', 'file:///somewhere/dist/smtp/session.js'),
    node(4, '', 'file:///somewhere/dist/server/worker-main.js'),
    node(5, 'writeGeneric', 'node:internal/stream_base_commons'),
    node(6, 'asJson', 'file:///somewhere/node_modules/pino/lib/tools.js'),
    // The same function, called from elsewhere.
    node(7, '#answer', 'file:///somewhere/dist/smtp/session.js'),
  ],
  samples: [2, 3, 4, 5, 6, 7, 3],
  timeDeltas: [9_000_000, 2000, 1000, 3000, 500, 1500, 2000],
};

describe('reader of CPU profiles', () => {
  it('adds up what each function took itself, without idle time, and names it from its room', () => {
    const { program, busy, functions } = summary(profile, 3);
    expect(program).toBe('worker');
    expect(busy).toBe(10);
    expect(functions).toEqual([
      { name: 'smtp/session #answer', self: 5.5, share: 0.55 },
      { name: 'node:internal/stream_base_commons writeGeneric', self: 3, share: 0.3 },
      { name: 'server/worker-main (anonymous)', self: 1, share: 0.1 },
    ]);
  });

  it('makes a table', () => {
    expect(
      profileTable([summary(profile, 2)])
        .split('\n')
        .slice(2),
    ).toEqual([
      '| worker | 10 | smtp/session #answer | 6 | 55.0 % |',
      '|  |  | node:internal/stream_base_commons writeGeneric | 3 | 30.0 % |',
    ]);
  });
});
