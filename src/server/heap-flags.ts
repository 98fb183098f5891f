/**
 * For each process that serves: V8 lets the space for new objects grow to 32 MB an isolate while it is busy, and an idle worker keeps
 * that. With 4 MB a half of it deliveries cost the same CPU.
 */
export const heapFlags: readonly string[] = ['--max-semi-space-size=4'];

/**
 * For glibc, in the environment of a worker. It keeps what is freed in an arena for each thread: 8 MB of a worker at rest. And once
 * something long was freed it takes as much from the heap from then on, and gives nothing back below twice as much: 60 MB after
 * messages of 20 MB.
 */
export const mallocSettings: Readonly<Record<string, string>> = {
  MALLOC_ARENA_MAX: '2',
  MALLOC_MMAP_THRESHOLD_: `${4 << 20}`,
  MALLOC_TRIM_THRESHOLD_: `${4 << 20}`,
};
