import type { QueueName } from '../../../events/index.ts';
import { attribute, logicalId } from './cloudformation.ts';
import { secretArn } from './data-resources.ts';
import { listed } from './parameters.ts';
import { policyId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** One function of the stack; `name` is also what its zip is called. */
export interface FunctionDefinition {
  readonly name: 'api' | 'sweep' | QueueName;
  readonly does: string;
  readonly seconds: number;
  readonly megabytes: number;
  /** The queue that feeds it. */
  readonly queue?: {
    readonly name: QueueName;
    readonly batchSize: number;
    readonly batchingSeconds: number;
    readonly maxConcurrency: number;
  };
  /** Sends what others left unsent: it may send to every queue. */
  readonly repairs: boolean;
}

/**
 * It sends messages that wait for more than the 15 minutes of a queue: the coordinator and what
 * repairs its work, and `ingest`, which waits as long as Keystone asks for.
 */
export const mayWaitLong = ({ name, repairs }: FunctionDefinition): boolean =>
  repairs || name === 'ingest';

/**
 * Calls of one function at the same time: what one coordinator does, another may undo and redo;
 * what one service does is limited by its API.
 */
const MOST_AT_ONCE = { ingest: 2, coordinate: 5, service: 4 } as const;

export function functionsOf({ topology }: Stack): FunctionDefinition[] {
  const fed = topology.queues.map(
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
          maxConcurrency: MOST_AT_ONCE[resourceType],
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
  const does = 'Sends what was left unsent, compares the inventory with Keystone';
  const sweep: FunctionDefinition = {
    name: 'sweep',
    does,
    seconds: 900,
    megabytes: 1024,
    repairs: true,
  };
  return [...fed, api, sweep];
}

const DOES = {
  ingest: () => 'Reads notifications and asks Keystone what is true',
  coordinate: () => 'Carries each operation through its services',
  service: (queue: string) => `Empties ${queue.slice('service-'.length)}`,
} as const;

/**
 * `service-nova` as serverless.yml calls it: `serviceNova`. Its logical ids begin with {@link
 * logicalId}.
 */
export const functionKey = (name: string): string =>
  logicalId(name).replace(/^./, (first) => first.toLowerCase());
export const functionId = (name: string): string => `${logicalId(name)}LambdaFunction`;
export const logGroupId = (name: string): string => `${logicalId(name)}LogGroup`;
export const roleId = (name: string): string => `${logicalId(name)}Role`;
export const zipOf = (name: string): string => `.serverless/functions/${name}.zip`;

/** The `functions` of serverless.yml. */
export function serverlessFunctions(stack: Stack): Record<string, object> {
  const { prefix, parameters } = stack;
  const network = networkOf(stack);
  return Object.fromEntries(
    functionsOf(stack).map((of) => [
      functionKey(of.name),
      {
        name: `${prefix}-${of.name}`,
        description: of.does,
        handler: 'index.handler',
        role: attribute(roleId(of.name)),
        timeout: of.seconds,
        memorySize: of.megabytes,
        package: { artifact: zipOf(of.name) },
        environment: environmentOf(of, stack),
        events: eventsOf(of),
        dependsOn: waysFor(of, stack),
        ...(network ? { vpc: network } : {}),
        ...(parameters.kmsKey ? { kmsKeyArn: parameters.kmsKey } : {}),
      },
    ]),
  );
}

/**
 * So long Keystone has for an answer to those who ask it a few short resources. What stands before
 * it gives up after a minute as a rule, and so would the function be killed before it could say
 * why.
 */
const ANSWER_SECONDS = 20;
const isWaitedFor = ({ name }: FunctionDefinition): boolean =>
  name === 'ingest' || name === 'coordinate' || name === 'api';

/** The variables of a function. */
export function environmentOf(of: FunctionDefinition, stack: Stack): Record<string, unknown> {
  return {
    ...stack.settings,
    STACK_PREFIX: stack.prefix,
    STACK_SERVICES: [...stack.services, ...stack.httpPlugins].map(({ name }) => name).join(','),
    STACK_SECRET_ARN: secretArn(stack),
    ...(isWaitedFor(of) ? { STACK_ANSWER_SECONDS: String(ANSWER_SECONDS) } : {}),
    ...(mayWaitLong(of) ? { STACK_SCHEDULER_ROLE_ARN: attribute('SchedulerRole') } : {}),
    ...(of.repairs ? { STACK_REPAIRS: 'yes' } : {}),
    NODE_OPTIONS: '--enable-source-maps',
  };
}

/**
 * What must stand before the function does: an event for which no rule is there yet is gone without
 * a word, and so is one that a queue does not take while there is no place for the undelivered. An
 * upgrade that brings a new service would lose what it is asked in its first minute.
 */
const waysFor = ({ repairs }: FunctionDefinition, { topology }: Stack): string[] => [
  ...topology.queues
    .filter(({ queue }) => repairs || queue === 'coordinate')
    .map(({ queue }) => policyId(queueId(queue))),
  policyId('Undelivered'),
];

function eventsOf({ name, queue }: FunctionDefinition): object[] {
  const fed = queue && {
    sqs: {
      arn: attribute(queueId(queue.name)),
      batchSize: queue.batchSize,
      ...(queue.batchingSeconds > 0 ? { maximumBatchingWindow: queue.batchingSeconds } : {}),
      functionResponseType: 'ReportBatchItemFailures',
      maximumConcurrency: queue.maxConcurrency,
    },
  };
  const signed = (method: string, path: string) => ({
    httpApi: { method, path, authorizer: { type: 'aws_iam' } },
  });
  if (name === 'ingest') return [...(fed ? [fed] : []), signed('POST', '/v1/notifications')];
  if (name === 'api') return [signed('*', '/{proxy+}')];
  if (name === 'sweep')
    return [
      { schedule: { rate: ['rate(5 minutes)'], input: { compare: false } } },
      { schedule: { rate: ['rate(1 hour)'], input: { compare: true } } },
    ];
  return fed ? [fed] : [];
}

/** The network of the functions, when the parameters name one. */
export function networkOf({
  parameters,
}: Stack): { subnetIds: string[]; securityGroupIds: string[] } | undefined {
  const [subnetIds, securityGroupIds] = [
    listed(parameters.subnets),
    listed(parameters.securityGroups),
  ];
  return subnetIds.length > 0 ? { subnetIds, securityGroupIds } : undefined;
}
