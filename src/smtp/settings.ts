import type { PolicySettings } from '../policy/policy.ts';
import type { RateSettings } from '../policy/rates.ts';

/** Slice of the configuration. Names are Postfix's smtpd_*; times are milliseconds, sizes octets. */
export interface SmtpSettings extends PolicySettings {
  readonly hostname: string;
  /** After `220 `; `$myhostname` stands for the host name, with which it begins. */
  readonly banner: string;
  readonly messageSizeLimit: number;
  readonly heloRequired: boolean;
  readonly recipientLimit: number;
  readonly disableVrfyCommand: boolean;
  readonly strictRfc821Envelopes: boolean;
  /** Silence of the client, and time for one command line. */
  readonly timeout: number;
  /** Pause before a reply once a session has made `softErrorLimit` mistakes. */
  readonly errorSleepTime: number;
  readonly softErrorLimit: number;
  /** Mistakes after which the session ends. */
  readonly hardErrorLimit: number;
  /** NOOP, RSET, VRFY and such without mail before they count as mistakes. */
  readonly junkCommandLimit: number;
  /** Longest command line. */
  readonly lineLengthLimit: number;
  /** Networks that may speak for others: XCLIENT. */
  readonly xclientHosts: readonly string[];
  /** For the bare `postmaster`; '' = that of the host name's domain. */
  readonly postmaster: string;
  /** Where large messages wait while they come in. */
  readonly stagingDir: string;
  readonly rates: RateSettings;
}

const minute = 60_000;

export const defaultSmtpSettings: Omit<SmtpSettings, 'hostname' | 'stagingDir'> = {
  banner: '$myhostname ESMTP',
  messageSizeLimit: 52_428_800,
  heloRequired: true,
  recipientLimit: 1000,
  disableVrfyCommand: true,
  strictRfc821Envelopes: false,
  timeout: 5 * minute,
  errorSleepTime: 1000,
  softErrorLimit: 10,
  hardErrorLimit: 20,
  junkCommandLimit: 100,
  lineLengthLimit: 2048,
  xclientHosts: [],
  postmaster: '',
  mynetworks: ['127.0.0.0/8', '[::1]/128'],
  restrictions: {
    client: [],
    helo: [],
    sender: [],
    recipient: ['permit_mynetworks', 'permit_sasl_authenticated', 'reject_unauth_destination'],
    data: ['reject_unauth_pipelining'],
  },
  rates: { timeUnit: minute, connections: 0, messages: 0, recipients: 0, auths: 0 },
};
