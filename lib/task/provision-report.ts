import { ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts } from '../../events/service.ts';
import { aggregateConditions } from './conditions.ts';
import type { ProvisionItem } from './provision.ts';
import type { RunReport } from './run.ts';
import type { Outcome } from './run-outcome.ts';

/** The part of the input of a run that its report needs. */
export interface ReportInput {
  readonly service: string;
  /** The command with which an operator compares the service with the profile again. */
  readonly compareCommand: string;
  /**
   * True if the run changes existing resources and settings that differ from the profile. Otherwise
   * the run only creates what is missing.
   */
  readonly reconcile: boolean;
}

/** Returns the report of a run with this outcome. `conditions`: added to those of the items. */
export function reportOfRun(
  items: readonly ProvisionItem[],
  outcome: Outcome,
  conditions: readonly Condition[],
  input: ReportInput,
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
 * True if the item must still be created or changed. An item that differs from the profile is
 * changed only if `reconcile` is set.
 */
export const needsChange = ({ state }: ProvisionItem, { reconcile }: ReportInput): boolean =>
  state === 'differs' ? reconcile : state !== 'as-wanted';

const resourceTypeOf = ({ type }: ProvisionItem, { service }: Pick<ReportInput, 'service'>) =>
  ResourceTypeName.parse(`${service}.${type}`);

/**
 * Returns the counts of a run. `listed`: the number of items in the profile. `gone`: the items that
 * need no change. `left`: the items that must still be created or changed.
 */
export function countsOf(items: readonly ProvisionItem[], input: ReportInput): Counts {
  const counts: Counts = {};
  for (const item of items) {
    const type = resourceTypeOf(item, input);
    const countBefore = counts[type] ?? { listed: 0, gone: 0, left: 0 };
    const left = needsChange(item, input) ? 1 : 0;
    counts[type] = {
      listed: countBefore.listed + 1,
      gone: countBefore.gone + 1 - left,
      left: countBefore.left + left,
    };
  }
  return counts;
}

function conditionsOf(item: ProvisionItem, input: ReportInput): Condition[] {
  const resourceType = resourceTypeOf(item, input);
  const conditionFields = { resourceType, count: 1, example: item.name } as const;
  const { advice, message = `${item.name} is not there yet`, found = 'another value' } = item;
  if (item.state === 'waiting')
    return [{ ...conditionFields, class: 'InProgress', message, actor: 'none' }];
  if (item.state === 'blocked')
    return [
      {
        ...conditionFields,
        class: 'Blocked',
        message,
        actor: 'operator',
        ...(advice ? { advice } : {}),
      },
    ];
  if (item.state !== 'differs' || input.reconcile) return [];
  return [
    {
      ...conditionFields,
      class: 'Unsupported',
      message: `drift: ${item.name} is ${found}, and the profile says ${item.wanted}; not changed`,
      actor: 'operator',
      advice:
        'Change it yourself, or set reconcile: true. ' +
        `To compare again: ${input.compareCommand}`,
    },
  ];
}
