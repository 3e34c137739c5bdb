import type { QueueName } from '../../../events/index.ts';
import { getAttribute, logicalId } from './cloudformation.ts';
import { secretArn } from './data-resources.ts';
import { itemsOf } from './parameters.ts';
import { policyId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** A function of the stack. The name of its zip is `name`. */
export interface FunctionDefinition {
  readonly name: 'api' | 'sweep' | QueueName;
  readonly description: string;
  readonly seconds: number;
  readonly megabytes: number;
  /** The queue that invokes the function. */
  readonly queue?: {
    readonly name: QueueName;
    readonly batchSize: number;
    readonly batchingSeconds: number;
    readonly maxConcurrency: number;
  };
  /**
   * True if the function also sends the outboxes of other processes. Such a function needs the
   * permission to send to every queue.
   */
  readonly flushesOutboxes: boolean;
}

/**
 * True if the function sends messages with a delay of more than 15 minutes, the limit of SQS. These
 * functions are the coordinator, all functions that send outboxes of the coordinator, and `ingest`,
 * which waits as long as a `Retry-After` of Keystone demands.
 */
export const needsSchedules = ({ name, flushesOutboxes }: FunctionDefinition): boolean =>
  flushesOutboxes || name === 'ingest';

/**
 * The maximum number of concurrent invocations of a function. More coordinators would only cause
 * more lock conflicts. The function of a service needs few invocations, because the API of the
 * service limits the number of calls.
 */
const MAX_CONCURRENCY = { ingest: 2, coordinate: 5, service: 4 } as const;

/** Returns the definitions of all functions of the stack. */
export function functionsOf({ topology }: Stack): FunctionDefinition[] {
  const queueFunctions = topology.queues.map(
    ({ queue, functionSeconds, batchSize, batchingSeconds }): FunctionDefinition => {
      const role = queue === 'ingest' || queue === 'coordinate' ? queue : 'service';
      return {
        name: queue,
        description: DESCRIPTIONS[role](queue),
        seconds: functionSeconds,
        megabytes: role === 'service' ? 256 : 512,
        queue: {
          name: queue,
          batchSize,
          batchingSeconds,
          maxConcurrency: MAX_CONCURRENCY[role],
        },
        flushesOutboxes: queue === 'coordinate',
      };
    },
  );
  const api: FunctionDefinition = {
    name: 'api',
    description: 'Answers operators',
    seconds: 29,
    megabytes: 512,
    flushesOutboxes: true,
  };
  const sweep: FunctionDefinition = {
    name: 'sweep',
    description: 'Sends unsent messages, and compares the inventory with Keystone',
    seconds: 900,
    megabytes: 1024,
    flushesOutboxes: true,
  };
  return [...queueFunctions, api, sweep];
}

const DESCRIPTIONS = {
  ingest: () => 'Reads notifications and requests the current state from Keystone',
  coordinate: () => 'Runs each operation, service by service',
  service: (queue: string) => `Empties ${queue.slice('service-'.length)}`,
} as const;

/**
 * Returns the key of a function in serverless.yml: `serviceNova` for `service-nova`. From this key
 * the Serverless Framework derives the logical ids of the resources of the function, for example
 * {@link functionId}.
 */
export const functionKey = (name: string): string =>
  logicalId(name).replace(/^./, (first) => first.toLowerCase());
export const functionId = (name: string): string => `${logicalId(name)}LambdaFunction`;
export const logGroupId = (name: string): string => `${logicalId(name)}LogGroup`;
export const roleId = (name: string): string => `${logicalId(name)}Role`;
export const zipPathOf = (name: string): string => `.serverless/functions/${name}.zip`;

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
        timeout: definition.seconds,
        memorySize: definition.megabytes,
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
const ANSWER_SECONDS = 20;
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
    ...(hasShortTimeLimit(definition) ? { STACK_ANSWER_SECONDS: String(ANSWER_SECONDS) } : {}),
    ...(needsSchedules(definition)
      ? { STACK_SCHEDULER_ROLE_ARN: getAttribute('SchedulerRole') }
      : {}),
    ...(definition.flushesOutboxes ? { STACK_REPAIRS: 'yes' } : {}),
    NODE_OPTIONS: '--enable-source-maps',
  };
}

/**
 * Returns the resources that CloudFormation must create before the function: the policies of the
 * queues to which its messages go, and with them the rules that the policies name. Without this
 * order, an upgrade that adds a service would lose the first messages to this service: EventBridge
 * drops an event that its queue and the queue for undelivered events refuse.
 */
const dependenciesOf = ({ flushesOutboxes }: FunctionDefinition, { topology }: Stack): string[] => [
  ...topology.queues
    .filter(({ queue }) => flushesOutboxes || queue === 'coordinate')
    .map(({ queue }) => policyId(queueId(queue))),
  policyId('Undelivered'),
];

/** Returns the event sources that invoke a function. */
function eventsOf({ name, queue }: FunctionDefinition, { apiCallers }: Stack): object[] {
  const queueTrigger = queue && {
    sqs: {
      arn: getAttribute(queueId(queue.name)),
      batchSize: queue.batchSize,
      ...(queue.batchingSeconds > 0 ? { maximumBatchingWindow: queue.batchingSeconds } : {}),
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

/**
 * Returns the VPC configuration of the functions; `undefined` if the parameters name no subnets.
 */
export function networkOf({
  parameters,
}: Stack): { subnetIds: string[]; securityGroupIds: string[] } | undefined {
  const [subnetIds, securityGroupIds] = [
    itemsOf(parameters.subnets),
    itemsOf(parameters.securityGroups),
  ];
  return subnetIds.length > 0 ? { subnetIds, securityGroupIds } : undefined;
}
