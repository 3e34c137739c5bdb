import type { ServiceRequested } from '../../events/service.ts';
import { contradictionReason, oversizeReason, TaskReport } from '../../events/task-report.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { PluginAction } from '../shared/setting-values.ts';

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

const ANSWER_TIMEOUT_MILLIS = 20_000;
/** The size limit of an answer. It is larger than the largest allowed report. */
const MAX_ANSWER_BYTES = 256 * 1024;

/**
 * Calls the plugin with the event. Returns the report from the answer, or `undefined` if the plugin
 * answered 202 and reports later. Throws `PropagatorError` for any other answer.
 */
export async function callPlugin(
  plugin: HttpPlugin,
  message: ServiceRequested,
): Promise<TaskReport | undefined> {
  const { status, text } = await post(plugin, message);
  if (status === 202) return undefined;
  const report = parseReport(plugin, text);
  const because = oversizeReason(report) ?? contradictionReason(report, message.data.phase);
  if (because) throw invalidAnswer(plugin, because);
  return report;
}

/** Parses the answer. Errors do not quote the answer, because it may contain any text. */
function parseReport(plugin: HttpPlugin, text: string): TaskReport {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidAnswer(plugin, 'its answer is not JSON');
  }
  const parsed = TaskReport.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidAnswer(
    plugin,
    `its answer is not a report: ${issue?.path.join('.') || 'as a whole'}: ${issue?.message}`,
  );
}

const invalidAnswer = (plugin: HttpPlugin, message: string): PropagatorError =>
  new PropagatorError({
    code: `${plugin.name}.answer`,
    class: 'Unexpected',
    service: plugin.name,
    message: `${plugin.name}: ${message}`,
    advice:
      `Check the server at the URL of ${plugin.name} in PROPAGATOR_REMOTE_SERVICES, then ` +
      'redrive.',
  });

/**
 * Sends the event to the plugin. Throws an error of class `Transient` if the plugin does not answer
 * or answers with another status than 200 or 202.
 */
async function post(
  plugin: HttpPlugin,
  message: ServiceRequested,
): Promise<{ status: number; text: string }> {
  const callError = (code: string, text: string, cause?: unknown): PropagatorError =>
    new PropagatorError(
      {
        code: `${plugin.name}.${code}`,
        class: 'Transient',
        service: plugin.name,
        message: `${plugin.name} ${text}`,
        advice: `Check that ${plugin.name} runs at its URL in PROPAGATOR_REMOTE_SERVICES.`,
      },
      { cause },
    );
  const { status, text } = await fetch(plugin.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(message),
    // Do not follow redirects, because the request contains project names.
    redirect: 'manual',
    signal: AbortSignal.timeout(ANSWER_TIMEOUT_MILLIS),
  })
    .then(async (response) => ({ status: response.status, text: await readLimitedText(response) }))
    .catch((cause: unknown) => {
      throw callError('unreachable', 'does not answer', cause);
    });
  if (text === undefined)
    throw invalidAnswer(plugin, `its answer is larger than ${MAX_ANSWER_BYTES / 1024} KB`);
  if (status !== 200 && status !== 202) throw callError(`http.${status}`, `answered ${status}`);
  return { status, text };
}

/** Returns the body, or `undefined` when it is larger than {@link MAX_ANSWER_BYTES}. */
async function readLimitedText(response: Response): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_ANSWER_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
