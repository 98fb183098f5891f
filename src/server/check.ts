import { knownMechanisms } from '../auth/create.ts';
import { findScheme } from '../auth/password.ts';
import type { Log } from '../base/log.ts';
import { Fault } from '../mail/fault.ts';
import { networks } from '../net/networks.ts';
import { parseRestrictions } from '../policy/parse.ts';
import { uidlFormatOf } from '../pop3/uidl.ts';
import { ConfigError, type ConfigProblem } from './config/error.ts';
import type { Loaded } from './config/load.ts';
import type { Config, SettingName } from './config/settings.ts';

/** What only the room behind a setting can judge. Each throws Fault or RangeError in words for people. */
const checks: Partial<{ readonly [K in SettingName]: (value: Config[K]) => void }> = {
  'auth.mechanisms': (value) => void knownMechanisms(value),
  'pop3.uidl_format': (value) => void uidlFormatOf(value),
  'auth.default_pass_scheme': (value) => void findScheme(value),
  'smtp.mynetworks': (value) => void networks(value),
  'listen.haproxy_trusted_networks': (value) => void networks(value),
  'smtp.authorized_xclient_hosts': (value) => void networks(value),
  'smtp.client_restrictions': (value) => void parseRestrictions(value, true),
  'smtp.helo_restrictions': (value) => void parseRestrictions(value, true),
  'smtp.sender_restrictions': (value) => void parseRestrictions(value, true),
  'smtp.recipient_restrictions': (value) => void parseRestrictions(value, true),
  'smtp.data_restrictions': (value) => void parseRestrictions(value, true),
};

/** Settings that are kept for what does not exist yet. */
const unserved = [
  { setting: 'listen.managesieve', what: 'ManageSieve is not served by this version: nothing listens there' },
] as const satisfies readonly { readonly setting: SettingName; readonly what: string }[];

/**
 * @returns what is good but will not be done; a default asks for nothing
 * @throws ConfigError with every problem that the rooms find
 */
export function checkConfig({ config, where }: Loaded): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  for (const [setting, check] of Object.entries(checks) as [SettingName, (value: unknown) => void][]) {
    try {
      check(config[setting]);
    } catch (error) {
      if (!(error instanceof Fault) && !(error instanceof RangeError)) throw error;
      problems.push({ setting, where: where(setting), what: error instanceof Fault ? error.detail : error.message });
    }
  }
  if (problems.length > 0) throw new ConfigError(problems);
  return unserved
    .map(({ setting, what }) => ({ setting, where: where(setting), what }))
    .filter(({ setting, where: place }) => place !== null && config[setting].length > 0);
}

/** The same when a server starts or reads its settings anew: what will not be done is logged. @throws ConfigError */
export function checkedBy(log: Log, loaded: Loaded): void {
  for (const { what, ...place } of checkConfig(loaded)) log.warn(place, what);
}
