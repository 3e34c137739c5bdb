import { ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { type ErrorReport, PropagatorError, reportOf } from '../shared/errors.ts';
import { aggregateConditions } from './conditions.ts';
import { inProgress } from './lifecycle-run.ts';
import { createMemoize } from './memoize.ts';
import type { AnyProvisionContext, ProvisionItem, ServiceProvision } from './provision.ts';
import type { RunReport } from './run.ts';
import type { RunControl } from './run-control.ts';
import { type Outcome, worstError } from './run-outcome.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/**
 * Prevents two runs from creating the same resource, even if one of them was killed. Claims are
 * stored by project, service and region.
 */
export interface ItemClaims {
  /**
   * Claims the creation of a resource for this run. Returns 0 on success. If another run has the
   * claim, returns the milliseconds until the last call of that run has certainly ended.
   */
  claim(key: string): Promise<number>;
  /** Releases a claim of this run, because the service has refused the creation. */
  release(key: string): Promise<void>;
  /** Removes all claims of the project, service and region. Called when every resource exists. */
  clear(): Promise<void>;
}

/** The input of a comparison. */
export interface CompareInput<Context extends AnyProvisionContext, Section> {
  readonly provision: ServiceProvision<Context, Section>;
  /** The section of the profile, or the roles and groups that a rule assigns to a new user. */
  readonly section: Section;
  /** Returns the context of one comparison, with these fields. */
  contextOf(fields: Pick<Context, 'mayCreate' | 'memoize'>): Context;
  /** `plan`: the run only compares. */
  readonly phase: 'plan' | 'apply';
}

/** The input of a run that provisions one service of one project or user. */
export interface ProvisionRunInput<Context extends AnyProvisionContext, Section>
  extends CompareInput<Context, Section>,
    RunControl {
  readonly region: string;
  /** The command of the operator that compares the service with the profile again. */
  readonly compareCommand: string;
  now(): number;
  /**
   * True if the run changes existing resources and settings that differ from the profile. Otherwise
   * it only creates missing ones.
   */
  readonly reconcile: boolean;
  readonly claims: ItemClaims;
}

/**
 * The maximum number of iterations. A network, its subnet, its router and the interface of the
 * router need four.
 */
const MAX_ITERATIONS = 12;

/**
 * Compares a service with the profile, creates missing items, and compares again until a new
 * listing shows all items. A resource or setting with another value is reported as drift. It is
 * changed only if `reconcile` is set. API errors are in the outcome and are not thrown.
 */
export async function provisionRun<Context extends AnyProvisionContext, Section>(
  input: ProvisionRunInput<Context, Section>,
): Promise<RunReport> {
  let items: readonly ProvisionItem[] = [];
  const report = (outcome: Outcome, conditions: readonly Condition[] = []): RunReport =>
    reportOfRun(items, outcome, conditions, input);
  /** Updates the items. Returns the outcome of the run if the comparison failed. */
  const compare = async (): Promise<Outcome | undefined> => {
    try {
      items = await compareWithProfile(input);
      return undefined;
    } catch (thrown) {
      return outcomeOf([errorOf(thrown, 'compare', input)]);
    }
  };
  for (let iteration = 1; ; iteration += 1) {
    const failure = await compare();
    if (failure) return report(failure);
    input.onCounts?.(countsOf(items, input));
    if (input.phase === 'plan') return report({ kind: 'finished' });
    const leftItems = items.filter((item) => isLeft(item, input));
    if (leftItems.length === 0) {
      await input.claims.clear();
      return report({ kind: 'finished' });
    }
    const creatableItems = leftItems.filter(({ make }) => make);
    if (iteration > MAX_ITERATIONS || !(await mayContinueNow(input)) || creatableItems.length === 0)
      return report(runAgainAfter(0));
    const { waitMillis, claimedKey } = await claimNext(creatableItems, input);
    // An earlier run may have created the resource before this run claimed it. So compare again.
    const lateFailure = claimedKey === undefined ? undefined : await compare();
    if (lateFailure) return report(lateFailure);
    const itemByMake = itemsToMake(items, claimedKey, input);
    const errors = await makeAll(itemByMake, input);
    if (errors.length > 0) return report(outcomeOf(errors));
    if (itemByMake.size === 0 && claimedKey === undefined)
      return report(runAgainAfter(waitMillis / 1000), [
        inProgress('another run may still be creating it; it is listed again later'),
      ]);
  }
}

function reportOfRun(
  items: readonly ProvisionItem[],
  outcome: Outcome,
  conditions: readonly Condition[],
  input: StepInput,
): RunReport {
  return {
    counts: countsOf(items, input),
    conditions: aggregateConditions([
      ...items.flatMap((item) => conditionsOf(item, input)),
      ...conditions,
    ]),
    outcome,
    verification: {},
    newlyListed: {},
    seenIds: undefined,
  };
}

/**
 * Returns the items to create or change now, by their function `make`. An item that could be
 * created twice is included only if this run has the claim for it.
 */
function itemsToMake(
  items: readonly ProvisionItem[],
  claimedKey: string | undefined,
  input: StepInput,
): ReadonlyMap<() => Promise<void>, ProvisionItem> {
  const itemByMake = new Map<() => Promise<void>, ProvisionItem>();
  for (const item of items)
    if (item.make && isLeft(item, input) && (!item.canDuplicate || claimedKey === keyOf(item)))
      itemByMake.set(item.make, item);
  return itemByMake;
}

/** Compares one service with the section of a profile. */
export const compareWithProfile = <Context extends AnyProvisionContext, Section>({
  contextOf,
  phase,
  provision,
  section,
}: CompareInput<Context, Section>): Promise<readonly ProvisionItem[]> =>
  provision.compare(
    section,
    contextWithoutDeletion(contextOf({ mayCreate: phase === 'apply', memoize: createMemoize() })),
  );

/** The part of the input of a run that its steps use. */
type StepInput = Omit<
  ProvisionRunInput<AnyProvisionContext, unknown>,
  'provision' | 'section' | 'contextOf'
>;

const runAgainAfter = (afterSeconds: number): Outcome => ({
  kind: 'again',
  afterSeconds,
  error: undefined,
});

const keyOf = ({ type, name }: ProvisionItem): string => `${type}/${name}`;

/**
 * True if the item must still be created or changed. Drift counts only if the rule sets
 * `reconcile`.
 */
const isLeft = ({ state }: ProvisionItem, { reconcile }: StepInput): boolean =>
  state === 'differs' ? reconcile : state !== 'as-wanted';

const mayContinueNow = async ({ now, deadline, stopping, mayContinue }: StepInput) =>
  !stopping?.aborted && now() < deadline && (await mayContinue());

/**
 * Claims the next creation right before its call. If the run is killed, at most one claim without a
 * resource therefore remains.
 */
async function claimNext(
  items: readonly ProvisionItem[],
  { claims }: StepInput,
): Promise<{ waitMillis: number; claimedKey: string | undefined }> {
  let longestWaitSeconds = 0;
  for (const item of items) {
    if (!item.canDuplicate) continue;
    const waitMillis = await claims.claim(keyOf(item));
    if (waitMillis === 0) return { waitMillis: 0, claimedKey: keyOf(item) };
    longestWaitSeconds = Math.max(longestWaitSeconds, waitMillis);
  }
  return { waitMillis: longestWaitSeconds, claimedKey: undefined };
}

/** After the end of a run, its last call may still have an effect for at most this time. */
export const CLAIM_MILLIS = 120_000;

/** Creates the items one after another. An error of one item stops no other item. */
async function makeAll(
  itemByMake: ReadonlyMap<() => Promise<void>, ProvisionItem>,
  input: StepInput,
): Promise<ErrorReport[]> {
  const errors: ErrorReport[] = [];
  for (const [make, item] of itemByMake) {
    if (!(await mayContinueNow(input))) break;
    try {
      await make();
    } catch (thrown) {
      const error = errorOf(thrown, 'create', input);
      errors.push(error);
      // While it is unclear whether the resource was created, the claim stays. The next run then
      // waits until the call has certainly ended.
      if (item.canDuplicate && !mayHaveCreated(thrown)) await input.claims.release(keyOf(item));
    }
  }
  return errors;
}

/** True if the service may have created the resource in spite of this error. */
const mayHaveCreated = (thrown: unknown): boolean =>
  !(thrown instanceof PropagatorError) ||
  thrown.report.status === undefined ||
  thrown.report.status >= 500;

const errorOf = (
  thrown: unknown,
  step: 'compare' | 'create',
  { region, service }: StepInput,
): ErrorReport => reportOf(thrown, { code: `${service}.provision.${step}`, service, region });

function outcomeOf(errors: readonly ErrorReport[]): Outcome {
  const error = worstError(errors);
  if (error && error.class !== 'Transient' && error.class !== 'Gone')
    return { kind: 'failed', error };
  return { kind: 'again', afterSeconds: error?.retryAfterSeconds ?? 0, error };
}

const typeOf = ({ type }: ProvisionItem, { service }: Pick<StepInput, 'service'>) =>
  ResourceTypeName.parse(`${service}.${type}`);

/**
 * Returns the counts of a run. `listed`: the number of items in the profile. `gone`: items that are
 * as wanted. `leftItems`: items that are still missing.
 */
function countsOf(items: readonly ProvisionItem[], input: StepInput): Counts {
  const counts: Counts = {};
  for (const item of items) {
    const type = typeOf(item, input);
    const before = counts[type] ?? { listed: 0, gone: 0, left: 0 };
    const left = isLeft(item, input) ? 1 : 0;
    counts[type] = {
      listed: before.listed + 1,
      gone: before.gone + 1 - left,
      left: before.left + left,
    };
  }
  return counts;
}

function conditionsOf(item: ProvisionItem, input: StepInput): Condition[] {
  const resourceType = typeOf(item, input);
  const fields = { resourceType, count: 1, example: item.name } as const;
  const { advice, message = `${item.name} is not there yet`, found = 'another value' } = item;
  if (item.state === 'waiting') return [{ ...fields, class: 'InProgress', message, actor: 'none' }];
  if (item.state === 'blocked')
    return [
      { ...fields, class: 'Blocked', message, actor: 'operator', ...(advice ? { advice } : {}) },
    ];
  if (item.state !== 'differs' || input.reconcile) return [];
  return [
    {
      ...fields,
      class: 'Unsupported',
      message: `drift: ${item.name} is ${found}, and the profile says ${item.wanted}; not changed`,
      actor: 'operator',
      advice:
        'Change it yourself, or set reconcile: true. ' +
        `To compare again: ${input.compareCommand}`,
    },
  ];
}
