import { closeSync, openSync, readSync } from 'node:fs';

/**
 * For the line of any process up to the fields that are asked for. `readFileSync` takes 64 KB for a file that tells no size: a thread
 * that hardly does anything else has tens of megabytes of them before it collects.
 */
const line = Buffer.alloc(1024);

function statOf(pid: number): string {
  const fd = openSync(`/proc/${pid}/stat`, 'r');
  try {
    return line.toString('latin1', 0, readSync(fd, line));
  } finally {
    closeSync(fd);
  }
}

/** When a process began, in the system's own count; empty where there is no /proc, `gone` where there is no such process. */
export function processStart(pid: number): string {
  try {
    // The second field is the program's name in parentheses and may hold anything; the 22nd is the start time.
    const stat = statOf(pid);
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    try {
      process.kill(pid, 0);
      return '';
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM' ? '' : 'gone';
    }
  }
}

/** Whether the process that was `pid` when it began at `started` still runs; true where that cannot be told. */
export function isAlive(pid: number, started: string): boolean {
  const now = processStart(pid);
  if (now === 'gone') return false;
  return now === '' || started === '' || now === started;
}
