/**
 * Parses a time in the format of Nova and Cinder: UTC, usually without a time zone. Returns epoch
 * milliseconds, or `NaN` if there is no time.
 */
export function epochMillisOf(time: string | null | undefined): number {
  if (!time) return Number.NaN;
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);
}

/**
 * True if more than `millis` have passed since the time `since` (epoch milliseconds). False if
 * `since` is `NaN`: the time is then unknown.
 */
export const hasElapsed = (millis: number, since: number, now: number): boolean =>
  now - since > millis;
