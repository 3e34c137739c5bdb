import type { QueueName } from '../../../events/index.ts';
import { attribute, logicalId } from './cloudformation.ts';
import { secretArn } from './data-resources.ts';
import { itemsOf } from './parameters.ts';
import { policyId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** A function of the stack. `name` is also the name of its zip. */
export interface FunctionDefinition {
  readonly name: 'api' | 'sweep' | QueueName;
  readonly does: string;
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
   * True if the function flushes outboxes of other processes. Such a function may send to every
   * queue.
   */
  readonly repairs: boolean;
}

/**
 * True if the function sends messages with a delay of more than 15 minutes, which is the limit of
 * SQS. These functions are the coordinator, the functions that flush its outboxes, and `ingest`,
 * which obeys a `Retry-After` of Keystone.
 */
export const needsSchedules = ({ name, repairs }: FunctionDefinition): boolean =>
  repairs || name === 'ingest';

/**
 * The maximum of concurrent invocations. More coordinators would only cause more lock conflicts.
 * The function of a service needs few invocations, because the API of the service limits their
 * calls.
 */
const MAX_CONCURRENCY = { ingest: 2, coordinate: 5, service: 4 } as const;

/** All functions of the stack. */
export function functionsOf({ topology }: Stack): FunctionDefinition[] {
  const queueFunctions = topology.queues.map(
    ({ queue, functionSeconds, batchSize, batchingSeconds }): FunctionDefinition => {
      const resourceType = queue === 'ingest' || queue === 'coordinate' ? queue : 'service';
      return {
        name: queue,
        does: DOES[resourceType](queue),
        seconds: functionSeconds,
        megabytes: resourceType === 'service' ? 256 : 512,
        queue: {
          name: queue,
          batchSize,
          batchingSeconds,
          maxConcurrency: MAX_CONCURRENCY[resourceType],
        },
        repairs: queue === 'coordinate',
      };
    },
  );
  const api: FunctionDefinition = {
    name: 'api',
    does: 'Answers operators',
    seconds: 29,
    megabytes: 512,
    repairs: true,
  };
  const does = 'Sends unsent messages, and compares the inventory with Keystone';
  const sweep: FunctionDefinition = {
    name: 'sweep',
    does,
    seconds: 900,
    megabytes: 1024,
    repairs: true,
  };
  return [...queueFunctions, api, sweep];
}

const DOES = {
  ingest: () => 'Reads notifications and requests the current state from Keystone',
  coordinate: () => 'Runs each operation, service by service',
  service: (queue: string) => `Empties ${queue.slice('service-'.length)}`,
} as const;

/**
 * The key of a function in serverless.yml: `service-nova` becomes `serviceNova`. osls derives the
 * logical ids of the function's resources from this key: they begin with {@link logicalId}.
 */
export const functionKey = (name: string): string =>
  logicalId(name).replace(/^./, (first) => first.toLowerCase());
export const functionId = (name: string): string => `${logicalId(name)}LambdaFunction`;
export const logGroupId = (name: string): string => `${logicalId(name)}LogGroup`;
export const roleId = (name: string): string => `${logicalId(name)}Role`;
export const zipOf = (name: string): string => `.serverless/functions/${name}.zip`;

/** The `functions` section of serverless.yml. */
export function serverlessFunctions(stack: Stack): Record<string, object> {
  const { prefix, parameters } = stack;
  const network = networkOf(stack);
  return Object.fromEntries(
    functionsOf(stack).map((definition) => [
      functionKey(definition.name),
      {
        name: `${prefix}-${definition.name}`,
        description: definition.does,
        handler: 'index.handler',
        role: attribute(roleId(definition.name)),
        timeout: definition.seconds,
        memorySize: definition.megabytes,
        package: { artifact: zipOf(definition.name) },
        environment: environmentOf(definition, stack),
        events: eventsOf(definition, stack),
        dependsOn: dependenciesOf(definition, stack),
        // Operations send messages in loops by design. A function sends delayed messages to its own
        // queue, and the coordinator and the services send messages to each other. Without this
        // setting, Lambda would stop a loop after about 16 invocations. Caps, back-off and stall
        // timeout limit the loops.
        ...(definition.queue ? { recursiveLoop: 'Allow' } : {}),
        // Lambda must not filter logs, because the functions filter by PROPAGATOR_LOG_LEVEL.
        logs: { logFormat: 'JSON', applicationLogLevel: 'TRACE', systemLogLevel: 'INFO' },
        ...(parameters.tracing ? { tracing: 'Active' } : {}),
        ...(network ? { vpc: network } : {}),
        ...(parameters.kmsKey ? { kmsKeyArn: parameters.kmsKey } : {}),
      },
    ]),
  );
}

/**
 * Time-out in seconds for one response of Keystone, in functions with a short time limit. With a
 * longer time-out, Lambda would stop the function before it can report the failure.
 */
const ANSWER_SECONDS = 20;
const hasShortTimeLimit = ({ name }: FunctionDefinition): boolean =>
  name === 'ingest' || name === 'coordinate' || name === 'api';

/** The environment variables of a function. */
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
    ...(needsSchedules(definition) ? { STACK_SCHEDULER_ROLE_ARN: attribute('SchedulerRole') } : {}),
    ...(definition.repairs ? { STACK_REPAIRS: 'yes' } : {}),
    NODE_OPTIONS: '--enable-source-maps',
  };
}

