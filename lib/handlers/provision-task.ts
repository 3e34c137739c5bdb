import { randomUUID } from 'node:crypto';
import type { Counts, ServiceRequested } from '../../events/service.ts';
import { hasEnded } from '../operation/ended.ts';
import type { Operation } from '../operation/model.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import type { ProjectContext, UserContext } from '../task/context.ts';
import { provisionService } from '../task/provision-run.ts';
import type { RunReport } from '../task/run.ts';
import { refuseOwnProject } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import { UserAssignments } from '../task/user-assignments.ts';
import type { LifecycleTaskDeps } from './lifecycle-task.ts';
import { claimStore, provisionRecords } from './provision-store.ts';
import { currentStopDecision } from './stop-switch.ts';
import type { RecordPlace } from './suspension-store.ts';
import { userPartition } from './user-task.ts';

/**
 * Runs one service of a provision operation. Throws `TypeError` if the profile does not name the
 * service.
 */
export async function runProvision(
  service: Service,
  { phase, region, name }: ServiceRequested['data'],
  operation: Operation,
  context: ProjectContext,
  deps: LifecycleTaskDeps,
  onCounts: (counts: Counts) => void,
): Promise<RunReport> {
  const { project } = context;
  refuseOwnProject(project, context.api.ownProject, service.name);
  const desired = operation.lifecycle?.provision;
  const section = desired?.sections[service.name];
  if (!desired || !service.provision || section === undefined)
    throw new TypeError(`${operation.id}: its profile does not name ${service.name}`);
  const place = { partition: project, service: service.name, region };
  const records = provisionRecords(place, deps.engine);
  return provisionService({
    ...commonInput(place, phase, operation, deps),
    provision: service.provision,
    section,
    contextOf: (shared) => ({ ...context, ...shared, projectName: name, ...records }),
    reconcile: desired.reconcile,
    compareCommand: `propagator project drift ${project}`,
    onCounts,
  });
}

/** Assigns roles and groups to a new user. Throws `TypeError` if the operation names none. */
export async function runUserProvision(
  service: Service,
  { phase, region }: ServiceRequested['data'],
  operation: Operation,
  context: UserContext,
  deps: LifecycleTaskDeps,
  onCounts: (counts: Counts) => void,
): Promise<RunReport> {
  const { lifecycle, id, scope } = operation;
  const section = lifecycle?.provision?.sections[service.name];
  if (!service.userProvision || section === undefined || scope.type !== 'user')
    throw new TypeError(`${id}: it assigns no roles or groups in ${service.name}`);
  const place = { partition: userPartition(context.user), service: service.name, region };
  return provisionService({
    ...commonInput(place, phase, operation, deps),
    provision: service.userProvision,
    section: UserAssignments.parse(section),
    contextOf: (shared) => ({ ...context, ...shared, userDomain: scope.domainId }),
    reconcile: false,
    compareCommand: `propagator operation show ${id}`,
    onCounts,
  });
}

/** Returns the part of the input that provisions of projects and of users share. */
const commonInput = (
  place: RecordPlace,
  phase: ServiceRequested['data']['phase'],
  operation: Operation,
  deps: LifecycleTaskDeps,
) => ({
  service: place.service,
  region: place.region,
  phase: phase === 'plan' ? ('plan' as const) : ('apply' as const),
  claims: claimStore(place, randomUUID(), deps),
  deadline: deps.now() + deps.budgetMillis,
  stopping: deps.stopping,
  mayContinue: () => mayContinue(operation, deps),
  now: deps.now,
});

/**
 * True if all of these conditions are met: the operation is running and has no hold, the stop
 * switch is not set, and no cleanup of the account is open.
 */
async function mayContinue(
  { id, scope }: Operation,
  deps: Pick<LifecycleTaskDeps, 'engine' | 'now'>,
): Promise<boolean> {
  const { reads } = deps.engine;
  const [storedOperation, operations, stopDecision] = await Promise.all([
    reads.operation(id),
    reads.operationsAbout(scope.type, scope.id),
    currentStopDecision(deps),
  ]);
  const isRunning = storedOperation?.state === 'running' && storedOperation.hold === undefined;
  return isRunning && !stopDecision && cleanupsOf(operations).every(hasEnded);
}
