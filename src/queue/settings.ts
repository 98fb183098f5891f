/** Slice of the configuration. Times are milliseconds, names Postfix's. */
export interface QueueSettings {
  /** Folder of the queue: `queue.sqlite`, `spool/`, `outcome/`. */
  readonly dir: string;
  /** Mail is returned after this long. Default 5 days. */
  readonly maxQueueLifetime: number;
  /** The same for mail with a null sender, which is dropped. Default 5 days. */
  readonly bounceQueueLifetime: number;
  /** The sender hears of a delay after this long; 0 = never. Default 4 hours. */
  readonly delayWarningTime: number;
  /** First wait after a failure; doubles. Default 15 minutes. */
  readonly minimalBackoffTime: number;
  /** Longest wait. Default 3 hours. */
  readonly maximalBackoffTime: number;
  /** Deliveries at once, of this process. Default 200. */
  readonly activeLimit: number;
  /** Deliveries at once to one destination, to begin with. Default 5. */
  readonly initialDestinationConcurrency: number;
  /** The most it grows to. Default 20. */
  readonly destinationConcurrencyLimit: number;
  /** New mail is refused when less is free on the disk. Octets, default 64 MiB. */
  readonly queueMinfree: number;
}

const hour = 3_600_000;

export const defaultQueueSettings: Omit<QueueSettings, 'dir'> = {
  maxQueueLifetime: 120 * hour,
  bounceQueueLifetime: 120 * hour,
  delayWarningTime: 4 * hour,
  minimalBackoffTime: hour / 4,
  maximalBackoffTime: 3 * hour,
  activeLimit: 200,
  initialDestinationConcurrency: 5,
  destinationConcurrencyLimit: 20,
  queueMinfree: 64 << 20,
};
