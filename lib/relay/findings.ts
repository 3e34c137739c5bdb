import * as z from 'zod';
import { addressOf, type RelayOptions } from './options.ts';

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
type ManagedQueue = z.infer<typeof ManagedQueue>;

const ANSWER_MILLIS = 3_000;
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

const NOT_DURABLE = 'NOT durable: a restart of the broker deletes its messages';

/**
 * Returns the facts about the broker and the queue as log lines. If the management API is
 * configured, its facts are added. If it cannot be read, a line says so, and nothing is thrown.
 */
export async function findings(
  url: string,
  options: RelayOptions,
  server: { readonly product?: string; readonly version?: string },
  waiting: number,
): Promise<Finding[]> {
  const { source } = options;
  const { broker, virtualHost } = addressOf(url);
  const found: Finding[] = [
    {
      level: 'info',
      text:
        `connected to ${server.product ?? 'the broker'} ${server.version ?? ''} at ${broker}, ` +
        `virtual host ${virtualHost}`,
    },
  ];
  const managed =
    options.managementUrl === undefined
      ? 'not configured'
      : await managedQueue(options.managementUrl, url, virtualHost, source.queue);

  const declared =
    source.mode === 'own'
      ? `${String(source.arguments['x-queue-type'] ?? 'classic')}, durable, created by the relay`
      : 'created by Keystone';
  const type =
    typeof managed === 'string'
      ? declared
      : `${managed.type ?? 'classic'}, ${managed.durable ? 'durable' : NOT_DURABLE}`;
  found.push({
    level: 'info',
    text: `queue ${source.queue} (${type}): ${waiting} waiting messages`,
  });

  const own = source.mode === 'own' ? source.arguments : {};
  found.push(
    ...lossWarnings(
      typeof managed === 'string' ? { arguments: own, durable: true } : managed,
      source.queue,
    ),
  );
  if (typeof managed === 'string')
    found.push({
      level: 'info',
      text:
        'could not check whether a policy deletes messages of this queue (management API: ' +
        `${managed}); set RABBITMQ_MANAGEMENT_URL, or run: rabbitmqctl list_queues -p ` +
        `${virtualHost} name policy arguments; rabbitmqctl list_policies -p ${virtualHost}`,
    });
  if (
    isQuorum(managed, own) &&
    Number.parseInt(server.version ?? '', 10) >= 4 &&
    !hasDeliveryLimit(managed, own)
  )
    found.push({
      level: 'warn',
      text:
        'a quorum queue of RabbitMQ 4 drops a message after 20 deliveries without an ' +
        `acknowledgment; set a policy with delivery-limit -1 on ${source.queue}`,
    });
  return found;
}

function lossWarnings(queue: ManagedQueue, name: string): Finding[] {
  const policyNames = [queue.policy, queue.operator_policy].filter(Boolean).join(' and ');
  return LOSSY_SETTINGS.flatMap(({ policy, argument, effect }): Finding[] => {
    const fromPolicy = queue.effective_policy_definition?.[policy];
    const value = fromPolicy ?? queue.arguments[argument];
    if (value === undefined || value === null) return [];
    const source = fromPolicy === undefined ? `argument ${argument}` : `policy ${policyNames}`;
    return [
      {
        level: 'warn',
        text:
          `${source} ${effect(value)}: notifications in ${name} can be lost while the relay is ` +
          'disconnected; only a sweep finds their changes',
      },
    ];
  });
}

const isQuorum = (
  managed: ManagedQueue | string,
  own: Readonly<Record<string, unknown>>,
): boolean =>
  typeof managed === 'string' ? own['x-queue-type'] === 'quorum' : managed.type === 'quorum';

const hasDeliveryLimit = (
  managed: ManagedQueue | string,
  own: Readonly<Record<string, unknown>>,
): boolean =>
  own['x-delivery-limit'] !== undefined ||
  (typeof managed !== 'string' &&
    managed.effective_policy_definition?.['delivery-limit'] !== undefined);

/** The queue from the management API, or the reason why it could not be read. */
async function managedQueue(
  managementUrl: string,
  brokerUrl: string,
  virtualHost: string,
  queue: string,
): Promise<ManagedQueue | string> {
  try {
    const base = new URL(managementUrl);
    const login = base.username === '' ? new URL(brokerUrl) : base;
    const user = decodeURIComponent(login.username) || 'guest';
    const password = decodeURIComponent(login.password) || 'guest';
    const parts = [virtualHost, queue].map(encodeURIComponent).join('/');
    const path = `${base.pathname.replace(/\/+$/, '')}/api/queues/${parts}`;
    const answer = await fetch(new URL(path, base.origin), {
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
        accept: 'application/json',
      },
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MILLIS),
    });
    if (!answer.ok) return `${base.host} answered ${answer.status}`;
    const parsed = ManagedQueue.safeParse(await answer.json());
    return parsed.success ? parsed.data : `${base.host} did not answer with a queue`;
  } catch {
    return 'did not answer';
  }
}
