import type { TaskDependency } from '../../events/dependency.ts';
import type { ResourceTypeName } from '../../events/ids.ts';
import type { Task } from './model.ts';
import {
  areAwaitedTypesCountedEmpty,
  isTypeCountedEmpty,
  mayHoldKeepResources,
  mayOvertake,
  type OvertakingInput,
} from './overtaking.ts';
import type { OperationTransaction } from './transaction.ts';

/**
 * Returns the task with a partial run, or `undefined` if no partial run may begin now. A partial
 * run removes only the types that are independent of the services that the task still waits for.
 * All of these conditions must be met:
 *
 * - The task has had no run, apart from the count of phase `plan` and from earlier partial runs.
 * - The time `nextPartialRunAt`, which the last partial run has set, has come.
 * - Each open dependency leaves some types of the task independent, may be overtaken, or awaits
 *   only types that were counted empty.
 * - At least one of the independent types is not verified empty.
 * - Each dependency that leaves types independent is removing all its resources. If Nova keeps a
 *   server because of a hold, the server still needs its router and floating IPs. Neutron then has
 *   no partial run. A stored hold counts even before a task reports the hold.
 */
export function withPartialRun(
  transaction: OperationTransaction,
  task: Task,
  openDependencies: readonly TaskDependency[],
  input: OvertakingInput,
): Task | undefined {
  if (!mayStillRunPartially(task, input.now)) return undefined;
  const independentDependencies = openDependencies.filter(hasIndependentTypes);
  if (independentDependencies.length === 0) return undefined;
  const otherDependencies = openDependencies.filter((one) => !hasIndependentTypes(one));
  const mayIgnore = (dependency: TaskDependency): boolean =>
    mayOvertake(transaction, dependency, input) ||
    areAwaitedTypesCountedEmpty(transaction, dependency);
  if (!otherDependencies.every(mayIgnore)) return undefined;
  const isRemovingAll = independentDependencies.every(
    ({ task: id }) =>
      isRemoving(transaction.task(id)) &&
      !mayHoldKeepResources(transaction, id, input.heldTypes, () => true),
  );
  if (!isRemovingAll || mayHoldApply(transaction, input.heldTypes)) return undefined;
  const independentTypes = typesIndependentOfAll(independentDependencies);
  if (independentTypes.every((type) => isVerifiedEmptyInAnyPhase(task, type))) return undefined;
  const awaitedServices = independentDependencies.flatMap(
    (one) => transaction.task(one.task)?.service ?? [],
  );
  return {
    ...task,
    partialRun: {
      ...task.partialRun,
      state: 'running',
      awaitedServices: [...new Set(awaitedServices)],
    },
  };
}

/**
 * True if a stored hold may keep a resource of the operation's account. A hold on a resource of one
 * service may also keep a resource of another: a hold on a volume keeps the server with which Nova
 * would delete the volume.
 */
const mayHoldApply = (
  transaction: OperationTransaction,
  heldTypes: OvertakingInput['heldTypes'],
): boolean =>
  transaction.tasks.some((task) =>
    heldTypes.some(
      (type) =>
        task.verifications[type] !== undefined && !isTypeCountedEmpty(transaction, task, type),
    ),
  );

/** True if the task has had no full run, and the time of its next partial run has come. */
function mayStillRunPartially({ partialRun, run, startedAt }: Task, now: number): boolean {
  if (!partialRun) return startedAt === undefined;
  const { nextPartialRunAt, nextRun, state } = partialRun;
  const isDue = nextPartialRunAt !== undefined && now >= nextPartialRunAt;
  return state === 'done' && run === nextRun && isDue;
}

type DependencyWithIndependentTypes = Extract<TaskDependency, { until: 'done' }> & {
  readonly independentTypes: readonly ResourceTypeName[];
};

const hasIndependentTypes = (one: TaskDependency): one is DependencyWithIndependentTypes =>
  one.until === 'done' && one.independentTypes !== undefined;

/** Returns the types that all these dependencies leave independent. */
const typesIndependentOfAll = ([
  first,
  ...otherDependencies
]: readonly DependencyWithIndependentTypes[]): ResourceTypeName[] =>
  (first?.independentTypes ?? []).filter((type) =>
    otherDependencies.every(({ independentTypes }) => independentTypes.includes(type)),
  );

const isVerifiedEmptyInAnyPhase = ({ verifications }: Task, type: ResourceTypeName): boolean =>
  verifications[type]?.status === 'empty' && !verifications[type].stale;

/**
 * True if the task has reported deletions in progress, and none of its resources needs a person.
 */
const isRemoving = (task: Task | undefined): boolean =>
  task?.state === 'requested' &&
  task.phase === 'apply' &&
  task.error === undefined &&
  task.conditions.some(({ class: kind }) => kind === 'InProgress') &&
  !task.conditions.some(({ actor, class: kind }) => actor !== 'none' && kind !== 'Unsupported');
