const TIMESTAMP =
  /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):?(\d\d))?$/;
const MINUTE_MILLIS = 60_000;
const DAY_MILLIS = 86_400_000;

/**
 * Returns the epoch milliseconds of a notification's timestamp, or `undefined` for any other text.
 * The `timestamp` of oslo.messaging is Python's `str(utcnow())`: UTC with a space and without a
 * time zone. It has no fraction if the fraction is zero. CADF's `eventTime` ends in `+0000`.
 * `Date.parse` is not used, because it would read oslo.messaging's form as local time.
 */
export function utcMillis(timestamp: string | undefined): number | undefined {
  const parts = timestamp === undefined ? null : TIMESTAMP.exec(timestamp);
  if (!parts) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1, 7)
    .map(Number);
  if (
    month < 1 ||
    month > 12 ||
    day < 1 ||
    day > daysInMonth(year, month) ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  )
    return undefined;
  const fractionMillis = Math.trunc(Number(`0.${parts[7] ?? 0}`) * 1000);
  const zoneMinutes =
    (Number(parts[9] ?? 0) * 60 + Number(parts[10] ?? 0)) * (parts[8] === '-' ? -1 : 1);
  return (
    daysSince1970(year, month, day) * DAY_MILLIS +
    (hour * 60 + minute - zoneMinutes) * MINUTE_MILLIS +
    second * 1000 +
    fractionMillis
  );
}

const isLeap = (year: number): boolean => (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
const daysInMonth = (year: number, month: number): number =>
  month === 2 ? (isLeap(year) ? 29 : 28) : [4, 6, 9, 11].includes(month) ? 30 : 31;

/** Days from 1 March of the year 0 to 1 January 1970. */
const DAYS_BEFORE_1970 = 719_468;

/**
 * Returns the days since 1 January 1970 in the Gregorian calendar. The calculation uses years that
 * begin in March, so that the leap day is the last day of the year.
 */
function daysSince1970(year: number, month: number, day: number): number {
  const marchYear = month > 2 ? year : year - 1;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const leapDays =
    Math.floor(marchYear / 4) - Math.floor(marchYear / 100) + Math.floor(marchYear / 400);
  return marchYear * 365 + leapDays + dayOfYear - DAYS_BEFORE_1970;
}
