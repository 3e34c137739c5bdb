import { ResourceTypeName } from '../../events/ids.ts';
import type { Phase, VerificationStatus } from '../../events/service.ts';

/*
 * A verification records the last listing of one resource type. Four decisions use it:
 *
 * - `typesToListLast`: a recent listing of these types was empty. A run lists them after all other
 *   types.
 * - `typesEmptyBeforeDeletion`: these types were empty in phase `pre-delete`. They can no longer be
 *   listed after the project's deletion, and then count as empty.
 * - `isVerifiedEmpty`: the awaited types were empty in phase `apply`. Dependents may then begin
 *   before the task has ended.
 * - `reopenTask` (`reopen.ts`): a task runs once more if a verification becomes stale after the
 *   task has ended.
 *
 * A verification becomes stale when users may have created resources after the listing. A stale
 * verification is ignored.
 */

/** The result of the last listing of one resource type. */
export interface Verification {
  readonly status: VerificationStatus;
  /** Epoch milliseconds at which the report of this listing was applied. */
  readonly verifiedAt: number;
  /** The phase of the run that listed the type. */
  readonly phase: Phase;
  /** True if users may have created resources after the listing. The type must be listed again. */
  readonly stale: boolean;
}

/** By resource type: the newest verification. Types that no run had to list are missing. */
export type Verifications = Readonly<Record<string, Verification>>;

/** All phases, for {@link withStalePhases}. */
export const ALL_PHASES: readonly Phase[] = ['plan', 'pre-delete', 'apply'];

/**
 * After a listing that was empty, a run lists the type last for this long. Then the run lists the
 * type first again: a resource that appeared later could prevent the removal of other types.
 */
const MAX_EMPTY_AGE_MILLIS = 10 * 60_000;

/**
 * Returns the verifications after a report. `isStale`: users could work in the project during the
 * run. If the run could not list a type that was verified empty in phase `pre-delete`, that
 * verification is kept, because the type may never be listed again.
 */
export function mergeVerifications(
  verificationsBefore: Verifications,
  reportedStatuses: Readonly<Record<string, VerificationStatus>>,
  { phase, now, isStale }: { phase: Phase; now: number; isStale: boolean },
): Verifications {
  const merged: Record<string, Verification> = { ...verificationsBefore };
  for (const [type, status] of Object.entries(reportedStatuses)) {
    const earlierVerification = verificationsBefore[type];
    const isKept =
      status === 'unknown' &&
      earlierVerification !== undefined &&
      isEmptyIn('pre-delete', earlierVerification);
    if (!isKept) merged[type] = { status, verifiedAt: now, phase, stale: isStale };
  }
  return merged;
}

/** Marks the verifications of these phases as stale. */
export const withStalePhases = (
  verifications: Verifications,
  phases: readonly Phase[],
): Verifications =>
  Object.fromEntries(
    Object.entries(verifications).map(([type, one]) => [
      type,
      phases.includes(one.phase) ? { ...one, stale: true } : one,
    ]),
  );

/**
 * Returns the verifications at the end of phase `pre-delete`. Only listings of its last run count,
 * because the project may have been in use between two runs.
 */
export const verificationsAfterPreDelete = (
  verifications: Verifications,
  statusesOfLastRun: Readonly<Record<string, VerificationStatus>>,
): Verifications =>
  Object.fromEntries(
    Object.entries(verifications).map(([type, one]) => [
      type,
      type in statusesOfLastRun ? one : { ...one, stale: true },
    ]),
  );

/** True if a run of this phase listed the type as empty, and the verification is not stale. */
const isEmptyIn = (phase: Phase, verification: Verification): boolean =>
  verification.status === 'empty' && !verification.stale && verification.phase === phase;

/** Returns the types whose verification meets the condition. */
const typesWhere = (
  verifications: Verifications,
  meetsCondition: (verification: Verification) => boolean,
): ResourceTypeName[] =>
  Object.entries(verifications).flatMap(([type, verification]) =>
    meetsCondition(verification) ? [ResourceTypeName.parse(type)] : [],
  );

/** Returns the types that were verified empty while the project existed. */
export const typesEmptyBeforeDeletion = (verifications: Verifications): ResourceTypeName[] =>
  typesWhere(verifications, (one) => isEmptyIn('pre-delete', one));

/** True if the type was verified empty in phase `apply` and the verification is not stale. */
export function isVerifiedEmpty(verifications: Verifications, type: ResourceTypeName): boolean {
  const verification = verifications[type];
  return verification !== undefined && isEmptyIn('apply', verification);
}

/**
 * Returns the types that a run of this phase lists only after all others are empty. A recent run of
 * this phase has listed these types as empty or, for phase `apply`, a recent count of phase `plan`.
 * A task ends only after a listing of all types.
 */
export const typesToListLast = (
  verifications: Verifications,
  phase: Phase,
  now: number,
): ResourceTypeName[] =>
  typesWhere(
    verifications,
    (one) =>
      (isEmptyIn(phase, one) || (phase === 'apply' && isEmptyIn('plan', one))) &&
      now - one.verifiedAt < MAX_EMPTY_AGE_MILLIS,
  );
