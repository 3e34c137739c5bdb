import { getAttribute } from './cloudformation.ts';
import { secretArn } from './data-resources.ts';
import {
  type FunctionDefinition,
  functionKey,
  functionsOf,
  needsSchedules,
  networkOf,
  roleId,
  zipPathOf,
} from './functions.ts';
import { policyId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** Builds the section `functions` of serverless.yml. */
export function serverlessFunctions(stack: Stack): Record<string, object> {
  const { prefix, parameters } = stack;
  const network = networkOf(stack);
  return Object.fromEntries(
    functionsOf(stack).map((definition) => [
      functionKey(definition.name),
      {
        name: `${prefix}-${definition.name}`,
        description: definition.description,
        handler: 'index.handler',
        role: getAttribute(roleId(definition.name)),
        timeout: definition.timeoutSeconds,
        memorySize: definition.memoryMegabytes,
        package: { artifact: zipPathOf(definition.name) },
        environment: environmentOf(definition, stack),
        events: eventsOf(definition, stack),
        dependsOn: dependenciesOf(definition, stack),
        // By design, an operation sends messages in loops: functions send delayed messages to their
        // own queues, and the coordinator and the services send messages to each other. Without
        // this setting, Lambda would stop a loop after about 16 invocations. Caps, back-off and the
        // stall timeout limit the loops.
        ...(definition.queue ? { recursiveLoop: 'Allow' } : {}),
        // Lambda must keep all log lines: the functions write only those of PROPAGATOR_LOG_LEVEL.
        logs: { logFormat: 'JSON', applicationLogLevel: 'TRACE', systemLogLevel: 'INFO' },
        ...(parameters.tracing ? { tracing: 'Active' } : {}),
        ...(network ? { vpc: network } : {}),
        ...(parameters.kmsKey ? { kmsKeyArn: parameters.kmsKey } : {}),
      },
    ]),
  );
}

/**
 * The time in seconds for which a function with a short time limit waits for one answer of
 * Keystone. With a longer time, Lambda would stop the function before it can report that Keystone
 * is slow.
 */
const KEYSTONE_ANSWER_SECONDS = 20;
const hasShortTimeLimit = ({ name }: FunctionDefinition): boolean =>
  name === 'ingest' || name === 'coordinate' || name === 'api';

/** Returns the environment variables of a function. */
export function environmentOf(
  definition: FunctionDefinition,
  stack: Stack,
): Record<string, unknown> {
  return {
    ...stack.settings,
    STACK_PREFIX: stack.prefix,
    STACK_SERVICES: [...stack.services, ...stack.httpPlugins].map(({ name }) => name).join(','),
    STACK_SECRET_ARN: secretArn(stack),
    ...(hasShortTimeLimit(definition)
      ? { STACK_ANSWER_SECONDS: String(KEYSTONE_ANSWER_SECONDS) }
      : {}),
    ...(needsSchedules(definition)
      ? { STACK_SCHEDULER_ROLE_ARN: getAttribute('SchedulerRole') }
      : {}),
    ...(definition.flushesOutboxes ? { STACK_FLUSHES_OUTBOXES: 'yes' } : {}),
    NODE_OPTIONS: '--enable-source-maps',
  };
}

/**
 * Returns the resources that CloudFormation must create before the function: the policies of the
 * queues to which its messages go. If the function could send messages before these policies exist,
 * an upgrade that adds a service would lose the first messages to this service: EventBridge drops
 * an event that both its queue and the queue for undelivered events refuse.
 */
const dependenciesOf = (definition: FunctionDefinition, stack: Stack): string[] => [
  ...targetQueuesOf(definition, stack).map(({ queue }) => policyId(queueId(queue))),
  policyId('Undelivered'),
];

/**
 * Returns the queues to which the messages of a function go. A function that flushes outboxes sends
 * to every queue. Every other function sends only to the coordinator.
 */
const targetQueuesOf = ({ flushesOutboxes }: FunctionDefinition, { topology }: Stack) =>
  flushesOutboxes ? topology.queues : topology.queues.filter(({ queue }) => queue === 'coordinate');

/** Returns the event sources that invoke a function. */
function eventsOf({ name, queue }: FunctionDefinition, { apiCallers }: Stack): object[] {
  const queueTrigger = queue && {
    sqs: {
      arn: getAttribute(queueId(queue.name)),
      batchSize: queue.batchSize,
      ...(queue.batchWindowSeconds > 0 ? { maximumBatchingWindow: queue.batchWindowSeconds } : {}),
      functionResponseType: 'ReportBatchItemFailures',
      maximumConcurrency: queue.maxConcurrency,
    },
  };
  const route = (method: string, path: string) => ({
    httpApi: { method, path, ...(apiCallers === 'iam' ? { authorizer: { type: 'aws_iam' } } : {}) },
  });
  // If callers have Keystone tokens, API Gateway does not authenticate them. In that case only the
  // function `api` has a route: it validates the tokens, and also accepts notifications.
  if (name === 'ingest')
    return [
      ...(queueTrigger ? [queueTrigger] : []),
      ...(apiCallers === 'iam' ? [route('POST', '/v1/notifications')] : []),
    ];
  if (name === 'api') return [route('*', '/{proxy+}')];
  if (name === 'sweep')
    return [
      { schedule: { rate: ['rate(5 minutes)'], input: { compare: false } } },
      { schedule: { rate: ['rate(1 hour)'], input: { compare: true } } },
    ];
  return queueTrigger ? [queueTrigger] : [];
}
