import type { Outgoing } from '../../events/index.ts';
import type { Condition, ServiceReport, ServiceRequested } from '../../events/service.ts';
import {
  plainReport,
  reportMessage,
  TaskReport,
  whyContradictory,
  whyTooLarge,
} from '../../events/task-report.ts';
import type { Delivery } from '../engine/port.ts';
import type { Operation, Task } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { ServiceDeps } from './task-deps.ts';
import { preflightReport } from './task-preflight.ts';

/** A service that the operator adds and that is called over HTTP. */
export interface HttpPlugin {
  readonly name: string;
  readonly url: string;
  /**
   * The actions that the plugin supports in addition to the cleanup. The propagator does not call
   * the plugin for other actions.
   */
  readonly actions?: readonly PluginAction[];
}

/** The dependencies of {@link runHttpTask}. */
export interface RemoteDeps
  extends Pick<ServiceDeps, 'engine' | 'cloud' | 'mode' | 'protection' | 'now'> {
  /** After this number of milliseconds without a report, the operator is asked to act. */
  readonly stallTimeoutMillis: number;
}

const ANSWER_MILLIS = 20_000;
/** The size limit of an answer. The largest allowed report is smaller. */
const MAX_ANSWER_BYTES = 256 * 1024;
/**
 * If the plugin has not reported after this time, it is called again. The plugin must treat the
 * second call as a repetition of the first.
 */
const ASK_AGAIN_SECONDS = 60;

/**
 * Passes a run to an HTTP plugin: sends the event with POST to the URL of the plugin. Status 200
 * with a report in the body ends the run. Status 202 means that the plugin reports later to `POST
 * /v1/tasks/:id/report`. A failed call leads to a report, and does not throw. Throws when the
 * engine fails.
 */
export async function runHttpTask(
  remote: HttpPlugin,
  deliveries: readonly Delivery[],
  deps: RemoteDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    if (message.type !== 'service.requested') continue;
    const { reads } = deps.engine;
    const [operation, task] = await Promise.all([
      reads.operation(message.data.operationId),
      reads.task(message.data.taskId),
    ]);
    if (!operation || !task || task.run !== message.data.run || task.endedAt !== undefined)
      continue;
    if (operation.state === 'canceled') continue;
    // A later operation has superseded this one.
    if (operation.action !== 'cleanup' && hasEnded(operation)) continue;
    const messages = redactDeep(await reportTo(remote, message, operation, task, deps));
    await deps.engine.commit({ messages });
  }
}

async function reportTo(
  remote: HttpPlugin,
  message: ServiceRequested,
  operation: Operation,
  task: Task,
  deps: RemoteDeps,
): Promise<Outgoing[]> {
  try {
    const { action } = operation;
    if (action !== 'cleanup' && action !== 'plan' && !remote.actions?.includes(action))
      return [undeclaredActionReport(remote, message, action)];
    const refusalReport = await preflightReport(message, operation, deps);
    return refusalReport ? [refusalReport] : await callPlugin(remote, message, task, deps);
  } catch (thrown) {
    return [failureReport(remote, message, thrown)];
  }
}

/** Returns the report for an action that the settings no longer declare. */
const undeclaredActionReport = (
  { name }: HttpPlugin,
  { data }: ServiceRequested,
  action: PluginAction,
): ServiceReport =>
  reportMessage(data, {
    type: 'service.finished',
    phase: data.phase,
    data: {
      result: 'skipped',
      because: `PROPAGATOR_REMOTE_SERVICES does not declare that ${name} supports ${action}`,
    },
  });

async function callPlugin(
  remote: HttpPlugin,
  message: ServiceRequested,
  task: Task,
  deps: RemoteDeps,
): Promise<Outgoing[]> {
  const answer = await post(remote, message);
  const { phase } = message.data;
  if (answer.status === 202) return reportsLater(message, noReportCondition(remote, task, deps));
  const report = parseReport(remote, answer.text);
  const because = whyTooLarge(report) ?? whyContradictory(report, phase);
  if (because) throw invalidAnswer(remote, because);
  return [reportMessage(message.data, plainReport(report))];
}

