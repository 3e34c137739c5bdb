import type { Appeared, Operation } from './model.ts';

/**
 * The limit on the resources that a cleanup may remove although they appeared after its plan was
 * made: an absolute number, and a percentage of the planned resources. The larger of the two
 * applies.
 */
export interface DriftLimit {
  readonly resources: number;
  readonly percent: number;
}

/**
 * The highest possible limit. It bounds the size of one stored document, which records the ids of
 * all resources that are removed although the plan does not list them.
 */
const MAX_DRIFT = 1000;

/**
 * Returns how many resources may be removed although a plan with `plannedCount` resources does not
 * list them.
 */
export const allowedDrift = ({ resources, percent }: DriftLimit, plannedCount: number): number =>
  Math.min(MAX_DRIFT, Math.max(resources, Math.floor((plannedCount * percent) / 100)));

/** Returns why the operation exceeds the drift that its approved plan allows, or `undefined`. */
export function excessDriftReason(
  { plan }: Pick<Operation, 'plan'>,
  tasks: readonly { readonly appeared?: Appeared | undefined }[],
): string | undefined {
  if (!plan || plan.driftAccepted) return undefined;
  const appearedTypes = tasks.flatMap((task) => Object.entries(task.appeared ?? {}));
  const appearedCount = appearedTypes.reduce((all, [, { count }]) => all + count, 0);
  if (appearedCount <= plan.allowedDrift && !appearedTypes.some(([, { isRefused }]) => isRefused))
    return undefined;
  const appearedTexts = appearedTypes
    .filter(([, { count }]) => count > 0)
    .map(([type, { count, example }]) => `${type}: ${count} (for example ${example})`);
  return (
    `more resources appeared after the plan ${plan.of} than the ${plan.allowedDrift} ` +
    `that may be removed without another approval: ${appearedTexts.join('; ')}`
  );
}
