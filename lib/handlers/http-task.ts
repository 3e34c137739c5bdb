import type { OutgoingMessage } from '../../events/index.ts';
import type { Condition, ServiceReport, ServiceRequested } from '../../events/service.ts';
import { plainReport, reportEvent } from '../../events/task-report.ts';
import type { Delivery } from '../engine/port.ts';
import type { Operation, Task } from '../operation/model.ts';
import { reportOf } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import { isRunObsolete, readCurrentRun } from './current-run.ts';
import { callPlugin, type HttpPlugin } from './plugin-call.ts';
import type { TaskDeps } from './task-deps.ts';
import { preflightReport } from './task-preflight.ts';

/** The dependencies of {@link runHttpTask}. */
export interface HttpTaskDeps
  extends Pick<TaskDeps, 'engine' | 'cloud' | 'mode' | 'protection' | 'now'> {
  /** After this number of milliseconds without a report, the operator is asked to act. */
  readonly stallTimeoutMillis: number;
}

/**
 * If the plugin has not reported after this time, it is called again. The plugin must treat the
 * second call as a repetition of the first.
 */
const CALL_AGAIN_SECONDS = 60;

/**
 * Calls an HTTP plugin for each requested run: sends the event with POST to the URL of the plugin.
 * An answer with status 200 has a report in its body, and ends the run. Status 202 means that the
 * plugin reports later to `POST /v1/tasks/:id/report`. A failed call leads to a report of the run,
 * and does not throw. Throws when the engine fails.
 */
export async function runHttpTask(
  plugin: HttpPlugin,
  deliveries: readonly Delivery[],
  deps: HttpTaskDeps,
): Promise<void> {
  for (const { message } of deliveries)
    if (message.type === 'service.requested') await callAndCommitMessages(plugin, message, deps);
}

async function callAndCommitMessages(
  plugin: HttpPlugin,
  message: ServiceRequested,
  deps: HttpTaskDeps,
): Promise<void> {
  const currentRun = await readCurrentRun(message, deps.engine.reads);
  if (!currentRun) return;
  const { operation, task } = currentRun;
  if (operation.state === 'canceled' || isRunObsolete(operation)) return;
  const messages = redactDeep(await messagesOfRun(plugin, message, operation, task, deps));
  await deps.engine.commit({ messages });
}

/** Returns the messages that tell the coordinator the result of a run. Does not throw. */
async function messagesOfRun(
  plugin: HttpPlugin,
  message: ServiceRequested,
  operation: Operation,
  task: Task,
  deps: HttpTaskDeps,
): Promise<OutgoingMessage[]> {
  try {
    const { action } = operation;
    if (action !== 'cleanup' && action !== 'plan' && !plugin.actions?.includes(action))
      return [undeclaredActionReport(plugin, message, action)];
    const refusalReport = await preflightReport(message, operation, deps);
    if (refusalReport) return [refusalReport];
    const report = await callPlugin(plugin, message);
    return report
      ? [reportEvent(message.data, plainReport(report))]
      : messagesUntilReport(message, noReportCondition(plugin, task, deps));
  } catch (thrown) {
    return [failureReport(plugin, message, thrown)];
  }
}

/** Returns the report for an action that the settings no longer declare. */
const undeclaredActionReport = (
  { name }: HttpPlugin,
  { data }: ServiceRequested,
  action: PluginAction,
): ServiceReport =>
  reportEvent(data, {
    type: 'service.finished',
    phase: data.phase,
    data: {
      result: 'skipped',
      because: `PROPAGATOR_REMOTE_SERVICES does not declare that ${name} supports ${action}`,
    },
  });

/**
 * Returns two messages for a plugin that reports later. The first message says that the present run
 * continues. The second message, which is delayed, starts a new run. The coordinator accepts only
 * the report of the newest run. Without the delay, it would therefore ignore the plugin's report.
 */
function messagesUntilReport({ data }: ServiceRequested, condition: Condition): OutgoingMessage[] {
  const { operationId, taskId, service, region, phase, run } = data;
  const progressData = {
    operationId,
    taskId,
    service,
    region,
    phase,
    run,
    counts: {},
    conditions: [condition],
  };
  return [
    { type: 'service.progressed', data: { ...progressData, sequence: 1 } },
    {
      type: 'service.progressed',
      data: { ...progressData, sequence: 0, again: { afterSeconds: 0 } },
      delaySeconds: CALL_AGAIN_SECONDS,
    },
  ];
}

/** Returns the report of a failed call. A transient error leads to a retry. */
function failureReport(
  plugin: HttpPlugin,
  { data }: ServiceRequested,
  thrown: unknown,
): ServiceReport {
  const error = reportOf(thrown, {
    code: `${plugin.name}.answer`,
    service: plugin.name,
    region: data.region,
  });
  return error.class === 'Transient'
    ? reportEvent(data, {
        type: 'service.progressed',
        phase: data.phase,
        data: { again: { afterSeconds: 0, error } },
      })
    : reportEvent(data, { type: 'service.failed', phase: data.phase, data: { error } });
}

/** Returns the condition of a task whose plugin answered 202 and has not reported yet. */
function noReportCondition(
  plugin: HttpPlugin,
  task: Task,
  { now, stallTimeoutMillis }: HttpTaskDeps,
) {
  const isOverdue = now() - task.progressAt > stallTimeoutMillis;
  return {
    class: 'InProgress' as const,
    message: `${plugin.name} was called and has not reported yet`,
    actor: isOverdue ? ('operator' as const) : ('none' as const),
    ...(isOverdue
      ? {
          advice:
            `Read the log of ${plugin.name}. The plugin must report to POST ` +
            `/v1/tasks/${encodeURIComponent(task.id)}/report.`,
        }
      : {}),
    count: 1,
  };
}
