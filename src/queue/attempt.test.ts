import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Attempt } from './attempt.ts';
import type { Job, JobOutcome, QueuedRecipient, Report, Transport } from './transport.ts';

const job = { recipients: [{ id: 1 }] } as unknown as Job;
const [recipient] = job.recipients as readonly [QueuedRecipient];
const ok: JobOutcome = { result: 'delivered', reply: '250 2.0.0 Ok', relay: null };
const transport = (deliver: Transport['deliver'], limit = 90_000): Transport => ({
  destination: () => 'x',
  timeLimit: () => limit,
  deliver,
});

describe('an attempt', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is over when the transport is done, and leaves no timer', async () => {
    const said: JobOutcome[] = [];
    const attempt = new Attempt(
      transport(async (_, report) => report(recipient, ok)),
      job,
      (_, outcome) => void said.push(outcome),
    );
    await attempt.run();
    expect(said).toEqual([ok]);
    expect([attempt.hung, attempt.stopped, vi.getTimerCount()]).toEqual([false, false, 0]);
    await expect(
      new Attempt(
        transport(() => Promise.reject(new Error('bug'))),
        job,
        () => {},
      ).run(),
    ).rejects.toThrow('bug');
  });

  it('ends after its limit though the transport heeds nothing, and believes nothing that comes later', async () => {
    let say: Report = () => {};
    let signal: AbortSignal | undefined;
    const said: JobOutcome[] = [];
    const attempt = new Attempt(
      transport((_, report, given) => {
        [say, signal] = [report, given];
        return new Promise(() => {});
      }),
      job,
      (_, outcome) => void said.push(outcome),
    );
    const over = vi.fn();
    void attempt.run().then(over);
    await vi.advanceTimersByTimeAsync(119_999);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(signal?.aborted).toBe(true);
    expect(over).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(300);
    expect(over).toHaveBeenCalled();
    expect(attempt.hung).toBe(true);
    say(recipient, ok);
    expect(said).toEqual([]);
  });

  it('that is stopped is no bug, and may still say what it knows', async () => {
    const said: JobOutcome[] = [];
    const attempt = new Attempt(
      transport(async (_, report, signal) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve));
        report(recipient, ok);
      }),
      job,
      (_, outcome) => void said.push(outcome),
    );
    const running = attempt.run();
    attempt.stop();
    await running;
    expect([said, attempt.stopped, attempt.hung]).toEqual([[ok], true, false]);
  });

  it('of a gigantic message has a limit that a timer can wait', () => {
    expect(
      new Attempt(
        transport(async () => {}, 1e12),
        job,
        () => {},
      ).limit,
    ).toBeLessThan(2 ** 31);
  });
});