/**
 * Returns the resources that must exist before the function. EventBridge silently drops an event if
 * no rule matches. It also drops an event that the queue and the queue for undelivered events
 * refuse. Without this order, an upgrade that adds a service would lose the first requests.
 */
const dependenciesOf = ({ repairs }: FunctionDefinition, { topology }: Stack): string[] => [
  ...topology.queues
    .filter(({ queue }) => repairs || queue === 'coordinate')
    .map(({ queue }) => policyId(queueId(queue))),
  policyId('Undelivered'),
];

function eventsOf({ name, queue }: FunctionDefinition, { apiCallers }: Stack): object[] {
  const queueFunctions = queue && {
    sqs: {
      arn: attribute(queueId(queue.name)),
      batchSize: queue.batchSize,
      ...(queue.batchingSeconds > 0 ? { maximumBatchingWindow: queue.batchingSeconds } : {}),
      functionResponseType: 'ReportBatchItemFailures',
      maximumConcurrency: queue.maxConcurrency,
    },
  };
  const route = (method: string, path: string) => ({
    httpApi: { method, path, ...(apiCallers === 'iam' ? { authorizer: { type: 'aws_iam' } } : {}) },
  });
  // With Keystone tokens, API Gateway does not authenticate callers. In that case only the function
  // of the API, which validates tokens and also accepts notifications, has a route.
  if (name === 'ingest')
    return [
      ...(queueFunctions ? [queueFunctions] : []),
      ...(apiCallers === 'iam' ? [route('POST', '/v1/notifications')] : []),
    ];
  if (name === 'api') return [route('*', '/{proxy+}')];
  if (name === 'sweep')
    return [
      { schedule: { rate: ['rate(5 minutes)'], input: { compare: false } } },
      { schedule: { rate: ['rate(1 hour)'], input: { compare: true } } },
    ];
  return queueFunctions ? [queueFunctions] : [];
}

/** Returns the network of the functions, or `undefined` if the parameters name no network. */
export function networkOf({
  parameters,
}: Stack): { subnetIds: string[]; securityGroupIds: string[] } | undefined {
  const [subnetIds, securityGroupIds] = [
    itemsOf(parameters.subnets),
    itemsOf(parameters.securityGroups),
  ];
  return subnetIds.length > 0 ? { subnetIds, securityGroupIds } : undefined;
}
