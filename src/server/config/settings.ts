import { availableParallelism, hostname } from 'node:os';
import {
  bool,
  dnsServer,
  integer,
  list,
  listeners,
  networks,
  oneOf,
  optionalPath,
  path,
  type SettingType,
  size,
  sniCertificates,
  table,
  text,
  time,
} from './types.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

const rate = integer(0, 1_000_000);

/** One setting. */
export interface Setting<T> {
  readonly type: SettingType<T>;
  readonly default: T;
  /** In place of `default` where no configuration file was found: everything under ./var, unprivileged ports. */
  readonly demo?: T;
  /** One sentence for the reference and the sample file. */
  readonly says: string;
  /** What Postfix or Dovecot call it, where the name differs. */
  readonly known?: string;
  readonly rfc?: string;
  /** The default in words, where it depends on the machine. */
  readonly defaultIs?: string;
  /** Takes effect on SIGHUP although its section does not. */
  readonly reload: boolean;
}

interface Extra<T> {
  readonly demo?: T;
  readonly known?: string;
  readonly rfc?: string;
  readonly defaultIs?: string;
  readonly reload?: boolean;
}

function row<T>(type: SettingType<T>, value: NoInfer<T>, says: string, extra: Extra<NoInfer<T>> = {}): Setting<T> {
  return { reload: false, ...extra, type, default: value, says };
}

const listen = (value: readonly string[], port: number | null, says: string, known?: string): Setting<readonly string[]> =>
  row(listeners, value, says, { demo: port === null ? [] : [`127.0.0.1:${port}`], ...(known === undefined ? {} : { known }) });

