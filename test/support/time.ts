import { availableParallelism, loadavg } from 'node:os';

/** Milliseconds of processor time that this thread spends on `work`: the same on a busy machine as on a quiet one. */
export async function cpu(work: () => unknown): Promise<number> {
  const before = process.threadCpuUsage();
  await work();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1000;
}

/** How much longer than on a quiet machine an answer of another process may take now; 1 or more. */
export function crowd(): number {
  return Math.max(1, (2 * loadavg()[0]!) / availableParallelism());
}
