import type { OperationId } from '../../events/ids.ts';
import type { PlannedTask, Task } from './model.ts';
import { planOrder, type ServiceInCloud } from './order.ts';
import type { CloudSnapshot } from './snapshot.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

/**
 * Saves the order of the tasks in the operation, and requests a count of the resources from every
 * service. These first runs take place during the grace period.
 */
export function planTasks(
  transaction: OperationTransaction,
  { services, uncovered, leftOut }: CloudSnapshot,
  step: StepInput,
): void {
  const order = planOrder(transaction.operation.id, services);
  transaction.operation = { ...transaction.operation, order, uncovered, leftOut };
  for (const plannedTask of order) {
    const service = services.find(({ name }) => name === plannedTask.service);
    const task = newTask(plannedTask, transaction.operation.id, service, step.now);
    transaction.putTask(task);
    if (task.state === 'planning')
      transaction.messages.push(transaction.runRequest(task, step.now));
  }
}

/**
 * Returns the end state of a task whose service is left out, absent or unreachable. Returns
 * `undefined` for a task that must run.
 */
function endStateWithoutRun(
  plannedTask: PlannedTask,
  service: ServiceInCloud | undefined,
): Pick<Task, 'state' | 'because' | 'conditions'> | undefined {
  const uncallableRegistrations = service?.uncallableRegistrations ?? [];
  if (uncallableRegistrations.length > 0) {
    const reasons = new Set(
      uncallableRegistrations.map(({ type, because }) => `${type}: ${because}`),
    );
    return {
      state: 'unreachable',
      because: [...reasons].join('; '),
      conditions: uncallableRegistrations.map(({ because, advice }) => ({
        class: 'Unsupported',
        message: because ?? 'the service cannot be reached',
        actor: 'operator',
        count: 1,
        ...(advice === undefined ? {} : { advice }),
      })),
    };
  }
  if (service?.skippedBecause !== undefined)
    return { state: 'skipped', because: service.skippedBecause, conditions: [] };
  if (service?.regions.includes(plannedTask.region)) return undefined;
  const because = service?.absentBecause ?? `no region of this cloud has ${plannedTask.service}`;
  return { state: 'skipped', because, conditions: [] };
}

/** Returns the new task for an entry of the order. */
function newTask(
  plannedTask: PlannedTask,
  operationId: OperationId,
  service: ServiceInCloud | undefined,
  now: number,
): Task {
  const endState = endStateWithoutRun(plannedTask, service);
  return {
    id: plannedTask.id,
    operationId,
    service: plannedTask.service,
    region: plannedTask.region,
    phase: 'plan',
    preDelete: plannedTask.preDelete && !endState ? 'due' : 'no',
    verifications: {},
    validFromRun: 0,
    overtook: [],
    run: 1,
    sequence: 0,
    counts: {},
    baseline: {},
    error: undefined,
    attempts: 0,
    progressAt: now,
    runProgressed: false,
    totalRetryAfterMillis: 0,
    mostRemoved: {},
    distinctIdCounts: {},
    seenIds: undefined,
    nextAt: endState ? undefined : now,
    startedAt: undefined,
    endedAt: endState ? now : undefined,
    version: 0,
    ...(endState ?? { state: 'planning', because: undefined, conditions: [] }),
  };
}
