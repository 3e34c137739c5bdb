import * as z from 'zod';
import { parseJson } from '../shared/json.ts';
import { plainText } from '../shared/plain-text.ts';

/** A fact about the broker or the queue, for the log. */
export interface Finding {
  readonly level: 'info' | 'warn';
  readonly text: string;
}

/**
 * A queue from the management API (`GET /api/queues/{vhost}/{name}`, RabbitMQ 3 and 4).
 * `effective_policy_definition` merges all policies.
 */
const ManagedQueue = z.object({
  type: z.string().optional(),
  durable: z.boolean(),
  arguments: z.record(z.string(), z.unknown()).catch({}),
  policy: z.string().nullish(),
  operator_policy: z.string().nullish(),
  effective_policy_definition: z.record(z.string(), z.unknown()).nullish().catch(undefined),
});
export type ManagedQueue = z.infer<typeof ManagedQueue>;

const ANSWER_TIMEOUT_MILLIS = 3_000;
const MAX_FAILURE_LENGTH = 200;

/** Policies and arguments of a queue that can delete messages while no consumer is connected. */
const LOSSY_SETTINGS = [
  {
    policy: 'message-ttl',
    argument: 'x-message-ttl',
    effect: (value: unknown) => `drops messages after ${Number(value) / 1000} s`,
  },
  {
    policy: 'expires',
    argument: 'x-expires',
    effect: (value: unknown) =>
      `deletes the whole queue after ${Number(value) / 1000} s without a consumer`,
  },
  {
    policy: 'max-length',
    argument: 'x-max-length',
    effect: (value: unknown) => `keeps at most ${value} messages`,
  },
  {
    policy: 'max-length-bytes',
    argument: 'x-max-length-bytes',
    effect: (value: unknown) => `keeps at most ${value} bytes of messages`,
  },
] as const;

/** Returns a warning for each policy or argument that can delete messages of the queue. */
export function lossWarnings(queue: ManagedQueue, name: string): Finding[] {
  const policyNames = [queue.policy, queue.operator_policy].filter(Boolean).join(' and ');
  return LOSSY_SETTINGS.flatMap(({ policy, argument, effect }): Finding[] => {
    const policyValue = queue.effective_policy_definition?.[policy];
    const value = policyValue ?? queue.arguments[argument];
    if (value === undefined || value === null) return [];
    const source = policyValue === undefined ? `argument ${argument}` : `policy ${policyNames}`;
    const text =
      `${source} ${effect(value)}: notifications in ${name} can be lost while the relay is ` +
      'disconnected; only the sweep then finds the changes in Keystone';
    return [{ level: 'warn', text }];
  });
}

/**
 * Returns the queue from the management API, or the reason why it could not be read. A URL without
 * a login uses the login of the broker.
 */
export async function readManagedQueue(
  managementUrl: string,
  brokerUrl: string,
  virtualHost: string,
  queue: string,
): Promise<ManagedQueue | string> {
  try {
    const managementBase = new URL(managementUrl);
    const loginUrl = managementBase.username === '' ? new URL(brokerUrl) : managementBase;
    const user = decodeURIComponent(loginUrl.username) || 'guest';
    const password = decodeURIComponent(loginUrl.password) || 'guest';
    const queuePath = [virtualHost, queue].map(encodeURIComponent).join('/');
    const path = `${managementBase.pathname.replace(/\/+$/, '')}/api/queues/${queuePath}`;
    const answer = await fetch(new URL(path, managementBase.origin), {
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
        accept: 'application/json',
      },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MILLIS),
    });
    if (!answer.ok) return `${managementBase.host} answered ${answer.status}`;
    const parsed = ManagedQueue.safeParse(parseJson(await answer.text()));
    return parsed.success
      ? parsed.data
      : `the answer of ${managementBase.host} does not describe a queue`;
  } catch (thrown) {
    return failureText(thrown);
  }
}

/** Returns the text of an error of `fetch`. `cause` tells why a connection failed. */
function failureText(thrown: unknown): string {
  if (!isErrorLike(thrown)) return String(thrown);
  if (thrown.name === 'TimeoutError') return `no answer within ${ANSWER_TIMEOUT_MILLIS / 1000} s`;
  const { message, code } = isErrorLike(thrown.cause) ? thrown.cause : thrown;
  return plainText(message || String(code), MAX_FAILURE_LENGTH);
}

/** `instanceof Error` would be false for an error from another realm. */
const isErrorLike = (
  value: unknown,
): value is { name: string; message: string; code?: unknown; cause?: unknown } =>
  typeof value === 'object' && value !== null && 'name' in value && 'message' in value;
