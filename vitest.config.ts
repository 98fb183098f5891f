import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

// Read by Node when it starts: here, so that the processes that run tests have it for their threads, and programs that tests start.
process.env.NODE_COMPILE_CACHE = path('node_modules/.cache/compile');

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
    pool: 'forks',
    // Files share a process, and so what they import: half the time of a run was loading the same modules again.
    isolate: false,
    globalSetup: ['test/support/build.ts', 'test/support/temporary.ts'],
    // Tests wait for disks, clocks and one another's programs as much as they compute.
    maxWorkers: availableParallelism() + 1,
    alias: [{ find: /^.*\/base\/program\.ts$/, replacement: path('test/support/built-program.ts') }],
    // The zone that dates are written and searched in.
    env: { TZ: 'UTC' },
    // Bounds against hanging, wide enough for a machine with other work.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
