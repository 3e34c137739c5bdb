import { ResourceTypeName } from '../../events/ids.ts';
import type { Phase, VerificationStatus } from '../../events/service.ts';

/*
 * One status for each resource type of a task says what its last listing showed. Four decisions use
 * it:
 *
 * - which types a run may list last (`skipTypes`): empty in this phase, or in a recent count;
 * - which types count as empty although a dead project can no longer be listed
 *   (`verifiedBeforeDeletion`): empty in phase `pre-delete`;
 * - which dependents may begin while the task still runs (`isVerifiedEmpty`): empty in phase
 *   `apply`;
 * - which tasks run once more: those whose verification became stale after they had ended.
 *
 * A verification becomes stale when users can have created resources after the listing. A stale
 * verification permits nothing.
 */

/** What the last listing of one resource type showed. */
export interface Verification {
  readonly status: VerificationStatus;
  /** Epoch milliseconds at which the report of this listing was applied. */
  readonly verifiedAt: number;
  /** The phase of the run that listed the type. */
  readonly phase: Phase;
  /** True if resources may have been created since. The type must be listed again. */
  readonly stale: boolean;
}

/** The verification of each resource type of a task that was listed. */
export type Verifications = Readonly<Record<string, Verification>>;

/** All phases, for {@link staleVerifications}. */
export const ALL_PHASES: readonly Phase[] = ['plan', 'pre-delete', 'apply'];

/** The count of phase `plan` may replace the listing of an empty type for ten minutes. */
const MAX_PLAN_AGE_MILLIS = 10 * 60_000;

/**
 * Returns the verifications after a run has reported. `isStale`: users could work in the project
 * during the run. A type that the run could not list keeps a verification of phase `pre-delete`,
 * because after the deletion of the project no listing can replace it.
 */
export function applyVerification(
  before: Verifications,
  reported: Readonly<Record<string, VerificationStatus>>,
  { phase, now, isStale }: { phase: Phase; now: number; isStale: boolean },
): Verifications {
  const after: Record<string, Verification> = { ...before };
  for (const [type, status] of Object.entries(reported)) {
    const known = before[type];
    const isKept = status === 'unknown' && known !== undefined && isEmpty(known, 'pre-delete');
    if (!isKept) after[type] = { status, verifiedAt: now, phase, stale: isStale };
  }
  return after;
}

/** Marks the verifications of these phases as stale. */
export const staleVerifications = (
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
export const afterPreDelete = (
  verifications: Verifications,
  lastRun: Readonly<Record<string, VerificationStatus>>,
): Verifications =>
  Object.fromEntries(
    Object.entries(verifications).map(([type, one]) => [
      type,
      type in lastRun ? one : { ...one, stale: true },
    ]),
  );

const isEmpty = ({ status, stale, phase }: Verification, of: Phase): boolean =>
  status === 'empty' && !stale && phase === of;

const typesWhere = (
  verifications: Verifications,
  isMeant: (one: Verification) => boolean,
): ResourceTypeName[] =>
  Object.entries(verifications).flatMap(([type, one]) =>
    isMeant(one) ? [ResourceTypeName.parse(type)] : [],
  );

/** Returns the types that were verified empty while the project existed. */
export const emptyBeforeDeletion = (verifications: Verifications): ResourceTypeName[] =>
  typesWhere(verifications, (one) => isEmpty(one, 'pre-delete'));

/** True if the type was verified empty in phase `apply`, and nothing has made that stale. */
export function isVerifiedEmpty(verifications: Verifications, type: ResourceTypeName): boolean {
  const known = verifications[type];
  return known !== undefined && isEmpty(known, 'apply');
}

/**
 * Returns the types that a run of this phase lists only after the others are empty. They were empty
 * in an earlier run of the phase, or phase `apply` follows soon after the count of phase `plan`.
 * The end of a task is proven by a listing of all types in any case.
 */
export const skippableTypes = (
  verifications: Verifications,
  phase: Phase,
  now: number,
): ResourceTypeName[] =>
  typesWhere(
    verifications,
    (one) =>
      isEmpty(one, phase) ||
      (phase === 'apply' && isEmpty(one, 'plan') && now - one.verifiedAt < MAX_PLAN_AGE_MILLIS),
  );
