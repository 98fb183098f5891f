/** Octets that a pipe takes in one piece, whoever else writes to it: PIPE_BUF of Linux, and the block size of files. */
const wholeWrite = 4096;
/** How long a line may wait for others. Milliseconds. */
const patience = 20;

/** Lines on their way to a file or a pipe that other processes write to as well. */
export interface LogLines {
  write(line: string): void;
  /** Writes what waits. */
  flush(): void;
}

/**
 * Puts lines together, so that a busy server writes once for ten of them, and never splits one: what is written is whole lines, no more
 * than a pipe takes in one piece. A process that is killed outright loses those of the last moment; `flush` is for all others.
 */
export function gatheredLines(write: (text: string) => void): LogLines {
  let text = '';
  let octets = 0;
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (octets === 0) return;
    const now = text;
    text = '';
    octets = 0;
    write(now);
  };
  return {
    write(line) {
      const length = Buffer.byteLength(line);
      if (octets + length > wholeWrite) flush();
      text += line;
      octets += length;
      timer ??= setTimeout(flush, patience);
    },
    flush,
  };
}
