import type { SmtpCommand } from '../command.ts';
import { Receiver } from '../receiver.ts';
import { handOver, notNow, refuseAll } from './end-of-data.ts';

/** Takes a message up to the line with the dot. RFC 5321 4.1.1.4 */
export const data: SmtpCommand = {
  verb: 'DATA',
  needsGreeting: true,

  async run(argument, session) {
    const { transaction, settings, input } = session;
    if (argument !== '') return { code: 501, detail: '5.4', text: 'Syntax: DATA' };
    if (transaction?.receiver) return { code: 503, detail: '5.1', text: 'Error: DATA after BDAT' };
    const early = input.buffered > 0;
    const refused = await notNow(session, early);
    if (refused !== null) {
      // What has come already is a message that was not asked for; its lines must not be taken for commands. RFC 2920 3.1
      if (early) {
        session.goodbye('protocol', refused);
        return null;
      }
      return refused;
    }
    session.reply({ code: 354, detail: '', text: 'End data with <CR><LF>.<CR><LF>' });

    const receiver = new Receiver(settings.stagingDir, settings.messageSizeLimit, settings.hostname, true);
    const whole = await read(receiver, session).catch(async (error: unknown) => {
      await receiver.abort();
      throw error;
    });
    if (!whole) {
      // The client went away before the end: nothing was promised. RFC 5321 4.1.1.4
      await receiver.abort();
      session.lost();
      return null;
    }
    const { refusal } = receiver;
    const message = await receiver.finish();
    if (message !== null) return await handOver(session, message, transaction!, 'Ok: queued');
    session.transaction = null;
    const reply = refuseAll(session, transaction!, refusal!);
    if (refusal!.code === 521) session.lost();
    return reply;
  },
};

/** @returns false where input ended first, or too much came */
async function read(receiver: Receiver, session: Parameters<SmtpCommand['run']>[1]): Promise<boolean> {
  const { input, settings } = session;
  const started = performance.now();
  for (;;) {
    const chunk = await input.chunk(settings.timeout);
    if (chunk === null) return false;
    const taken = receiver.take(chunk);
    const end = typeof taken === 'number' ? taken : await taken;
    if (end !== -1) {
      input.unread(chunk.subarray(end));
      return true;
    }
    if (receiver.hopeless) {
      session.goodbye('protocol', receiver.refusal!);
      return false;
    }
    session.mustKeepUp(started, receiver.size);
  }
}
