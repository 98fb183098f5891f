import type { dlopen } from 'node:ffi';

let trim: (() => void) | null = null;

/**
 * Has glibc give back what is free between pieces that are in use. By itself it gives back only what is free at the end, which one small
 * piece there prevents. Nothing happens with another C library, or a Node without `node:ffi`. docs/decisions/0034
 */
export function mallocTrim(): void {
  trim ??= load();
  trim();
}

function load(): () => void {
  const emitWarning = process.emitWarning.bind(process);
  try {
    // It warns of itself on stderr.
    process.emitWarning = () => {};
    const ffi = process.getBuiltinModule('node:ffi') as { dlopen: typeof dlopen };
    const { functions } = ffi.dlopen('libc.so.6', { malloc_trim: { arguments: ['u64'], return: 'i32' } });
    return () => void functions.malloc_trim(0n);
  } catch {
    return () => {};
  } finally {
    process.emitWarning = emitWarning;
  }
}
