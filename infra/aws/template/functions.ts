import type { QueueName } from '../../../events/index.ts';
import { logicalId } from './cloudformation.ts';
import { itemsOf } from './parameters.ts';
import type { Stack } from './stack.ts';

/** A function of the stack. The name of its zip is `name`. */
export interface FunctionDefinition {
  readonly name: 'api' | 'sweep' | QueueName;
  readonly description: string;
  readonly timeoutSeconds: number;
  readonly memoryMegabytes: number;
  /** The queue that invokes the function. */
  readonly queue?: {
    readonly name: QueueName;
    readonly batchSize: number;
    readonly batchWindowSeconds: number;
    readonly maxConcurrency: number;
  };
  /**
   * True if the function also sends messages that other processes stored in the outbox and did not
   * send. Such a function needs the permission to send to every queue.
   */
  readonly flushesOutboxes: boolean;
}

/**
 * True if the function sends messages with a delay of more than 15 minutes, the limit of SQS. These
 * functions are the coordinator, all functions that send messages from the outbox of the
 * coordinator, and `ingest`, which postpones notifications for as long as a `Retry-After` of
 * Keystone demands.
 */
export const needsSchedules = ({ name, flushesOutboxes }: FunctionDefinition): boolean =>
  flushesOutboxes || name === 'ingest';

/**
 * The maximum number of concurrent invocations of a function. More coordinators would only cause
 * more lock conflicts. The limit for the function of a service protects the API of the service,
 * because each invocation makes several calls at the same time.
 */
const MAX_CONCURRENCY = { ingest: 2, coordinate: 5, service: 4 } as const;

/** Returns the definitions of all functions of the stack. */
export function functionsOf({ topology }: Stack): FunctionDefinition[] {
  const queueFunctions = topology.queues.map(
    ({ queue, functionTimeoutSeconds, batchSize, batchWindowSeconds }): FunctionDefinition => {
      const functionType = queue === 'ingest' || queue === 'coordinate' ? queue : 'service';
      return {
        name: queue,
        description: DESCRIPTIONS[functionType](queue),
        timeoutSeconds: functionTimeoutSeconds,
        memoryMegabytes: functionType === 'service' ? 256 : 512,
        queue: {
          name: queue,
          batchSize,
          batchWindowSeconds,
          maxConcurrency: MAX_CONCURRENCY[functionType],
        },
        flushesOutboxes: queue === 'coordinate',
      };
    },
  );
  const api: FunctionDefinition = {
    name: 'api',
    description: 'Answers the requests to the HTTP API',
    timeoutSeconds: 29,
    memoryMegabytes: 512,
    flushesOutboxes: true,
  };
  const sweep: FunctionDefinition = {
    name: 'sweep',
    description: 'Sends unsent messages, and compares the inventory with Keystone',
    timeoutSeconds: 900,
    memoryMegabytes: 1024,
    flushesOutboxes: true,
  };
  return [...queueFunctions, api, sweep];
}

const DESCRIPTIONS = {
  ingest: () => 'Reads notifications and requests the current state from Keystone',
  coordinate: () => 'Runs each operation, service by service',
  service: (queue: string) => `Runs the tasks of ${queue.slice('service-'.length)}`,
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
