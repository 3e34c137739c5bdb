/** `removed`: the number of resources that were removed until `at`, in epoch milliseconds. */
export interface Sample {
  readonly at: number;
  readonly removed: number;
}

/** The rate is measured over this time, so that it follows a change. */
const WINDOW_MILLIS = 60_000;
/** A rate over a shorter time is not reliable. */
const MIN_MEASURED_MILLIS = 3000;

/** Adds a sample, and drops the samples before the window. */
export const withSample = (samples: readonly Sample[], sample: Sample): Sample[] => [
  ...samples.filter(({ at }) => sample.at - at <= WINDOW_MILLIS),
  sample,
];

/**
 * Returns the removed resources per second in the last minute, and the milliseconds until no
 * resource is left at this rate. Returns `undefined` while the rate is unknown.
 */
export function removalRate(
  samples: readonly Sample[],
  left: number,
): { readonly perSecond: number; readonly remainingMillis: number } | undefined {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < MIN_MEASURED_MILLIS) return undefined;
  const perSecond = ((last.removed - first.removed) * 1000) / (last.at - first.at);
  return perSecond > 0 ? { perSecond, remainingMillis: (left * 1000) / perSecond } : undefined;
}
