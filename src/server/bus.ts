/** Carries small messages to the other workers. Losing one costs time, never correctness. */
export interface Bus {
  /** To every other worker; not to ourselves. `message` is plain JSON. */
  send(topic: string, message: unknown): void;
  /** @returns stop listening */
  on(topic: string, listener: (message: unknown) => void): () => void;
}

export interface BusEnd extends Bus {
  /** Hands over what another worker sent. */
  receive(topic: string, message: unknown): void;
}

/** @param post takes a message to the others; nobody is there when everything is one process */
export function createBus(post: (topic: string, message: unknown) => void = () => {}): BusEnd {
  const listeners = new Map<string, Set<(message: unknown) => void>>();
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
    receive(topic, message) {
      for (const listener of listeners.get(topic) ?? []) listener(message);
    },
  };
}
