import type { Condition } from '../../events/service.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { inProgressCondition } from './conditions.ts';
import { createMemoize } from './memoize.ts';
import type { AnyProvisionContext, ProvisionItem, ServiceProvision } from './provision.ts';
import { claimKey, claimNextItem, type ItemClaims, mayHaveCreated } from './provision-claims.ts';
import { countsOf, needsChange, type ReportInput, reportOfRun } from './provision-report.ts';
import type { RunReport } from './run.ts';
import type { RunControl } from './run-control.ts';
import { type Outcome, worstError } from './run-outcome.ts';
import { contextWithoutDeletion } from './without-deletion.ts';

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
    RunControl,
    ReportInput {
  readonly region: string;
  now(): number;
  readonly claims: ItemClaims;
}

/**
 * The maximum number of iterations. A network, its subnet, its router and the interface of the
 * router need four.
 */
const MAX_ITERATIONS = 12;

/**
 * Compares a service with the profile, creates missing items, and compares again until a new
 * listing shows all items. A resource or setting with another value is changed if `reconcile` is
 * set, and otherwise reported as drift. API errors are in the outcome and are not thrown.
 */
export async function provisionService<Context extends AnyProvisionContext, Section>(
  input: ProvisionRunInput<Context, Section>,
): Promise<RunReport> {
  let comparedItems: readonly ProvisionItem[] = [];
  for (let iteration = 1; ; iteration += 1) {
    const {
      items,
      outcome,
      conditions = [],
    } = await compareAndCreate(comparedItems, iteration, input);
    if (outcome) return reportOfRun(items, outcome, conditions, input);
    comparedItems = items;
  }
}

/** The items of the newest comparison, and the outcome if the run ends after it. */
interface ProvisionIteration {
  readonly items: readonly ProvisionItem[];
  readonly outcome?: Outcome;
  /** The conditions in addition to those of the items. */
  readonly conditions?: readonly Condition[];
}

/** Compares once, and creates missing items. `earlierItems`: the items of the last comparison. */
async function compareAndCreate<Context extends AnyProvisionContext, Section>(
  earlierItems: readonly ProvisionItem[],
  iteration: number,
  input: ProvisionRunInput<Context, Section>,
): Promise<ProvisionIteration> {
  const comparison = await compareItems(earlierItems, input);
  if (comparison.outcome) return comparison;
  const { items } = comparison;
  input.onCounts?.(countsOf(items, input));
  if (input.phase === 'plan') return { items, outcome: { kind: 'finished' } };
  const leftItems = items.filter((item) => needsChange(item, input));
  if (leftItems.length === 0) {
    await input.claims.clear();
    return { items, outcome: { kind: 'finished' } };
  }
  const creatableItems = leftItems.filter(({ make }) => make);
  if (iteration > MAX_ITERATIONS || !(await mayContinueNow(input)) || creatableItems.length === 0)
    return { items, outcome: runAgainAfter(0) };
  return createItems(items, creatableItems, input);
}

/** Compares the service with the profile. On an error, returns `earlierItems` and the outcome. */
async function compareItems<Context extends AnyProvisionContext, Section>(
  earlierItems: readonly ProvisionItem[],
  input: ProvisionRunInput<Context, Section>,
): Promise<ProvisionIteration> {
  try {
    return { items: await compareWithProfile(input) };
  } catch (thrown) {
    return {
      items: earlierItems,
      outcome: provisionErrorOutcome([errorOf(thrown, 'compare', input)]),
    };
  }
}

async function createItems<Context extends AnyProvisionContext, Section>(
  items: readonly ProvisionItem[],
  creatableItems: readonly ProvisionItem[],
  input: ProvisionRunInput<Context, Section>,
): Promise<ProvisionIteration> {
  const { waitMillis, claimedKey } = await claimNextItem(creatableItems, input.claims);
  // An earlier run may have created the resource before this run claimed it. So compare again.
  const comparison: ProvisionIteration =
    claimedKey === undefined ? { items } : await compareItems(items, input);
  if (comparison.outcome) return comparison;
  const itemByMake = itemsToMake(comparison.items, claimedKey, input);
  const errors = await makeItems(itemByMake, input);
  if (errors.length > 0) return { ...comparison, outcome: provisionErrorOutcome(errors) };
  // Without an outcome, the run compares again.
  const waitsForOtherRun = itemByMake.size === 0 && claimedKey === undefined;
  if (!waitsForOtherRun) return comparison;
  return {
    ...comparison,
    outcome: runAgainAfter(waitMillis / 1000),
    conditions: [
      inProgressCondition(
        'another run may still be creating an item of the profile; the item is compared again ' +
          'later',
      ),
    ],
  };
}

/**
 * Returns the items to create or change now, by their function `make`. If several items have the
 * same function, it is called once, for the last of them. An item that could be created twice is
 * included only if this run has the claim for it.
 */
function itemsToMake(
  items: readonly ProvisionItem[],
  claimedKey: string | undefined,
  input: ItemChangeInput,
): ReadonlyMap<() => Promise<void>, ProvisionItem> {
  const itemByMake = new Map<() => Promise<void>, ProvisionItem>();
  for (const item of items)
    if (
      item.make &&
      needsChange(item, input) &&
      (!item.canDuplicate || claimedKey === claimKey(item))
    )
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

/** The part of the input of a run that the creation and change of items need. */
type ItemChangeInput = Omit<
  ProvisionRunInput<AnyProvisionContext, unknown>,
  'provision' | 'section' | 'contextOf'
>;

const runAgainAfter = (afterSeconds: number): Outcome => ({
  kind: 'again',
  afterSeconds,
  error: undefined,
});

const mayContinueNow = async ({ now, deadline, stopping, mayContinue }: ItemChangeInput) =>
  !stopping?.aborted && now() < deadline && (await mayContinue());

/** Creates the items one after another. An error of one item stops no other item. */
async function makeItems(
  itemByMake: ReadonlyMap<() => Promise<void>, ProvisionItem>,
  input: ItemChangeInput,
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
      if (item.canDuplicate && !mayHaveCreated(thrown)) await input.claims.release(claimKey(item));
    }
  }
  return errors;
}

const errorOf = (
  thrown: unknown,
  step: 'compare' | 'create',
  { region, service }: ItemChangeInput,
): ErrorReport => reportOf(thrown, { code: `${service}.provision.${step}`, service, region });

function provisionErrorOutcome(errors: readonly ErrorReport[]): Outcome {
  const error = worstError(errors);
  if (error && error.class !== 'Transient' && error.class !== 'Gone')
    return { kind: 'failed', error };
  return { kind: 'again', afterSeconds: error?.retryAfterSeconds ?? 0, error };
}
