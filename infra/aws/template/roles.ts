import { documentPk } from '../../../lib/engine/aws/dynamodb/keys.ts';
import {
  allowStatement,
  getAttribute,
  policyDocument,
  pseudoRef,
  type Resource,
  type Resources,
  substitute,
  trustPolicy,
} from './cloudformation.ts';
import { secretArn, tableArn } from './data-resources.ts';
import {
  type FunctionDefinition,
  functionsOf,
  logGroupId,
  needsSchedules,
  networkOf,
  roleId,
} from './functions.ts';
import { deadLetterQueueId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** Builds a role per function, with the least permissions, and the role of the scheduler. */
export function roleResources(stack: Stack): Resources {
  return {
    ...Object.fromEntries(
      functionsOf(stack).map((definition) => [
        roleId(definition.name),
        functionRole(definition, stack),
      ]),
    ),
    SchedulerRole: schedulerRole(stack),
  };
}

function functionRole(definition: FunctionDefinition, stack: Stack): Resource {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: trustPolicy('lambda.amazonaws.com'),
      Policies: [
        {
          PolicyName: 'function',
          PolicyDocument: policyDocument(permissionsOf(definition, stack)),
        },
      ],
      // In a VPC, a function needs the permission to create network interfaces. They have no ARN
      // before they exist, so a managed policy of AWS grants this permission.
      ...(networkOf(stack)
        ? {
            ManagedPolicyArns: [
              substitute(
                `arn:${pseudoRef('Partition')}:iam::aws:policy/` +
                  'service-role/AWSLambdaVPCAccessExecutionRole',
              ),
            ],
          }
        : {}),
    },
  };
}

/** The function of a service reads all rows, and writes only some: {@link documentWrites}. */
const READ_ACTIONS = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE_ACTIONS = [
  ...READ_ACTIONS,
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].map(
    (action) => `dynamodb:${action}`,
  ),
];
/**
 * The collections of documents that the function of every service writes: the resources in a plan,
 * and resources that are not in an approved plan.
 */
const PLAN_COLLECTIONS = ['plan', 'drift'] as const;
/**
 * If a service can suspend or provision, its function also writes these collections: the states of
 * resources before a suspension, and the claims that stop two runs from creating the same resource.
 */
const LIFECYCLE_COLLECTIONS = ['suspension', 'provision'] as const;

/** Permits the function of a service to write documents of its collections, and no other rows. */
function documentWrites(name: FunctionDefinition['name'], stack: Stack): object[] {
  const service = stack.services.find((one) => name === `service-${one.name}`);
  if (!service) return [];
  const hasLifecycle = service.suspension !== undefined || service.provision !== undefined;
  const collections = [...PLAN_COLLECTIONS, ...(hasLifecycle ? LIFECYCLE_COLLECTIONS : [])];
  const keys = collections.map((collection) => documentPk(collection, '*'));
  return [
    allowStatement(['dynamodb:PutItem', 'dynamodb:DeleteItem'], tableArn(stack), {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
    }),
  ];
}
const RECEIVE_ACTIONS = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const FIND_QUEUE_ACTIONS = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];
const SEND_ACTIONS = ['sqs:SendMessage', ...FIND_QUEUE_ACTIONS];

