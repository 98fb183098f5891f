import type { ThrottleChannel, ThrottleEvent } from '../auth/throttle.ts';
import type { Bus } from './bus.ts';

/** Failed and successful logins, told to the other workers. */
export const throttleChannel = (bus: Bus): ThrottleChannel => ({
  publish: (event) => bus.send('throttle', event),
  subscribe: (listener) => bus.on('throttle', (event) => listener(event as ThrottleEvent)),
});
