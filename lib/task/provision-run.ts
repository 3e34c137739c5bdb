import { ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { type ErrorReport, PropagatorError, reportOf } from '../shared/errors.ts';
import { aggregate } from './conditions.ts';
import { inProgress, worstError } from './lifecycle-run.ts';
import type { AnyProvisionContext, ProvisionItem, ServiceProvision } from './provision.ts';
import { freshMemoize, type RunReport } from './run.ts';
import type { RunControl } from './run-control.ts';
import type { Outcome } from './run-outcome.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

/**
 * Prevents two runs from creating the same resource, even if one of them was killed. Claims are
 * stored by project, service and region.
 */
export interface Claims {
  /**
   * Claims the creation of a resource for this run. Returns 0 on success. If another run has the
   * claim, returns the milliseconds until the last call of that run has certainly ended.
   */
  claim(key: string): Promise<number>;
  /** Releases a claim of this run, because the service has refused the creation. */
  release(key: string): Promise<void>;
  /** Removes all claims, because every resource exists. */
  clear(): Promise<void>;
}

/** The input of a comparison. */
export interface CompareInput<At extends AnyProvisionContext, Section> {
  readonly provision: ServiceProvision<At, Section>;
  /** The section of the profile, or the roles and groups that a rule assigns to a new user. */
  readonly section: Section;
  /** Returns the context of one comparison, with the fields in `shared`. */
  contextOf(shared: Pick<At, 'mayCreate' | 'memoize'>): At;
  /** `plan`: only compare. */
  readonly phase: 'plan' | 'apply';
}

/** The input of a run that provisions one service of one project or user. */
export interface ProvisionRunInput<At extends AnyProvisionContext, Section>
  extends CompareInput<At, Section>,
    RunControl {
  readonly region: string;
  /** The command that compares again. */
  readonly compareCommand: string;
  now(): number;
  /**
   * True if existing resources and settings that differ from the profile are changed. Otherwise
   * only missing ones are created.
   */
  readonly reconcile: boolean;
  readonly claims: Claims;
}

/**
 * The maximum number of iterations. A network, its subnet, its router and the interface need four.
 */
const MAX_ITERATIONS = 12;

/**
 * Compares a service with the profile, creates missing items, and compares again until a new
 * listing shows all items. A resource or setting with another value is reported as drift. It is
 * changed only if `reconcile` is set. API errors are in the outcome and are not thrown.
 */
export async function provisionRun<At extends AnyProvisionContext, Section>(
  input: ProvisionRunInput<At, Section>,
): Promise<RunReport> {
  let items: readonly ProvisionItem[] = [];
  const report = (outcome: Outcome, more: readonly Condition[] = []): RunReport => ({
    counts: countsOf(items, input),
    conditions: aggregate([...items.flatMap((item) => conditionsOf(item, input)), ...more]),
    outcome,
    verification: {},
    fresh: {},
    seenIds: undefined,
  });
  for (let iteration = 1; ; iteration += 1) {
    try {
      items = await compareNow(input);
    } catch (thrown) {
      return report(outcomeOf([errorOf(thrown, 'compare', input)]));
    }
    input.onCounts?.(countsOf(items, input));
    if (input.phase === 'plan') return report({ kind: 'finished' });
    const left = items.filter((item) => isLeft(item, input));
    if (left.length === 0) {
      await input.claims.clear();
      return report({ kind: 'finished' });
    }
    if (iteration > MAX_ITERATIONS || !(await mayContinueNow(input))) return report(again(0));
    const itemsToMake = left.filter(({ make }) => make);
    if (itemsToMake.length === 0) return report(again(0));
    const { waitMillis, claimedKey } = await claimNext(itemsToMake, input);
    try {
      // Compare again after the claim, because an earlier run may have created the resource before
      // this run claimed it.
      if (claimedKey !== undefined) items = await compareNow(input);
    } catch (thrown) {
      return report(outcomeOf([errorOf(thrown, 'compare', input)]));
    }
    const makes = new Map<() => Promise<void>, ProvisionItem>();
    for (const item of items)
      if (item.make && isLeft(item, input) && (!item.canDouble || claimedKey === keyOf(item)))
        makes.set(item.make, item);
    const errors = await makeAll(makes, input);
    if (errors.length > 0) return report(outcomeOf(errors));
    if (makes.size === 0 && claimedKey === undefined)
      return report(again(waitMillis / 1000), [
        inProgress(input.service, 'another run may still be creating it; it is listed again later'),
      ]);
  }
}

/** Compares one service with the section of a profile. */
export const compareNow = <At extends AnyProvisionContext, Section>({
  contextOf,
  phase,
  provision,
  section,
}: CompareInput<At, Section>): Promise<readonly ProvisionItem[]> =>
  provision.compare(
    section,
    contextWithoutDeletion(contextOf({ mayCreate: phase === 'apply', memoize: freshMemoize() })),
  );

/** The input of the steps of a run, without the context. */
type Steps = Omit<
  ProvisionRunInput<AnyProvisionContext, unknown>,
  'provision' | 'section' | 'contextOf'
>;

const again = (afterSeconds: number): Outcome => ({
  kind: 'again',
  afterSeconds,
  error: undefined,
});

const keyOf = ({ type, name }: ProvisionItem): string => `${type}/${name}`;

/**
 * True if the item must still be created or changed. Drift counts only if the rule sets
 * `reconcile`.
 */
const isLeft = ({ state }: ProvisionItem, { reconcile }: Steps): boolean =>
  state === 'differs' ? reconcile : state !== 'as-wanted';

const mayContinueNow = async ({ now, deadline, stopping, mayContinue }: Steps) =>
  !stopping?.aborted && now() < deadline && (await mayContinue());

/**
 * Claims the next creation right before its call. If the run is killed, at most one claim without a
 * resource therefore remains.
 */
async function claimNext(
  items: readonly ProvisionItem[],
  { claims }: Steps,
): Promise<{ waitMillis: number; claimedKey: string | undefined }> {
  let longest = 0;
  for (const item of items) {
    if (!item.canDouble) continue;
    const waitMillis = await claims.claim(keyOf(item));
    if (waitMillis === 0) return { waitMillis: 0, claimedKey: keyOf(item) };
    longest = Math.max(longest, waitMillis);
  }
  return { waitMillis: longest, claimedKey: undefined };
}

/** After the end of a run, its last call may still have an effect for at most this time. */
export const CLAIM_MILLIS = 120_000;

/** Creates the items one after another. An error of one item stops no other item. */
async function makeAll(
  makes: ReadonlyMap<() => Promise<void>, ProvisionItem>,
  input: Steps,
): Promise<ErrorReport[]> {
  const errors: ErrorReport[] = [];
  for (const [make, item] of makes) {
    if (!(await mayContinueNow(input))) break;
    try {
      await make();
    } catch (thrown) {
      const error = errorOf(thrown, 'create', input);
      errors.push(error);
      // If it is unclear whether the resource was created, the claim stays. The next run then waits
      // until the call has ended.
      if (item.canDouble && !isUnclear(thrown)) await input.claims.release(keyOf(item));
    }
  }
  return errors;
}

/** True if the service may have created the resource in spite of this error. */
const isUnclear = (thrown: unknown): boolean =>
  !(thrown instanceof PropagatorError) ||
  thrown.report.status === undefined ||
  thrown.report.status >= 500;

const errorOf = (thrown: unknown, what: string, { region, service }: Steps) =>
  reportOf(thrown, { code: `${service}.provision.${what}`, service, region });

function outcomeOf(errors: readonly ErrorReport[]): Outcome {
  const error = worstError(errors);
  if (error && error.class !== 'Transient' && error.class !== 'Gone')
    return { kind: 'failed', error };
  return { kind: 'again', afterSeconds: error?.retryAfterSeconds ?? 0, error };
}

const typeOf = ({ type }: ProvisionItem, { service }: Pick<Steps, 'service'>) =>
  ResourceTypeName.parse(`${service}.${type}`);

/**
 * Returns the counts of a run. `listed`: the number of items in the profile. `gone`: items that are
 * as wanted. `left`: items that are still missing.
 */
function countsOf(items: readonly ProvisionItem[], input: Steps): Counts {
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

function conditionsOf(item: ProvisionItem, input: Steps): Condition[] {
  const resourceType = typeOf(item, input);
  const of = { resourceType, count: 1, example: item.name } as const;
  const { advice, message = `${item.name} is not there yet`, found = 'another value' } = item;
  if (item.state === 'waiting') return [{ ...of, class: 'InProgress', message, actor: 'none' }];
  if (item.state === 'blocked')
    return [{ ...of, class: 'Blocked', message, actor: 'operator', ...(advice ? { advice } : {}) }];
  if (item.state !== 'differs' || input.reconcile) return [];
  return [
    {
      ...of,
      class: 'Unsupported',
      message: `drift: ${item.name} is ${found}, and the profile says ${item.wanted}; not changed`,
      actor: 'operator',
      advice:
        'Change it yourself, or set reconcile: true. ' +
        `To compare again: ${input.compareCommand}`,
    },
  ];
}
