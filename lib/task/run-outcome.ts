import type { ErrorReport } from '../shared/errors.ts';
import { allowsRunToEnd, hasNothingLeft, type TypeResult } from './type-iteration.ts';

/** The outcome of one run. */
export type Outcome =
  /**
   * Phases `pre-delete` and `apply`: a listing after the removals showed no resource that the phase
   * must still remove. Phase `plan`: all types were counted.
   */
  | { readonly kind: 'finished' }
  /**
   * Resources are left or could not be listed. The next run begins after at least `afterSeconds`.
   * `reappeared`: set if resources that this run removed were listed again.
   */
  | {
      readonly kind: 'again';
      readonly afterSeconds: number;
      readonly error: ErrorReport | undefined;
      readonly reappeared?: ErrorReport | undefined;
    }
  /** Some types can no longer be listed or removed. The other types have nothing left to remove. */
  | { readonly kind: 'unreachable'; readonly because: string }
  /** The error is not transient: a person must act, or the code has a defect. */
  | { readonly kind: 'failed'; readonly error: ErrorReport };

/**
 * Returns the outcome if the run must end after this iteration. Returns `undefined` if another
 * iteration may follow.
 */
export function outcomeOf(
  typeResults: readonly TypeResult[],
  { isPlan, areAllTypesListed }: { isPlan: boolean; areAllTypesListed: boolean },
): Outcome | undefined {
  const failure = errorOutcome(typeResults.flatMap(({ errors }) => errors));
  if (failure) return failure;
  if (isPlan) return { kind: 'finished' };
  // The end needs a listing of every resource type (safety rule "List again before finished").
  if (!areAllTypesListed || !typeResults.every(allowsRunToEnd)) return undefined;
  const reasons = typeResults.flatMap(({ leftReason }) =>
    leftReason?.type === 'unreachable' ? [leftReason.because] : [],
  );
  return reasons.length > 0
    ? { kind: 'unreachable', because: [...new Set(reasons)].join('; ') }
    : { kind: 'finished' };
}

/** True if resources are left, and the service has accepted the deletion of all of them. */
export function awaitsOnlyDeletions(typeResults: readonly TypeResult[]): boolean {
  const resultsWithResources = typeResults.filter(
    (type) => type.count !== undefined && !hasNothingLeft(type),
  );
  return (
    resultsWithResources.length > 0 &&
    resultsWithResources.every(
      ({ acceptedIds, count, countedIds }) =>
        !countedIds?.isPartial && acceptedIds?.length === count?.left,
    )
  );
}

/** Returns the outcome of a run that had no error, and after which resources are left. */
export const runAgainOutcome = (
  typeResults: readonly TypeResult[],
  waitMillis: number,
): Outcome => ({
  kind: 'again',
  afterSeconds: waitMillis / 1000,
  error: undefined,
  reappeared: typeResults.find(({ reappeared }) => reappeared)?.reappeared,
});

/** Returns the outcome of a run with these errors, or `undefined` if there are none. */
export function errorOutcome(errors: readonly ErrorReport[]): Outcome | undefined {
  const error = worstError(errors);
  if (!error) return undefined;
  return error.class === 'Transient'
    ? { kind: 'again', afterSeconds: error.retryAfterSeconds ?? 0, error }
    : { kind: 'failed', error };
}

/**
 * Returns the most important error: `Denied` first, then the other classes, and `Transient` last.
 * Among errors of one rank, the error with the longest `Retry-After` is returned.
 */
export function worstError(errors: readonly ErrorReport[]): ErrorReport | undefined {
  const rank = (error: ErrorReport): number =>
    error.class === 'Denied' ? 2 : error.class === 'Transient' ? 0 : 1;
  return errors
    .toSorted(
      (a, b) => rank(b) - rank(a) || (b.retryAfterSeconds ?? 0) - (a.retryAfterSeconds ?? 0),
    )
    .at(0);
}