/** Parses the answer. Errors do not quote the answer, because it may contain any text. */
function parseReport(remote: HttpPlugin, text: string): TaskReport {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidAnswer(remote, 'its answer is not JSON');
  }
  const parsed = TaskReport.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidAnswer(
    remote,
    `its answer is not a report: ${issue?.path.join('.') || 'as a whole'}: ${issue?.message}`,
  );
}

const invalidAnswer = (remote: HttpPlugin, message: string): PropagatorError =>
  new PropagatorError({
    code: `${remote.name}.answer`,
    class: 'Unexpected',
    service: remote.name,
    message: `${remote.name}: ${message}`,
    advice:
      `Check the server at the URL of ${remote.name} in PROPAGATOR_REMOTE_SERVICES, then ` +
      'redrive.',
  });

/**
 * Returns two messages: the present run continues, and a new run begins after the delay. If the new
 * run began immediately, a report right after the 202 would belong to an old run and would be
 * ignored.
 */
function reportsLater({ data }: ServiceRequested, condition: Condition): Outgoing[] {
  const { operationId, taskId, service, region, phase, run } = data;
  const waits = {
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
    { type: 'service.progressed', data: { ...waits, sequence: 1 } },
    {
      type: 'service.progressed',
      data: { ...waits, sequence: 0, again: { afterSeconds: 0 } },
      delaySeconds: ASK_AGAIN_SECONDS,
    },
  ];
}

function failureReport(
  remote: HttpPlugin,
  { data }: ServiceRequested,
  thrown: unknown,
): ServiceReport {
  const error = reportOf(thrown, {
    code: `${remote.name}.answer`,
    service: remote.name,
    region: data.region,
  });
  return error.class === 'Transient'
    ? reportMessage(data, {
        type: 'service.progressed',
        phase: data.phase,
        data: { again: { afterSeconds: 0, error } },
      })
    : reportMessage(data, { type: 'service.failed', phase: data.phase, data: { error } });
}

function noReportCondition(
  remote: HttpPlugin,
  task: Task,
  { now, stallTimeoutMillis }: RemoteDeps,
) {
  const isLong = now() - task.progressAt > stallTimeoutMillis;
  return {
    class: 'InProgress' as const,
    message: `${remote.name} was called and has not reported yet`,
    actor: isLong ? ('operator' as const) : ('none' as const),
    ...(isLong
      ? {
          advice:
            `Read the log of ${remote.name}. The plugin must report to POST ` +
            `/v1/tasks/${encodeURIComponent(task.id)}/report.`,
        }
      : {}),
    count: 1,
  };
}

async function post(
  remote: HttpPlugin,
  message: ServiceRequested,
): Promise<{ status: number; text: string }> {
  const callError = (code: string, text: string, cause?: unknown): PropagatorError =>
    new PropagatorError(
      {
        code: `${remote.name}.${code}`,
        class: 'Transient',
        service: remote.name,
        message: `${remote.name} ${text}`,
        advice: `Check that ${remote.name} runs at its URL in PROPAGATOR_REMOTE_SERVICES.`,
      },
      { cause },
    );
  const { status, text } = await fetch(remote.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
    // Do not follow redirects, because the request contains project names.
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_MILLIS),
  })
    .then(async (response) => ({ status: response.status, text: await textOf(response) }))
    .catch((cause: unknown) => {
      throw callError('unreachable', 'does not answer', cause);
    });
  if (text === undefined)
    throw invalidAnswer(remote, `its answer is larger than ${MAX_ANSWER_BYTES / 1024} KB`);
  if (status !== 200 && status !== 202) throw callError(`http.${status}`, `answered ${status}`);
  return { status, text };
}

/** Returns the body, or `undefined` when it is larger than the limit. */
async function textOf(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
