/** Fields of one event, named as in the glossary: session, queue_id, message_id, address, mailbox, uid, mechanism, relay. Never a password or message text. */
export type LogFields = Readonly<Record<string, unknown>>;

/** One event a line. Level by whose fault it is: a client's is info, ours is error. */
export interface Log {
  debug(fields: LogFields, msg: string): void;
  info(fields: LogFields, msg: string): void;
  warn(fields: LogFields, msg: string): void;
  error(fields: LogFields, msg: string): void;
  child(fields: LogFields): Log;
}

export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
