/**
 * Epoch milliseconds of a time as Nova and Cinder write it: UTC, mostly without saying so. `NaN`
 * when there is none.
 */
export function epochOf(time: string | null | undefined): number {
  if (!time) return Number.NaN;
  return Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);
}
