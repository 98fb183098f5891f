import type { BenchServer, LoopDelay } from './servers/server.ts';

/** Milliseconds that the 99th of a hundred clients may wait for a worker's loop in any row but the building of search. */
export const loopTarget = 20;

/** Of several looks the worst. */
export function worstDelay(delays: readonly LoopDelay[]): LoopDelay | null {
  const real = delays.filter(({ p99, max }) => !Number.isNaN(p99) && !Number.isNaN(max));
  if (real.length === 0) return null;
  return { p99: Math.max(...real.map(({ p99 }) => p99)), max: Math.max(...real.map(({ max }) => max)) };
}

/** As in a row's notes; what is over the target stands out. */
export function delayNote(delay: LoopDelay | null): string {
  if (delay === null) return '';
  const p99 = delay.p99.toFixed(0);
  return `loop p99 ${delay.p99 > loopTarget ? `**${p99}**` : p99}, max ${delay.max.toFixed(0)} ms`;
}

/** Forgets what came before. @returns asks how long the loop was held since then; null where the server does not tell */
export async function watchLoop(server: BenchServer): Promise<() => Promise<LoopDelay | null>> {
  await server.loopDelay?.();
  return async () => (await server.loopDelay?.()) ?? null;
}
