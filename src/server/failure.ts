/** Why the server cannot start; CONTRACT 1. */
export const startExit = { usage: 64, unavailable: 69, notPermitted: 77, configuration: 78 } as const;

/** A start-up failure: one line that names the setting, where it stands, and what would be right. */
export class StartFailure extends Error {
  readonly code: (typeof startExit)[keyof typeof startExit];

  constructor(code: StartFailure['code'], message: string) {
    super(message);
    this.name = 'StartFailure';
    this.code = code;
  }
}

/** `FILE:LINE: setting: what`. */
export function failureOf(code: StartFailure['code'], setting: string, where: string | null, what: string): StartFailure {
  return new StartFailure(code, [where, setting, what].filter((part) => part !== null).join(': '));
}

/** The exit code that an error of the system means. */
export function exitOfErrno(error: unknown): StartFailure['code'] {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'EACCES' || code === 'EPERM' ? startExit.notPermitted : startExit.unavailable;
}
