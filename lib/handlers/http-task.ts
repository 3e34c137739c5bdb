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
   * The actions that it supports in addition to the cleanup. The propagator does not call it for
   * other actions.
   */
  readonly actions?: readonly PluginAction[];
}

/** The dependencies of {@link runHttpTask}. */
export interface RemoteDeps
  extends Pick<ServiceDeps, 'engine' | 'cloud' | 'mode' | 'protection' | 'now'> {
  /** Milliseconds without a report after which the operator is asked to act. */
  readonly stallTimeoutMillis: number;
}

const ANSWER_MILLIS = 20_000;
/** The largest allowed report is smaller than this. */
const MAX_ANSWER_BYTES = 256 * 1024;
/**
 * If the plugin has not reported after this time, it is called again. The plugin must treat the
 * second call as a repetition.
 */
const ASK_AGAIN_SECONDS = 60;

/**
 * Hands a run to an HTTP plugin, which may be written in any language: POST of the event to its
 * URL. Status 200 with a report in the body ends the run. Status 202 means that the plugin reports
 * later to `POST /v1/tasks/:id/report`. A failed call is reported, not thrown. Throws when the
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
      return [notDeclared(remote, message, action)];
    const notNow = await preflightReport(message, operation, deps);
    return notNow ? [notNow] : await ask(remote, message, task, deps);
  } catch (thrown) {
    return [failed(remote, message, thrown)];
  }
}

/** Returns the report for an action that the settings no longer declare. */
const notDeclared = (
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

async function ask(
  remote: HttpPlugin,
  message: ServiceRequested,
  task: Task,
  deps: RemoteDeps,
): Promise<Outgoing[]> {
  const answer = await post(remote, message);
  const { phase } = message.data;
  if (answer.status === 202) return reportsLater(message, silence(remote, task, deps));
  const report = read(remote, answer.text);
  const because = whyTooLarge(report) ?? whyContradictory(report, phase);
  if (because) throw odd(remote, because);
  return [reportMessage(message.data, plainReport(report))];
}

/** Parses the answer. Errors do not quote it, because any server may have sent it. */
function read(remote: HttpPlugin, text: string): TaskReport {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw odd(remote, 'its answer is not JSON');
  }
  const parsed = TaskReport.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw odd(
    remote,
    `its answer is not a report: ${issue?.path.join('.') || 'as a whole'}: ${issue?.message}`,
  );
}

const odd = (remote: HttpPlugin, message: string): PropagatorError =>
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
 * run began at once, a report right after the 202 would belong to an old run and would be ignored.
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

function failed(remote: HttpPlugin, { data }: ServiceRequested, thrown: unknown): ServiceReport {
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

function silence(remote: HttpPlugin, task: Task, { now, stallTimeoutMillis }: RemoteDeps) {
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
  const fail = (code: string, text: string, cause?: unknown): PropagatorError =>
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
      throw fail('unreachable', 'does not answer', cause);
    });
  if (text === undefined)
    throw odd(remote, `its answer is larger than ${MAX_ANSWER_BYTES / 1024} KB`);
  if (status !== 200 && status !== 202) throw fail(`http.${status}`, `answered ${status}`);
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
