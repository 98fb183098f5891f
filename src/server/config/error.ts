/** One thing wrong with the configuration: where, and what would be right. */
export interface ConfigProblem {
  /** `smtp.recipient_limit`; null where the file itself is the problem. */
  readonly setting: string | null;
  /** `/etc/postcote/postcote.toml:12` or `environment POSTCOTE_…`; null for a default. */
  readonly where: string | null;
  readonly what: string;
}

export function formatProblem({ setting, where, what }: ConfigProblem): string {
  return [where, setting, what].filter((part) => part !== null).join(': ');
}

/** The configuration cannot be used. `lines` has one line a problem. */
export class ConfigError extends Error {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }

  get lines(): readonly string[] {
    return this.problems.map(formatProblem);
  }
}
