import { readFileSync } from 'node:fs';

/** This run of the machine: what was written is whole as long as it lasts, synced or not. null where the system does not say. */
export const bootId = ((): string | null => {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
})();
