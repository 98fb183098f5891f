/** Carries small messages to the other workers. Losing one costs time, never correctness. */
export interface Bus {
  /** To every other worker, or to those numbered; not to ourselves. `message` is plain JSON. */
  send(topic: string, message: unknown, to?: readonly number[]): void;
  /** `from`: number of the worker that sent it. @returns stop listening */
  on(topic: string, listener: (message: unknown, from: number) => void): () => void;
}

export interface BusEnd extends Bus {
  /** Hands over what another worker sent. */
  receive(topic: string, message: unknown, from: number): void;
}

/** @param post takes a message to the others; nobody is there when everything is one process */
export function createBus(post: Bus['send'] = () => {}): BusEnd {
  const listeners = new Map<string, Set<(message: unknown, from: number) => void>>();
  return {
    send: post,
    on(topic, listener) {
      let known = listeners.get(topic);
      if (known === undefined) {
        known = new Set();
        listeners.set(topic, known);
      }
      known.add(listener);
      return () => known.delete(listener);
    },
    receive(topic, message, from) {
      for (const listener of listeners.get(topic) ?? []) listener(message, from);
    },
  };
}
