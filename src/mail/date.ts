/** A date as a message gives it. */
export interface MailDate {
  /** Milliseconds since 1970 UTC. */
  readonly time: number;
  /** Day since 1970 as written, the zone disregarded. */
  readonly day: number;
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

/** Minutes east of UTC. RFC 5322 4.3 */
const zones: Readonly<Record<string, number>> = {
  ut: 0,
  utc: 0,
  gmt: 0,
  z: 0,
  est: -300,
  edt: -240,
  cst: -360,
  cdt: -300,
  mst: -420,
  mdt: -360,
  pst: -480,
  pdt: -420,
  jst: 540,
  msk: 180,
  msd: 240,
  cet: 60,
  cest: 120,
  bst: 60,
};

const dayMs = 86_400_000;

/**
 * Date and time, obsolete forms included: two- and three-digit years, named zones, comments, a missing day name, seconds or
 * zone. null where it is none. RFC 5322 3.3, 4.3
 */
export function parseDate(text: string): MailDate | null {
  if (text.length > 500) return null;
  const plain = withoutComments(text).trim();
  const date =
    /^(?:[A-Za-z]+\s*[,.]?\s*)?(\d{1,2})[\s-]+([A-Za-z]{3,9})\.?[\s,-]+(\d{2,5})\s*,?\s*(?:(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d+)?)?\s*(.*))?$/s.exec(
      plain,
    );
  if (date !== null) return compose(date[3]!, date[2]!, date[1]!, date[4], date[5], date[6], date[7]);
  // QUIRK: asctime, `Sat Feb  1 01:02:03 [zone] 2007`.
  const asctime =
    /^[A-Za-z]{3,9}\s+([A-Za-z]{3,9})\s+(\d{1,2})\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?\s+(?:([A-Za-z]{1,5}|[+-]\d{4})\s+)?(\d{4})\s*([+-]\d{4})?/.exec(
      plain,
    );
  if (asctime !== null) return compose(asctime[7]!, asctime[1]!, asctime[2]!, asctime[3], asctime[4], asctime[5], asctime[6] ?? asctime[8]);
  return null;
}

function compose(yearText: string, monthText: string, dayText: string, hour = '0', minute = '0', second = '0', zone = ''): MailDate | null {
  const month = months.indexOf(monthText.slice(0, 3).toLowerCase());
  if (month < 0) return null;
  let year = Number(yearText);
  // RFC 5322 4.3
  if (yearText.length === 2) year += year < 50 ? 2000 : 1900;
  else if (yearText.length === 3) year += 1900;
  if (year < 1 || year > 9999) return null;
  const day = Number(dayText);
  const [h, m, s] = [Number(hour), Number(minute), Number(second)];
  if (day < 1 || day > 31 || h > 24 || m > 59 || s > 60) return null;
  const midnight = Date.UTC(2000, month, day) + (Date.UTC(2000 + (year % 400), month, day) - Date.UTC(2000, month, day)) + yearShift(year);
  const offset = zoneMinutes(zone);
  return { time: midnight + (h * 60 + m - offset) * 60_000 + Math.min(s, 59) * 1000, day: Math.floor(midnight / dayMs) };
}

/** Milliseconds between year 2000 + (year mod 400) and `year`: whole cycles of the calendar. */
function yearShift(year: number): number {
  return ((year - 2000 - (year % 400)) / 400) * 146_097 * dayMs;
}

function zoneMinutes(zone: string): number {
  const numeric = /^(?:GMT|UTC)?\s*([+-])(\d{2}):?(\d{2})/i.exec(zone);
  if (numeric !== null) {
    const minutes = Number(numeric[2]) * 60 + Number(numeric[3]);
    return numeric[1] === '-' ? -minutes : minutes;
  }
  const name = /^[A-Za-z]+/.exec(zone)?.[0].toLowerCase() ?? '';
  return Object.hasOwn(zones, name) ? zones[name]! : 0;
}

function withoutComments(text: string): string {
  if (!text.includes('(')) return text;
  let plain = '';
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === '\\' && depth > 0) i++;
    else if (c === '(') depth++;
    else if (c === ')') {
      if (depth > 0) depth--;
      plain += ' ';
    } else if (depth === 0) plain += c;
  }
  return plain;
}

const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const monthNames = months.map((name) => name.charAt(0).toUpperCase() + name.slice(1));

/** `Sat, 1 Feb 2007 01:02:03 +0200`. RFC 5322 3.3; @param offset minutes east of UTC, the machine's zone when absent */
export function formatDate(time: number, offset = -new Date(time).getTimezoneOffset()): string {
  const local = new Date(time + offset * 60_000);
  const two = (n: number): string => String(n).padStart(2, '0');
  const zone = `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}${two(Math.abs(offset) % 60)}`;
  const clock = `${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}`;
  return `${dayNames[local.getUTCDay()]}, ${local.getUTCDate()} ${monthNames[local.getUTCMonth()]} ${local.getUTCFullYear()} ${clock} ${zone}`;
}