function permissionsOf(definition: FunctionDefinition, stack: Stack): object[] {
  const { name, queue, flushesOutboxes } = definition;
  const { topology, parameters } = stack;
  const index = substitute(
    `${tableArn(stack)['Fn::Sub']}/index/${topology.table.indexes[0]?.name}`,
  );
  const delayedQueue = delayedMessageQueue(name, stack);
  return [
    // The ARN of the log group ends with a wildcard for its streams.
    allowStatement(['logs:CreateLogStream', 'logs:PutLogEvents'], getAttribute(logGroupId(name))),
    allowStatement(name.startsWith('service-') ? READ_ACTIONS : WRITE_ACTIONS, tableArn(stack)),
    ...documentWrites(name, stack),
    ...(flushesOutboxes ? [allowStatement(['dynamodb:Query'], index)] : []),
    allowStatement(['events:PutEvents'], getAttribute('Bus')),
    allowStatement(['secretsmanager:GetSecretValue'], secretArn(stack)),
    ...(queue ? receivePermissions(queue.name) : []),
    ...(delayedQueue ? [allowStatement(SEND_ACTIONS, getAttribute(queueId(delayedQueue)))] : []),
    ...(flushesOutboxes ? allQueuesPermissions(definition, stack) : []),
    // A policy for X-Ray cannot name resources.
    ...(parameters.tracing
      ? [allowStatement(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')]
      : []),
    ...(needsSchedules(definition) ? schedulePermissions(stack) : []),
    // The function reads the ARN of the queue for undelivered events, because a schedule names it.
    ...(needsSchedules(definition) && !flushesOutboxes
      ? [allowStatement(FIND_QUEUE_ACTIONS, getAttribute('Undelivered'))]
      : []),
    ...(parameters.kmsKey
      ? [allowStatement(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
      : []),
  ];
}

/** Permits a function to receive from its queue, and to send to its dead-letter queue. */
const receivePermissions = (queue: string) => [
  allowStatement([...RECEIVE_ACTIONS, ...FIND_QUEUE_ACTIONS], getAttribute(queueId(queue))),
  allowStatement(SEND_ACTIONS, getAttribute(deadLetterQueueId(queue))),
];

/**
 * Permits a function to send to every queue and dead-letter queue. The function `api` may also
 * receive dead-letter messages. These statements name each queue only once, because the policies of
 * a role are limited to 10,240 characters.
 */
function allQueuesPermissions({ name }: FunctionDefinition, { topology }: Stack) {
  const queues = topology.queues.map(({ queue }) => getAttribute(queueId(queue)));
  const deadLetterQueues = topology.queues.map(({ queue }) =>
    getAttribute(deadLetterQueueId(queue)),
  );
  return [
    allowStatement(SEND_ACTIONS, queues),
    allowStatement(
      [...SEND_ACTIONS, ...(name === 'api' ? RECEIVE_ACTIONS : [])],
      [...deadLetterQueues, getAttribute('Undelivered')],
    ),
  ];
}

/**
 * Returns the queue to which a function sends delayed messages. `ingest` postpones a
 * notification by a delayed message to its own queue. If an HTTP plugin reports later, its function
 * sends a delayed message to the coordinator, which then looks for the report.
 */
function delayedMessageQueue(
  name: FunctionDefinition['name'],
  { httpPlugins }: Stack,
): 'ingest' | 'coordinate' | undefined {
  if (name === 'ingest') return 'ingest';
  return httpPlugins.some((remote) => name === `service-${remote.name}`) ? 'coordinate' : undefined;
}

/** Permits a function to create schedules in the group of this stage, with the scheduler's role. */
const schedulePermissions = ({ topology }: Stack) => [
  allowStatement(
    ['scheduler:CreateSchedule'],
    substitute(
      `arn:${pseudoRef('Partition')}:scheduler:${pseudoRef('Region')}:${pseudoRef('AccountId')}:` +
        `schedule/${topology.scheduleGroup}/*`,
    ),
  ),
  allowStatement(['iam:PassRole'], getAttribute('SchedulerRole'), {
    StringEquals: { 'iam:PassedToService': 'scheduler.amazonaws.com' },
  }),
];

const schedulerRole = ({ topology, parameters }: Stack): Resource => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: trustPolicy('scheduler.amazonaws.com'),
    Policies: [
      {
        PolicyName: 'scheduler',
        PolicyDocument: policyDocument([
          allowStatement(
            ['sqs:SendMessage'],
            [
              ...topology.queues.map(({ queue }) => getAttribute(queueId(queue))),
              getAttribute('Undelivered'),
            ],
          ),
          ...(parameters.kmsKey
            ? [allowStatement(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
            : []),
        ]),
      },
    ],
  },
});
