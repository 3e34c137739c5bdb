import { randomUUID } from 'node:crypto';
import type { Counts, ServiceRequested } from '../../events/service.ts';
import { cleanupsOf } from '../operation/lifecycle.ts';
import type { Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import type { ProjectContext } from '../task/context.ts';
import { type ProvisionRunInput, provisionRun } from '../task/provision-run.ts';
import type { RunReport } from '../task/run.ts';
import { refuseOwnProject } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import type { LifecycleTaskDeps } from './lifecycle-task.ts';
import { claimStore, provisionRecords } from './provision-store.ts';
import { currentStop } from './stop-switch.ts';

/**
 * Runs one service of a provision operation. Throws `TypeError` if the profile does not name it.
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
  const wish = operation.lifecycle?.provision;
  const section = wish?.sections[service.name];
  if (!wish || !service.provision || section === undefined)
    throw new TypeError(`${operation.id}: its profile says nothing about ${service.name}`);
  const place = { project, service: service.name, region };
  const input: ProvisionRunInput = {
    service: service.name,
    provision: service.provision,
    wish: section,
    context: { ...context, projectName: name, ...provisionRecords(place, deps.engine) },
    phase: phase === 'plan' ? 'plan' : 'apply',
    reconcile: wish.reconcile,
    claims: claimStore(place, randomUUID(), deps),
    deadline: deps.now() + deps.budgetMillis,
    stopping: deps.stopping,
    mayContinue: () => mayContinue(operation, deps),
    onCounts,
  };
  return provisionRun(input);
}

/** False once the operation is paused or has ended, or the project is being cleaned up. */
async function mayContinue(
  { id, scope }: Operation,
  deps: Pick<LifecycleTaskDeps, 'engine' | 'now'>,
): Promise<boolean> {
  const { reads } = deps.engine;
  const [now, about, stop] = await Promise.all([
    reads.operation(id),
    reads.operationsAbout(scope.type, scope.id),
    currentStop(deps),
  ]);
  const isRunning = now?.state === 'running' && now.hold === undefined;
  return isRunning && !stop && cleanupsOf(about).every(hasEnded);
}
