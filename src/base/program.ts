const ending = import.meta.url.endsWith('.ts') ? '.ts' : '.js';

/**
 * A file of ours that runs by itself, in a thread or a process. This one lies a level below `src/`, and what it is built into a level
 * below `dist/`.
 * @param name below `src/`, without its ending
 */
export const program = (name: string): URL => new URL(`../${name}${ending}`, import.meta.url);
