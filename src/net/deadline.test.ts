import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Deadline } from './deadline.ts';

describe('deadline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const started = () => {
    const late = vi.fn();
    return { late, deadline: new Deadline(late), at: (ms: number) => performance.now() + ms };
  };

  it('is put off by being set again, with one timer under way', () => {
    const { late, deadline, at } = started();
    for (let n = 0; n < 10; n++) {
      deadline.set(at(100));
      vi.advanceTimersByTime(50);
    }
    expect(vi.getTimerCount()).toBe(1);
    expect(late).not.toHaveBeenCalled();
    vi.advanceTimersByTime(51);
    expect(late).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('comes sooner where it is set to', () => {
    const { late, deadline, at } = started();
    deadline.set(at(10_000));
    deadline.set(at(10));
    vi.advanceTimersByTime(11);
    expect(late).toHaveBeenCalledTimes(1);
  });

  it('is nothing once cleared, and can be set again', () => {
    const { late, deadline, at } = started();
    deadline.set(at(10));
    deadline.clear();
    vi.advanceTimersByTime(1000);
    expect(late).not.toHaveBeenCalled();
    deadline.set(at(10));
    vi.advanceTimersByTime(11);
    expect(late).toHaveBeenCalledTimes(1);
  });

  it('leaves no timer when stopped', () => {
    const { late, deadline, at } = started();
    deadline.set(at(10));
    deadline.stop();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(1000);
    expect(late).not.toHaveBeenCalled();
  });
});
