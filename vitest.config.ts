import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'scripts/**/*.test.ts', 'bench/**/*.test.ts'],
    pool: 'forks',
    // Files share a process, and so what they import: half the time of a run was loading the same modules again.
    isolate: false,
    globalSetup: ['test/support/build.ts', 'test/support/temporary.ts'],
    // The compile cache for the programs that tests start; the zone that dates are written and searched in.
    env: { TZ: 'UTC', NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/compile', import.meta.url)) },
    // Bounds against hanging, wide enough for a machine with other work.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 20_000 } },
  },
});
