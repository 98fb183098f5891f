import type { AuthContext, Authenticator } from '../auth/authenticator.ts';
import { counter, histogram } from '../base/metrics.ts';
import type { Delivery } from '../delivery/delivery.ts';
import { Fault } from '../mail/fault.ts';

const logins = counter('postcote_logins_total', 'Logins.', ['service', 'result']);
const recipients = counter('postcote_recipients_total', 'Recipients of accepted messages: stored or queued, or what stood in the way.', [
  'result',
]);
const octets = counter('postcote_message_octets_total', 'Octets of messages accepted.');
const seconds = histogram('postcote_delivery_seconds', 'From the end of DATA to its answer.');
export const sessions = counter('postcote_sessions_total', 'Client sessions begun.', ['listener']);

/** Counts what passes. */
export function meteredDelivery(delivery: Delivery): Delivery {
  return {
    async accept(id, envelope, message, hop, known) {
      const start = performance.now();
      const results = await delivery.accept(id, envelope, message, hop, known);
      seconds.observe((performance.now() - start) / 1000);
      octets.add(message.size);
      for (const { fault } of results) recipients.add(1, fault ?? 'accepted');
      return results;
    },
  };
}

/** Counts logins by outcome. */
export function meteredAuthenticator<T extends Authenticator>(own: T): T {
  const count = async <R>({ service }: AuthContext, work: () => Promise<R>): Promise<R> => {
    try {
      const result = await work();
      if (!(typeof result === 'object' && result !== null && 'challenge' in result)) logins.add(1, service, 'succeeded');
      return result;
    } catch (error) {
      if (error instanceof Fault) logins.add(1, service, error.kind);
      throw error;
    }
  };
  return {
    ...own,
    login: (name, password, context) => count(context, () => own.login(name, password, context)),
    start(mechanism, context) {
      const exchange = own.start(mechanism, context);
      return { ...exchange, step: (response) => count(context, () => exchange.step(response)) };
    },
  };
}
