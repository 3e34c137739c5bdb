import type { ProjectId, UserId } from '../../events/ids.ts';
import type { Condition, Counts, VerificationStatus } from '../../events/service.ts';
import type { CleanupInput, ProjectCleanupInput, UserCleanupInput } from './cleanup-input.ts';
import { aggregateConditions } from './conditions.ts';
import { type NewlyListed, RunCounter } from './run-counter.ts';
import type { Outcome } from './run-outcome.ts';
import { iterateAndDecide } from './run-step.ts';
import { refuseOwnProject } from './safety-rules.ts';
import type { CommonContext, ResourceType } from './service.ts';
import { hasNothingLeft, type TypeResult } from './type-iteration.ts';

/** The report of one run. */
export interface RunReport {
  readonly counts: Counts;
  readonly conditions: readonly Condition[];
  readonly outcome: Outcome;
  /** By resource type: the result of its last listing in this run. */
  readonly verification: Readonly<Record<string, VerificationStatus>>;
  readonly newlyListed: NewlyListed;
  /** By resource type: the resources that the approved plan does not list. */
  readonly appeared?: Readonly<
    Record<string, { count: number; example: string; isRefused: boolean }>
  >;
  /** The ids that the task has listed so far, including the ids of this run (see `IdFilter`). */
  readonly seenIds: string | undefined;
}

/**
 * Cleans up one service of one project. The run lists, checks the owner of each row, removes, and
 * lists again. An API error is in the outcome and is not thrown. A run may be repeated. Throws
 * `TypeError` if the phase is not `plan` and there is no confirmation of this project. Throws
 * `PropagatorError` for the propagator's own project.
 */
export async function runProjectCleanup(input: ProjectCleanupInput): Promise<RunReport> {
  const { project, api } = input.context;
  refuseOwnProject(project, api.ownProject, input.service.name);
  const context = { ...input.context, awaitedServices: input.awaitedServices };
  return cleanUpTypes(input, input.service.resourceTypes, project, context);
}

/**
 * Cleans up one service of a deleted user, by the same safety rules as {@link runProjectCleanup}.
 */
export async function runUserCleanup(input: UserCleanupInput): Promise<RunReport> {
  const { context, service } = input;
  return cleanUpTypes(input, service.userResourceTypes, context.user, context);
}

async function cleanUpTypes<Context extends CommonContext>(
  input: CleanupInput,
  allTypes: readonly ResourceType<Context>[],
  owner: ProjectId | UserId,
  context: Context,
): Promise<RunReport> {
  assertMayRemove(input, owner);
  const counter = new RunCounter(input.seenIds, input.leftBefore ?? {});
  const typesToVerify = selectTypesToVerify(allTypes, input);
  const run = { input, owner, context, counter, typesToVerify };
  const unskippedTypes = typesToVerify.filter((type) => !isSkipped(type, input));
  const verification: Record<string, VerificationStatus> = {};
  let selectedTypes = unskippedTypes.length > 0 ? unskippedTypes : typesToVerify;
  for (let iteration = 1; ; iteration += 1) {
    const { typeResults, outcome } = await iterateAndDecide(selectedTypes, iteration, run);
    Object.assign(verification, verifiedStatuses(typeResults));
    if (outcome)
      return {
        verification,
        counts: counter.counts,
        newlyListed: counter.newlyListed,
        seenIds: counter.seenIds,
        conditions: aggregateConditions(typeResults.flatMap(({ conditions }) => conditions)),
        outcome,
      };
    // The run ends only after a listing of all types to verify, including the skipped types.
    if (typeResults.every(hasNothingLeft)) selectedTypes = typesToVerify;
  }
}

/**
 * Throws `TypeError` if the run may remove resources and there is no confirmation of this account.
 */
function assertMayRemove(
  { confirmation, phase, service }: CleanupInput,
  owner: ProjectId | UserId,
): void {
  if (phase !== 'plan' && confirmation?.account !== owner)
    throw new TypeError(
      `${service.name}: a run must not remove resources without a confirmation for this account`,
    );
}

/**
 * Returns the status of each listed type. Omits a status from before the deletion, because this run
 * did not verify it.
 */
const verifiedStatuses = (typeResults: readonly TypeResult[]): Record<string, VerificationStatus> =>
  Object.fromEntries(
    typeResults
      .filter(({ isFromBeforeDeletion }) => !isFromBeforeDeletion)
      .map(({ resourceType, status }) => [resourceType, status]),
  );

const isSkipped = <Context>(
  { name }: ResourceType<Context>,
  { skipTypes = [] }: CleanupInput,
): boolean => skipTypes.includes(name);

/**
 * Returns the types that the run must list and verify. A partial run cannot finish the task. It
 * therefore omits the types that are known to be empty, and the types that depend on an awaited
 * service.
 */
function selectTypesToVerify<Context>(
  allTypes: readonly ResourceType<Context>[],
  input: CleanupInput,
): readonly ResourceType<Context>[] {
  const { awaitedServices = [] } = input;
  if (awaitedServices.length === 0) return allTypes;
  return allTypes.filter(
    (type) =>
      !isSkipped(type, input) &&
      awaitedServices.every((service) => type.independentOf?.includes(service)),
  );
}
