// What each room is told: the configuration's names become the room's own.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { AuthSettings } from '../auth/create.ts';
import type { DirectorySettings } from '../directory/open.ts';
import { type ImapSettings, imapDefaults } from '../imap/settings.ts';
import type { DnsSettings } from '../net/dns-resolver.ts';
import { defaultPop3Settings, type Pop3Settings } from '../pop3/settings.ts';
import { defaultQueueSettings, type QueueSettings } from '../queue/settings.ts';
import type { CallAheadSettings } from '../relay/call-ahead.ts';
import { defaultRelaySettings, isTlsLevel, type RelaySettings, type TlsLevel } from '../relay/settings.ts';
import { defaultSmtpSettings, type SmtpSettings } from '../smtp/settings.ts';
import { journalOf } from '../store/journal/replay.ts';
import { journalDefaults, type StoreSettings, storeDefaults } from '../store/settings.ts';
import type { Config } from './config/settings.ts';
import { parseHostPort } from './config/types.ts';
import { descriptorRoom } from './descriptors.ts';
import type { LocalAliasSettings } from './local-aliases.ts';
import type { ProgramUserSettings } from './program-user.ts';

/** Where messages wait while they come in; emptied at start. */
export const stagingDir = (config: Config): string => join(config.data_dir, 'staging');

export const directorySlice = (config: Config): DirectorySettings => ({
  file: join(config.data_dir, 'directory.sqlite'),
  home: config['mail.home'],
  quota: config['mail.quota'],
  recipientDelimiter: config['mail.recipient_delimiter'],
});

/** Journals of deliveries, one folder for each process that serves. */
export const journalDir = (config: Config): string => join(config.data_dir, 'journal');

/** The part of `mail.home` that all accounts share. */
export const mailRoot = (config: Config): string => {
  const home = config['mail.home'];
  const percent = home.indexOf('%');
  return percent === -1 ? dirname(home) : home.slice(0, home.lastIndexOf('/', percent));
};

/** @param worker its number, from 1; 0: writes no journal */
export const storeSlice = (config: Config, worker = 0): StoreSettings => ({
  ...storeDefaults,
  maildir: config['mail.maildir'],
  ballast: join(mailRoot(config), '.postcote-ballast'),
  ballastSize: config['mail.ballast'],
  openAccounts: Math.min(storeDefaults.openAccounts, descriptorRoom().accounts),
  journal: worker === 0 ? null : { ...journalDefaults, dir: journalOf(journalDir(config), worker) },
});

export const authSlice = (config: Config): AuthSettings => ({
  allowCleartext: config['auth.allow_cleartext'],
  mechanisms: config['auth.mechanisms'],
  defaultScheme: config['auth.default_pass_scheme'],
  realm: config['auth.default_realm'],
  cacheTtl: config['auth.cache_ttl'],
});

export const queueSlice = (config: Config): QueueSettings => ({
  ...defaultQueueSettings,
  dir: join(config.data_dir, 'queue'),
  maxQueueLifetime: config['relay.max_queue_lifetime'],
  bounceQueueLifetime: config['relay.bounce_queue_lifetime'],
  delayWarningTime: config['relay.delay_warning_time'],
  minimalBackoffTime: config['relay.minimal_backoff_time'],
  maximalBackoffTime: config['relay.maximal_backoff_time'],
  activeLimit: config['relay.active_limit'],
  initialDestinationConcurrency: config['relay.initial_destination_concurrency'],
  destinationConcurrencyLimit: config['relay.destination_concurrency_limit'],
  queueMinfree: config['relay.queue_minfree'],
});

export const relaySlice = (config: Config): RelaySettings => ({
  ...defaultRelaySettings,
  hostname: config.hostname,
  relayhost: config['relay.relayhost'],
  transport: config['relay.transport'],
  port: config['relay.port'],
  passwordFile: config['relay.password_file'],
  tlsLevel: config['relay.tls_security_level'],
  tlsPolicy: Object.fromEntries(
    Object.entries(config['relay.tls_policy']).filter((entry): entry is [string, TlsLevel] => isTlsLevel(entry[1])),
  ),
  tlsCa: config['relay.tls_ca_file'] === '' ? [] : [readFileSync(config['relay.tls_ca_file'], 'utf8')],
  mtaSts: config['relay.mta_sts'],
  bindAddress: config['relay.bind_address'],
});

export const callAheadSlice = (config: Config): CallAheadSettings => ({
  positiveTtl: config['relay.verify_positive_ttl'],
  negativeTtl: config['relay.verify_negative_ttl'],
});

export const localAliasSlice = (config: Config): LocalAliasSettings => ({
  file: config['local.aliases'],
  allowCommands: config['local.allow_commands'],
  recipientDelimiter: config['mail.recipient_delimiter'],
});

export const programUserSlice = (config: Config): ProgramUserSettings => ({
  file: config['local.aliases'],
  commandsAs: config['local.commands_as'],
  commandUser: config['local.command_user'],
});

export const dnsSlice = (config: Config): DnsSettings =>
  config['dns.servers'].length === 0 ? {} : { servers: config['dns.servers'].map(parseHostPort) };

export const smtpSlice = (config: Config): SmtpSettings => ({
  ...defaultSmtpSettings,
  hostname: config.hostname,
  banner: config['smtp.banner'],
  messageSizeLimit: config['mail.message_size_limit'],
  heloRequired: config['smtp.helo_required'],
  recipientLimit: config['smtp.recipient_limit'],
  disableVrfyCommand: config['smtp.disable_vrfy_command'],
  strictRfc821Envelopes: config['smtp.strict_rfc821_envelopes'],
  timeout: config['smtp.timeout'],
  errorSleepTime: config['smtp.error_sleep_time'],
  softErrorLimit: config['smtp.soft_error_limit'],
  hardErrorLimit: config['smtp.hard_error_limit'],
  junkCommandLimit: config['smtp.junk_command_limit'],
  lineLengthLimit: config['smtp.line_length_limit'],
  xclientHosts: config['smtp.authorized_xclient_hosts'],
  postmaster: config['smtp.postmaster'],
  stagingDir: stagingDir(config),
  mynetworks: config['smtp.mynetworks'],
  restrictions: {
    client: config['smtp.client_restrictions'],
    helo: config['smtp.helo_restrictions'],
    sender: config['smtp.sender_restrictions'],
    recipient: config['smtp.recipient_restrictions'],
    data: config['smtp.data_restrictions'],
  },
  rates: {
    timeUnit: config['smtp.rate_time_unit'],
    connections: config['smtp.client_connection_rate_limit'],
    messages: config['smtp.client_message_rate_limit'],
    recipients: config['smtp.client_recipient_rate_limit'],
    auths: config['smtp.client_auth_rate_limit'],
  },
});

export const imapSlice = (config: Config): ImapSettings => ({
  ...imapDefaults,
  hostname: config.hostname,
  separator: config['mail.separator'],
  messageSizeLimit: config['mail.message_size_limit'],
  stagingDir: stagingDir(config),
  maxLine: config['imap.max_line_length'],
  loginTimeout: config['imap.login_timeout'],
  idleTimeout: config['imap.idle_timeout'],
});

export const pop3Slice = (config: Config): Pop3Settings => ({
  ...defaultPop3Settings,
  uidlFormat: config['pop3.uidl_format'],
  noFlagUpdates: config['pop3.no_flag_updates'],
  loginTimeout: config['pop3.login_timeout'],
  idleTimeout: config['pop3.idle_timeout'],
});
