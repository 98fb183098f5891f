import { Fault } from '../../mail/fault.ts';
import type { Cursor } from './cursor.ts';

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dateText = /"?(\d{1,2}-[a-z]{3}-\d{4})"?/iy;
const dateTimeText = /"([ \d]\d-[a-z]{3}-\d{4} \d\d:\d\d:\d\d [+-]\d{4})"/iy;

export interface ZonedTime {
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Minutes ahead of UTC. */
  readonly zone: number;
}

/** date = date-text / DQUOTE date-text DQUOTE. @returns days since 1970 */
export function date(line: Cursor): number {
  const [day, month, year] = line.take('date', dateText).split('-') as [string, string, string];
  return utc(Number(year), month, Number(day)) / 86_400_000;
}

/** date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE. */
export function dateTime(line: Cursor): ZonedTime {
  const text = line.take('date-time', dateTimeText);
  const [, day, month, year, h, m, s, sign, zh, zm] = /^(..)-(...)-(....) (..):(..):(..) ([+-])(..)(..)$/.exec(text) as unknown as string[];
  const [hour, minute, second] = [Number(h), Number(m), Number(s)];
  if (hour > 23 || minute > 59 || second > 60 || Number(zm) > 59) throw new Fault('syntax', 'no such time');
  const zone = (Number(zh) * 60 + Number(zm)) * (sign === '-' ? -1 : 1);
  const time = utc(Number(year), month!, Number(day)) + ((hour * 60 + minute - zone) * 60 + second) * 1000;
  return { time, zone };
}

function utc(year: number, month: string, day: number): number {
  const index = months.indexOf(month.toLowerCase());
  const at = new Date(0);
  at.setUTCFullYear(year, index, day);
  if (index < 0 || day < 1 || at.getUTCMonth() !== index) throw new Fault('syntax', 'no such date');
  return at.getTime();
}
