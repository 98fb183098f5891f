const day = 86_400_000;

/** Minutes that the calendar of this host is ahead of UTC at that time. */
export function zoneAt(milliseconds: number): number {
  return -Math.trunc(new Date(milliseconds).getTimezoneOffset());
}

/** Days since 1970 by the calendar of a zone. @param zone minutes ahead of UTC; null: as this host is at that time */
export function shownDay(milliseconds: number, zone: number | null): number {
  return Math.floor((milliseconds + (zone ?? zoneAt(milliseconds)) * 60_000) / day);
}

/** When that day begins here. @param days since 1970 */
export function startOfDay(days: number): number {
  const utc = new Date(days * day);
  return new Date(2000, 0, 1).setFullYear(utc.getUTCFullYear(), utc.getUTCMonth(), utc.getUTCDate());
}