/** Every setting there is. The parser, the reference, `config show` and the sample file are made from these rows. */
export const settings = {
  hostname: row(text, hostname(), "The server's own name: banner, EHLO, Received, Message-ID.", {
    known: 'myhostname',
    rfc: 'RFC 5321 4.1.1.1',
    defaultIs: "the system's",
  }),
  data_dir: row(path, '/var/lib/postcote', 'Folder of directory.sqlite, the queue and the self-made certificate.', {
    demo: 'var',
    known: 'data_directory, queue_directory',
  }),
  workers: row(integer(1, 256), availableParallelism(), 'Processes that serve; 1 = everything in one process.', {
    known: 'default_process_limit, service_count',
    defaultIs: 'available cores',
  }),
  run_as: row(text, '', '`user:group` (names or numbers) to become after the ports are bound, when started as root; "" = stay.', {
    known: 'mail_owner, default_internal_user; virtual_uid_maps, mail_uid',
  }),

  'mail.home': row(path, '/var/mail/vmail/%d/%n', "An account's home: %d domain, %n local part, %u whole address.", {
    demo: 'var/mail/%d/%n',
    known: 'mail_home, virtual_mailbox_base',
  }),
  'mail.maildir': row(text, 'Maildir', 'The Maildir below the home; "" = the home itself.', { known: 'mail_path, home_mailbox' }),
  'mail.separator': row(oneOf('/', '.'), '/', 'Hierarchy separator that IMAP clients see.', {
    reload: true,
    known: 'namespace separator',
    rfc: 'RFC 9051 5.1.1',
  }),
  'mail.message_size_limit': row(size, 52_428_800, 'Largest message: EHLO SIZE, APPENDLIMIT.', {
    rfc: 'RFC 1870 4, RFC 7889 2',
    reload: true,
  }),
  'mail.quota': row(size, 0, 'Space of an account that has no quota of its own, 0 = none.', {
    known: 'quota_storage_size',
    rfc: 'RFC 9208 5.1',
  }),
  'mail.ballast': row(size, 64 << 20, 'Room that a file keeps for expunging mail from a full disk; 0 = none.'),
  'mail.recipient_delimiter': row(text, '+', 'Characters that separate a local part from its detail (`user+detail`); "" = none.', {
    rfc: 'RFC 5233 1',
  }),
  'mail.demo': row(bool, false, 'Makes the domain example.com with two accounts, whose passwords are in demo-accounts.txt.', {
    demo: true,
  }),

  'listen.smtp': listen(['*:25'], 2525, 'Mail from other servers.', 'smtp inet … smtpd'),
  'listen.submission': listen(['*:587'], 2587, 'Mail from people, STARTTLS.', 'submission inet … smtpd'),
  'listen.submissions': listen(['*:465'], 2465, 'Mail from people, TLS from the first octet.', 'smtps, smtpd_tls_wrappermode'),
  'listen.imap': listen(['*:143'], 2143, 'IMAP, STARTTLS.', 'service imap-login'),
  'listen.imaps': listen(['*:993'], 2993, 'IMAP, TLS from the first octet.', 'service imap-login'),
  'listen.pop3': listen(['*:110'], 2110, 'POP3, STLS.', 'service pop3-login'),
  'listen.pop3s': listen(['*:995'], 2995, 'POP3, TLS from the first octet.', 'service pop3-login'),
  'listen.managesieve': listen(
    ['*:4190'],
    4190,
    'ManageSieve: not served by this version, which warns where this is set.',
    'service managesieve-login',
  ),
  'listen.lmtp': listen([], null, 'LMTP for mail that another server has accepted.', 'service lmtp'),
  'listen.http': listen(['127.0.0.1:8025'], 8025, '/healthz, /metrics, the MTA-STS policy, autoconfig and autodiscover.'),
  'listen.backlog': row(integer(1, 65_535), 1024, 'Connections the system holds until they are taken.', { known: 'inet_listener backlog' }),
  'listen.haproxy_trusted_networks': row(networks, [], 'From these a PROXY protocol header (v1 or v2) is required and believed.', {
    known: 'smtpd_upstream_proxy_protocol, haproxy_trusted_networks',
  }),

  'tls.certificate': row(optionalPath, '', 'PEM chain, with its key or without, or PKCS#12; "" = self-signed, made once in data_dir.', {
    known: 'smtpd_tls_cert_file, ssl_server_cert_file',
    reload: true,
  }),
  'tls.key': row(optionalPath, '', 'PEM key, or a file with the password of a PKCS#12 file; "" = in the certificate, or none.', {
    known: 'smtpd_tls_key_file, ssl_server_key_file',
    reload: true,
  }),
  'tls.min_version': row(oneOf('TLSv1.2', 'TLSv1.3'), 'TLSv1.2', 'Oldest TLS that clients may speak.', {
    known: 'smtpd_tls_protocols, ssl_min_protocol',
    rfc: 'RFC 8996',
    reload: true,
  }),
  'tls.sni': row(sniCertificates, [], 'Further certificates by the name that the client asks for; `*.example.org` covers one level.', {
    known: 'tls_server_sni_maps, local_name',
    rfc: 'RFC 6066 3',
    reload: true,
  }),
  'tls.self_signed': row(oneOf('ec', 'rsa'), 'ec', 'Kind of key for the self-made certificate: P-256, or RSA-2048 for very old clients.'),

  'auth.allow_cleartext': row(bool, false, 'Password logins without TLS from anywhere; loopback clients may always.', {
    known: 'auth_allow_cleartext, disable_plaintext_auth, smtpd_tls_auth_only',
    rfc: 'RFC 8314 4.1',
  }),
  'auth.mechanisms': row(
    list('SASL mechanisms', (name) => name.toUpperCase()),
    ['PLAIN', 'LOGIN'],
    'SASL mechanisms offered.',
    {
      known: 'auth_mechanisms',
      rfc: 'RFC 4422',
    },
  ),
  'auth.default_pass_scheme': row(text, 'SHA512-CRYPT', 'Scheme of new passwords.', {
    known: 'default_pass_scheme, passdb_default_password_scheme',
  }),
  'auth.default_realm': row(text, '', 'Domain of logins without `@`; "" = none.', {
    known: 'auth_default_domain, auth_default_realm, smtpd_sasl_local_domain',
  }),
  'auth.cache_ttl': row(time, 5 * minute, 'How long a verified password need not be hashed again; "0s" = always hash.', {
    known: 'auth_cache_ttl',
  }),

  'limits.client_limit': row(integer(1, 1_000_000), 20_000, 'Connections of one worker, all protocols together.', {
    known: 'client_limit',
  }),
  'limits.client_connection_count_limit': row(
    integer(0, 1_000_000),
    50,
    'Connections from one address to one worker, 0 = no limit; loopback and mynetworks are exempt.',
    {
      known: 'smtpd_client_connection_count_limit, mail_max_userip_connections',
    },
  ),

  'smtp.mynetworks': row(networks, ['127.0.0.0/8', '[::1]/128'], 'Clients that may relay without logging in.'),
  'smtp.helo_required': row(bool, true, 'MAIL only after HELO or EHLO.', { known: 'smtpd_helo_required', rfc: 'RFC 5321 4.1.4' }),
  'smtp.recipient_limit': row(integer(1, 100_000), 1000, 'Recipients of one message.', {
    known: 'smtpd_recipient_limit',
    rfc: 'RFC 5321 4.5.3.1.8',
  }),
  'smtp.disable_vrfy_command': row(bool, true, 'VRFY is refused.', { rfc: 'RFC 5321 3.5.3' }),
  'smtp.banner': row(text, '$myhostname ESMTP', 'Greeting after 220; begins with the host name.', {
    known: 'smtpd_banner',
    rfc: 'RFC 5321 4.2',
  }),
  'smtp.strict_rfc821_envelopes': row(bool, false, 'Paths only in angle brackets.', { rfc: 'RFC 5321 4.1.2' }),
  'smtp.client_restrictions': row(list('restrictions'), [], 'Rules about the client.', { known: 'smtpd_client_restrictions' }),
  'smtp.helo_restrictions': row(list('restrictions'), [], 'Rules about HELO and EHLO.', { known: 'smtpd_helo_restrictions' }),
  'smtp.sender_restrictions': row(list('restrictions'), [], 'Rules about MAIL.', { known: 'smtpd_sender_restrictions' }),
  'smtp.recipient_restrictions': row(
    list('restrictions'),
    ['permit_mynetworks', 'permit_sasl_authenticated', 'reject_unauth_destination'],
    'Rules about RCPT.',
    {
      known: 'smtpd_recipient_restrictions, smtpd_relay_restrictions',
    },
  ),
  'smtp.data_restrictions': row(list('restrictions'), ['reject_unauth_pipelining'], 'Rules about DATA.', {
    known: 'smtpd_data_restrictions',
  }),
  'smtp.timeout': row(time, 5 * minute, 'How long a client may be silent.', { known: 'smtpd_timeout', rfc: 'RFC 5321 4.5.3.2.7' }),
  'smtp.error_sleep_time': row(time, second, 'Pause before the reply once a session has made soft_error_limit mistakes.', {
    known: 'smtpd_error_sleep_time',
  }),
  'smtp.soft_error_limit': row(integer(1, 100_000), 10, 'Mistakes after which replies are slowed down.', {
    known: 'smtpd_soft_error_limit',
  }),
  'smtp.hard_error_limit': row(integer(1, 100_000), 20, 'Mistakes after which the session ends.', { known: 'smtpd_hard_error_limit' }),
  'smtp.junk_command_limit': row(integer(1, 100_000), 100, 'NOOP, VRFY, RSET and such without mail before they count as mistakes.', {
    known: 'smtpd_junk_command_limit',
  }),
  'smtp.hopcount_limit': row(integer(1, 1000), 50, 'Received fields after which a message is taken to loop.', { rfc: 'RFC 5321 6.3' }),

  'smtp.line_length_limit': row(size, 2048, 'Longest command line.', { rfc: 'RFC 5321 4.5.3.1.4', known: 'line_length_limit' }),
  'smtp.authorized_xclient_hosts': row(networks, [], 'Networks that may speak for other clients: XCLIENT.', {
    known: 'smtpd_authorized_xclient_hosts',
  }),
  'smtp.postmaster': row(text, '', 'Where mail for the bare name postmaster goes; "" = postmaster of the host name\'s domain.', {
    known: '2bounce_notice_recipient, postmaster_address',
    rfc: 'RFC 5321 4.5.1',
  }),
  'smtp.rate_time_unit': row(time, minute, 'The time over which the rates below are counted.', { known: 'anvil_rate_time_unit' }),
  'smtp.client_connection_rate_limit': row(rate, 0, 'Connections of one address in that time, 0 = no limit.', {
    known: 'smtpd_client_connection_rate_limit',
  }),
  'smtp.client_message_rate_limit': row(rate, 0, 'Messages of one address in that time, 0 = no limit.', {
    known: 'smtpd_client_message_rate_limit',
  }),
  'smtp.client_recipient_rate_limit': row(rate, 0, 'Recipients of one address in that time, 0 = no limit.', {
    known: 'smtpd_client_recipient_rate_limit',
  }),
  'smtp.client_auth_rate_limit': row(rate, 0, 'AUTH commands of one address in that time, 0 = no limit.', {
    known: 'smtpd_client_auth_rate_limit',
  }),

  'imap.idle_timeout': row(time, 31 * minute, 'Silence after which a logged-in session ends.', {
    known: 'imap autologout',
    rfc: 'RFC 9051 5.4',
  }),
  'imap.login_timeout': row(time, minute, 'Time to log in.', { known: 'login_timeout' }),
  'imap.max_line_length': row(size, 65_536, 'Longest command line without its literals, once logged in.', {
    known: 'imap_max_line_length',
  }),

  'pop3.uidl_format': row(
    text,
    '',
    '"" = stable names of our own; else as Dovecot writes it: %u UID, %v UIDVALIDITY, %f file name, %g GUID, with width and radix like %08Xu%08Xv.',
    {
      known: 'pop3_uidl_format',
      rfc: 'RFC 1939 7',
    },
  ),
  'pop3.idle_timeout': row(time, 10 * minute, 'Silence after which a session ends.', { known: 'pop3 autologout', rfc: 'RFC 1939 3' }),
  'pop3.login_timeout': row(time, minute, 'Time to log in.', { known: 'login_timeout' }),

  'pop3.no_flag_updates': row(bool, false, 'RETR leaves \\Seen alone.', { known: 'pop3_no_flag_updates' }),

  'relay.relayhost': row(
    text,
    '',
    'Where all mail for other servers goes: `[host]:port`, `[host]` without MX look-up, `domain` with; "" = each domain\'s MX.',
  ),
  'relay.max_queue_lifetime': row(time, 5 * day, 'When undeliverable mail goes back.', {
    known: 'maximal_queue_lifetime',
    rfc: 'RFC 5321 4.5.4.1',
  }),
  'relay.bounce_queue_lifetime': row(time, 5 * day, 'When undeliverable notices are dropped.'),
  'relay.minimal_backoff_time': row(time, 15 * minute, 'First pause after a failed attempt; it doubles.', { rfc: 'RFC 5321 4.5.4.1' }),
  'relay.maximal_backoff_time': row(time, 3 * hour, 'Longest pause between attempts.'),
  'relay.active_limit': row(integer(1, 10_000), 200, 'Deliveries of one worker at once.', { known: 'qmgr_message_active_limit' }),
  'relay.initial_destination_concurrency': row(integer(1, 1000), 5, 'Deliveries to one destination at once, to begin with.'),
  'relay.destination_concurrency_limit': row(integer(1, 1000), 20, 'The most they grow to.', {
    known: 'default_destination_concurrency_limit',
  }),
  'relay.queue_minfree': row(size, 64 << 20, 'New mail is refused while less is free on the disk.', { known: 'queue_minfree' }),
  'relay.delay_warning_time': row(time, 4 * hour, 'When the sender is told that mail is late; "0s" = never.', { rfc: 'RFC 3461 4.1' }),
  'relay.transport': row(table, {}, 'Next hop by domain, as relayhost; `.example.com` covers subdomains.', { known: 'transport_maps' }),

  'relay.domains': row(
    list('domains'),
    [],
    'Domains of others that this server takes mail for and sends on to their better MX: a backup MX.',
    {
      known: 'relay_domains',
      rfc: 'RFC 5321 3.6.2',
    },
  ),
  'relay.recipients': row(
    list('addresses'),
    [],
    'Addresses that exist in `relay.domains`; a domain with none here takes them all, which makes bounces to strangers, unless they are verified.',
    { known: 'relay_recipient_maps' },
  ),
  'relay.verify_recipients': row(
    bool,
    false,
    'Ask the better MX of a relay domain without a list whether an address exists, by RCPT with a null sender.',
    { known: 'reject_unverified_recipient' },
  ),
  'relay.verify_undecided': row(
    oneOf('accept', 'defer'),
    'accept',
    'What becomes of mail for an address while that MX gives no answer: taken, as a backup MX should, or put off.',
    { known: 'unverified_recipient_tempfail_action' },
  ),
  'relay.verify_positive_ttl': row(time, day, 'How long it is remembered that an address exists.', {
    known: 'address_verify_positive_expire_time',
  }),
  'relay.verify_negative_ttl': row(time, 10 * minute, 'How long it is remembered that an address does not.', {
    known: 'address_verify_negative_expire_time',
  }),
  'relay.port': row(integer(1, 65_535), 25, 'Port of MX hosts.', { known: 'smtp_tcp_port' }),
  'relay.password_file': row(optionalPath, '', 'Logins at next hops, lines `NEXTHOP USER:PASSWORD`; "" = none.', {
    known: 'smtp_sasl_password_maps',
    rfc: 'RFC 4954',
  }),
  'relay.tls_security_level': row(
    oneOf('none', 'may', 'encrypt', 'verify', 'dane'),
    'dane',
    'TLS to other servers: `may` where it is offered, `encrypt` or not at all, `verify` with a good certificate, `dane` where DNS has TLSA records, else `may`.',
    { known: 'smtp_tls_security_level', rfc: 'RFC 7672' },
  ),
  'relay.tls_policy': row(table, {}, 'Level by domain or next hop, as `relay.transport`.', { known: 'smtp_tls_policy_maps' }),
  'relay.tls_ca_file': row(optionalPath, '', 'PEM of more certification authorities for `verify`; "" = the well-known ones.', {
    known: 'smtp_tls_CAfile',
  }),
  'relay.mta_sts': row(bool, true, 'Keep to the MTA-STS policies of other domains.', { rfc: 'RFC 8461' }),
  'relay.bind_address': row(table, {}, 'Source address by domain of the sender; `*` for all.', { known: 'smtp_bind_address' }),
  'relay.notice_language': row(oneOf('en', 'ja', 'ru'), 'en', 'Language of bounces and delay notices.'),

  'local.aliases': row(
    optionalPath,
    '',
    'Names of this very host (`root@hostname`) and where their mail goes, usually `/etc/aliases`; "" = none. What the directory says of such an address comes first.',
    { known: 'alias_maps' },
  ),
  'local.allow_commands': row(bool, false, 'Names there may lead to `|command` and `/file`; never run or written as root.', {
    known: 'allow_mail_to_commands, allow_mail_to_files',
  }),
  'local.commands_as': row(
    oneOf('recipient', 'server'),
    'recipient',
    'Whom they are run as: the user of the system whose name it is, refused where the server may not become that one; or always the user of `run_as`.',
  ),
  'local.command_user': row(text, 'nobody', 'User for names that are no users of the system, where the server runs as root.', {
    known: 'default_privs',
  }),
  'local.command_time_limit': row(time, 1000 * second, 'How long such a command may take before it is ended and tried again later.'),

  'dns.servers': row(
    list('name servers', dnsServer),
    [],
    'Name servers to ask, `address` or `address:port`; [] = those of /etc/resolv.conf.',
  ),

  'log.level': row(oneOf('debug', 'info', 'warn', 'error'), 'info', 'Least important event that is logged.', { reload: true }),
} as const satisfies Readonly<Record<string, Setting<never> | Setting<unknown> | Setting<string>>>;

export type SettingName = keyof typeof settings;

/** Values in force, by dotted name. */
export type Config = { readonly [K in SettingName]: (typeof settings)[K] extends Setting<infer T> ? T : never };

export const settingNames = Object.keys(settings) as readonly SettingName[];

/** Sections whose rooms are made anew on SIGHUP, for new sessions. */
const following = ['smtp.', 'imap.', 'pop3.', 'limits.', 'relay.', 'local.'];

/** Takes effect on SIGHUP; otherwise at the next start. */
export const followsReload = (name: SettingName): boolean =>
  name !== 'relay.queue_minfree' && (settings[name].reload || following.some((section) => name.startsWith(section)));

/** A row without its value's type. */
export const settingRow = (name: SettingName): Setting<unknown> => settings[name] as unknown as Setting<unknown>;
