import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, resolve } from 'node:path';
import { parse, TomlError } from 'smol-toml';
import { ConfigError, type ConfigProblem } from './error.ts';
import { keyLines } from './lines.ts';
import { nearest } from './nearest.ts';
import { type Config, type SettingName, settingNames, settingRow } from './settings.ts';
import { Problem, type SniCertificate } from './types.ts';

/** The configuration in force and where it came from. */
export interface Loaded {
  readonly config: Config;
  /** null: the embedded default. */
  readonly file: string | null;
  /** `FILE:LINE` or `environment NAME`; null for a default. */
  readonly where: (name: SettingName) => string | null;
}

export interface LoadOptions {
  /** From `--config`. */
  readonly file?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** In place of a file, for embedding and tests: dotted names to values as in TOML. */
  readonly values?: Readonly<Record<string, unknown>>;
}

const prefix = 'POSTCOTE_';
/** Set by those who start us; no settings. */
const ours = new Set(['POSTCOTE_CONFIG', 'POSTCOTE_LAUNCHED', 'POSTCOTE_WORKER']);

const variableOf = (name: string): string => prefix + name.toUpperCase().replaceAll('.', '__');

/** Finds, reads and checks the configuration. @throws ConfigError with every problem found */
export function loadConfig({ file: given, env = process.env, cwd = process.cwd(), values }: LoadOptions = {}): Loaded {
  const problems: ConfigProblem[] = [];
  const places = new Map<string, string>();
  const found = values === undefined ? findFile(given, env, cwd) : null;
  const raw = new Map<string, { value: unknown; base: string }>();

  if (found !== null) {
    const lines = keyLines(found.text);
    const at = (name: string): string => {
      for (let key = name; key !== ''; key = key.slice(0, Math.max(0, key.lastIndexOf('.')))) {
        const line = lines.get(key);
        if (line !== undefined) return `${found.file}:${line}`;
      }
      return found.file;
    };
    for (const [name, value] of leaves(parseToml(found.text, found.file))) {
      raw.set(name, { value, base: dirname(resolve(cwd, found.file)) });
      places.set(name, at(name));
    }
  }
  for (const [name, value] of Object.entries(values ?? {})) raw.set(name, { value, base: cwd });

  for (const [variable, value] of Object.entries(values === undefined ? env : {})) {
    if (!variable.startsWith(prefix) || ours.has(variable) || value === undefined) continue;
    const name = variable.slice(prefix.length).toLowerCase().replaceAll('__', '.');
    const known = settingNames.find((n) => n === name);
    raw.set(name, { value: known === undefined ? value : settingRow(known).type.fromText(value), base: cwd });
    places.set(name, `environment ${variable}`);
  }

  const config: Record<string, unknown> = {};
  for (const [name] of raw) {
    if ((settingNames as readonly string[]).includes(name)) continue;
    const near = nearest(name, settingNames);
    const hint =
      near === null
        ? 'see docs/configuration.md'
        : `did you mean ${places.get(name)?.startsWith('env') === true ? variableOf(near) : near}?`;
    problems.push({ setting: name, where: places.get(name) ?? null, what: `unknown setting; ${hint}` });
  }
  for (const name of settingNames) {
    const setting = settingRow(name);
    const entry = raw.get(name);
    const fallback = found === null && values === undefined && setting.demo !== undefined ? setting.demo : setting.default;
    try {
      const value = entry === undefined ? fallback : setting.type.parse(entry.value);
      config[name] = absolute(name, value, entry?.base ?? cwd);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problems.push({ setting: name, where: places.get(name) ?? null, what: error.message });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  const loaded: Loaded = { config: Object.freeze(config) as Config, file: found?.file ?? null, where: (name) => places.get(name) ?? null };
  checkTogether(loaded);
  return loaded;
}

/** Paths are relative to the file that names them; variables and defaults to the working directory. */
function absolute(name: SettingName, value: unknown, base: string): unknown {
  const settle = (p: string): string => (p === '' || isAbsolute(p) ? p : resolve(base, p));
  if (settingRow(name).type.name.startsWith('path')) return settle(value as string);
  if (name === 'tls.sni') {
    return (value as readonly SniCertificate[]).map((c) => ({ ...c, certificate: settle(c.certificate), key: settle(c.key) }));
  }
  return value;
}

/** What no single row can see. */
function checkTogether({ config, where }: Loaded): void {
  const problems: ConfigProblem[] = [];
  const add = (setting: SettingName, what: string): void => void problems.push({ setting, where: where(setting), what });
  if (!/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?$/.test(config.hostname))
    add('hostname', `wants a host name like "mail.example.com", not "${config.hostname}"`);
  if (config['tls.key'] !== '' && config['tls.certificate'] === '') add('tls.certificate', 'wants the certificate that belongs to tls.key');
  if (!config['mail.home'].includes('%')) add('mail.home', 'wants %u, or %d and %n, so that each account has its own home');
  if (/%[^udn%]/.test(config['mail.home'])) add('mail.home', 'knows %u, %d and %n only');
  if (config['mail.maildir'].split('/').includes('..') || isAbsolute(config['mail.maildir']))
    add('mail.maildir', 'wants a name below the home');
  if (config.run_as !== '' && !/^[A-Za-z0-9_.][A-Za-z0-9_.-]*(?::[A-Za-z0-9_.][A-Za-z0-9_.-]*)?$/.test(config.run_as)) {
    add('run_as', 'wants "user:group", names or numbers');
  }
  const seen = new Map<string, SettingName>();
  for (const name of settingNames.filter((n) => n.startsWith('listen.') && settingRow(n).type.name === 'list of host:port')) {
    for (const place of config[name] as readonly string[]) {
      const other = seen.get(place);
      if (other !== undefined && !place.endsWith(':0')) add(name, `${place} is taken by ${other}`);
      seen.set(place, name);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
}

/** CONTRACT's order; one that is named but cannot be read is an error. */
function findFile(
  given: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): { file: string; text: string } | null {
  const named = given ?? (env.POSTCOTE_CONFIG === '' ? undefined : env.POSTCOTE_CONFIG);
  for (const file of named === undefined ? ['postcote.toml', '/etc/postcote/postcote.toml'] : [named]) {
    try {
      return { file: named === undefined && !isAbsolute(file) ? `./${file}` : file, text: readFileSync(resolve(cwd, file), 'utf8') };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (named === undefined && (code === 'ENOENT' || code === 'ENOTDIR')) continue;
      const what = code === 'ENOENT' ? 'no such file' : `cannot be read: ${code}`;
      throw new ConfigError([{ setting: null, where: file, what }]);
    }
  }
  return null;
}

function parseToml(text: string, file: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, 'not TOML: ');
    throw new ConfigError([{ setting: null, where: `${file}:${error.line}`, what }]);
  }
}

/** Dotted names and their values; a table that is itself a setting's value stays whole. */
function* leaves(node: Record<string, unknown>, path = ''): Generator<[string, unknown]> {
  for (const [key, value] of Object.entries(node)) {
    const name = path === '' ? key : `${path}.${key}`;
    const isTable = typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
    const known = settingNames.find((n) => n === name);
    if (isTable && known === undefined) yield* leaves(value as Record<string, unknown>, name);
    else yield [name, value];
  }
}
