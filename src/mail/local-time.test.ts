import { afterEach, describe, expect, it, vi } from 'vitest';
import { shownDay, startOfDay, zoneAt } from './local-time.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

const ms = (text: string): number => Date.parse(text);

it('the day that a date shows is the one of its own zone', () => {
  vi.stubEnv('TZ', 'Asia/Tokyo');
  const time = ms('2007-03-25T01:00+02:00');
  expect([120, 60, 0, -600, null].map((zone) => shownDay(time, zone))).toEqual([13_597, 13_597, 13_596, 13_596, 13_597]);
});

describe('the calendar of this host', () => {
  it('is the one of its zone, summer time as well', () => {
    vi.stubEnv('TZ', 'Europe/Helsinki');
    expect(zoneAt(ms('2007-03-24T21:00Z'))).toBe(120);
    expect(zoneAt(ms('2007-03-25T12:00Z'))).toBe(180);
    expect(startOfDay(13_597)).toBe(ms('2007-03-25T00:00+02:00'));
    expect(startOfDay(13_598)).toBe(ms('2007-03-26T00:00+03:00'));
    expect(
      [ms('2007-03-24T23:59:59+02:00'), ms('2007-03-25T00:00+02:00'), ms('2007-03-26T00:00+03:00')].map((time) => shownDay(time, null)),
    ).toEqual([13_596, 13_597, 13_598]);
    vi.stubEnv('TZ', 'America/St_Johns');
    expect(zoneAt(ms('2007-01-01T00:00Z'))).toBe(-210);
    expect(startOfDay(shownDay(ms('2007-01-01T03:29Z'), null))).toBe(ms('2006-12-31T00:00-03:30'));
  });

  it('is UTC where that is the zone', () => {
    vi.stubEnv('TZ', 'UTC');
    for (const days of [-800_000, -1, 0, 1, 13_597, 2_000_000]) {
      expect(startOfDay(days)).toBe(days * 86_400_000);
      expect(shownDay(days * 86_400_000 - 1, null)).toBe(days - 1);
    }
  });
});
