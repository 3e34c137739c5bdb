import type { Counts, ServiceRequested } from '../../events/service.ts';
import type { RunReport } from '../task/run.ts';
import type { Service, ServiceApi, SilenceWatch, UserContext } from '../task/service.ts';
import { cleanUpProject, cleanUpUser } from './cleanup-run.ts';
import { runLifecycle } from './lifecycle-task.ts';
import { runProvision, runUserProvision } from './provision-task.ts';
import { commonContext, type ServiceRun } from './run-context.ts';
import type { TaskDeps, TaskWithOperation } from './task-deps.ts';
import { progressReporter, runKeyOf } from './task-report.ts';
import { runUserLifecycle } from './user-task.ts';

/** Carries out the action of an operation on a project or a user, in one service. */
export async function runService(
  service: Service,
  { data }: ServiceRequested,
  { operation, task }: TaskWithOperation,
  api: ServiceApi,
  deps: TaskDeps,
  watch: SilenceWatch | undefined,
): Promise<RunReport> {
  const run = { service, data, operation, task, deps };
  const context = commonContext(run, api, watch);
  if (data.user)
    return runForUser(run, {
      ...context,
      user: data.user,
      userName: data.name,
      projects: data.projects ?? [],
    });
  if (!data.project) throw new TypeError(`${data.taskId}: neither a project nor a user`);
  const projectContext = { ...context, project: data.project, members: data.members };
  if (operation.action === 'cleanup' || operation.action === 'plan')
    return cleanUpProject(run, projectContext);
  if (operation.action === 'provision')
    return runProvision(service, data, operation, projectContext, deps, countsReporter(run));
  return runLifecycle(service, data, operation, projectContext, deps, countsReporter(run));
}

function runForUser(run: ServiceRun, context: UserContext): Promise<RunReport> {
  const { data, deps, operation, service } = run;
  if (operation.action === 'provision')
    return runUserProvision(service, data, operation, context, deps, countsReporter(run));
  if (operation.action !== 'cleanup')
    return runUserLifecycle(service, data, operation, context, deps.engine);
  return cleanUpUser(run, context);
}

/**
 * Returns a progress reporter for suspend, resume and provision. The reports of these actions do
 * not contain the numbers of newly listed resources.
 */
function countsReporter({ data, deps }: ServiceRun): (counts: Counts) => void {
  const report = progressReporter(runKeyOf(data), deps);
  return (counts) => report(counts, {});
}
