const FORM =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;
const MINUTE = 60_000;
const DAY = 86_400_000;

/**
 * Returns the epoch milliseconds of a notification's timestamp, or `undefined` for any other text.
 * The `timestamp` of oslo.messaging is Python's `str(utcnow())`: UTC with a space, without a time
 * zone, and without a fraction of zero. CADF's `eventTime` ends in `+0000`. `Date.parse` is not
 * used, because it would read the first form as local time.
 */
export function utcMillis(timestamp: string | undefined): number | undefined {
  const parts = timestamp === undefined ? null : FORM.exec(timestamp);
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map(Number);
  if (
    month < 1 ||
    month > 12 ||
    day < 1 ||
    day > daysIn(year, month) ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    return undefined;
  const fraction = Math.trunc(Number(`0.${parts[7] ?? 0}`) * 1000);
  const ahead = (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * (parts[8] === '-' ? -1 : 1);
  return (
    daysSince1970(year, month, day) * DAY +
    (hour * 60 + minute - ahead) * MINUTE +
    second * 1000 +
    fraction
  );
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysIn = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Gregorian calendar. Years begin in March, so that the leap day is last. */
function daysSince1970(year: number, month: number, day: number): number {
  const y = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  return (
    y * 365 + Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400) + dayOfYear - 719_468
  );
}
