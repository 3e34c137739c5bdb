import { documentPk } from '../../../lib/engine/aws/dynamodb/keys.ts';
import {
  allow,
  attribute,
  policyDocument,
  pseudo,
  type Resource,
  type Resources,
  sub,
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
export function roles(stack: Stack): Resources {
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
              sub(
                `arn:${pseudo('Partition')}:iam::aws:policy/` +
                  'service-role/AWSLambdaVPCAccessExecutionRole',
              ),
            ],
          }
        : {}),
    },
  };
}

/** The function of a service reads the table, and writes only documents: {@link documentWrites}. */
const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE = [
  ...READ,
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].map(
    (action) => `dynamodb:${action}`,
  ),
];
/**
 * The collections that the function of every service writes: the resources in a plan, and resources
 * that are not in an approved plan.
 */
const PLAN_COLLECTIONS = ['plan', 'drift'] as const;
/**
 * The collections that the function of a service with a suspension or a provisioning writes: the
 * states of resources before a suspension, and the claims of resources to create.
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
    allow(['dynamodb:PutItem', 'dynamodb:DeleteItem'], tableArn(stack), {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
    }),
  ];
}
const RECEIVE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const FIND_QUEUE = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];
const SEND = ['sqs:SendMessage', ...FIND_QUEUE];

function permissionsOf(definition: FunctionDefinition, stack: Stack): object[] {
  const { name, queue, flushesOutboxes } = definition;
  const { topology, parameters } = stack;
  const index = sub(`${tableArn(stack)['Fn::Sub']}/index/${topology.table.indexes[0]?.name}`);
  const delayed = delayedMessageQueue(name, stack);
  return [
    // The ARN of the log group ends with a wildcard for its streams.
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], attribute(logGroupId(name))),
    allow(name.startsWith('service-') ? READ : WRITE, tableArn(stack)),
    ...documentWrites(name, stack),
    ...(flushesOutboxes ? [allow(['dynamodb:Query'], index)] : []),
    allow(['events:PutEvents'], attribute('Bus')),
    allow(['secretsmanager:GetSecretValue'], secretArn(stack)),
    ...(queue ? receivePermissions(queue.name) : []),
    ...(delayed ? [allow(SEND, attribute(queueId(delayed)))] : []),
    ...(flushesOutboxes ? allQueuesPermissions(definition, stack) : []),
    // A policy for X-Ray cannot name resources.
    ...(parameters.tracing
      ? [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')]
      : []),
    ...(needsSchedules(definition) ? schedulePermissions(stack) : []),
    // The function reads the ARN of the queue for undelivered events, because a schedule names it.
    ...(needsSchedules(definition) && !flushesOutboxes
      ? [allow(FIND_QUEUE, attribute('Undelivered'))]
      : []),
    ...(parameters.kmsKey
      ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
      : []),
  ];
}

/** Permits a function to receive from its queue, and to send to its dead-letter queue. */
const receivePermissions = (queue: string) => [
  allow([...RECEIVE, ...FIND_QUEUE], attribute(queueId(queue))),
  allow(SEND, attribute(deadLetterQueueId(queue))),
];

/**
 * Permits a function to send to every queue and dead-letter queue. The function `api` may also
 * receive dead-letter messages. These statements name each queue only once, because the policies of
 * a role are limited to 10,240 characters.
 */
function allQueuesPermissions({ name }: FunctionDefinition, { topology }: Stack) {
  const queues = topology.queues.map(({ queue }) => attribute(queueId(queue)));
  const dead = topology.queues.map(({ queue }) => attribute(deadLetterQueueId(queue)));
  return [
    allow(SEND, queues),
    allow([...SEND, ...(name === 'api' ? RECEIVE : [])], [...dead, attribute('Undelivered')]),
  ];
}

/**
 * Returns the queue to which a function sends delayed messages. `ingest` postpones notifications.
 * The function of an HTTP plugin that reports later asks the coordinator to check its report.
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
  allow(
    ['scheduler:CreateSchedule'],
    sub(
      `arn:${pseudo('Partition')}:scheduler:${pseudo('Region')}:${pseudo('AccountId')}:` +
        `schedule/${topology.scheduleGroup}/*`,
    ),
  ),
  allow(['iam:PassRole'], attribute('SchedulerRole'), {
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
          allow(
            ['sqs:SendMessage'],
            [
              ...topology.queues.map(({ queue }) => attribute(queueId(queue))),
              attribute('Undelivered'),
            ],
          ),
          ...(parameters.kmsKey
            ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
            : []),
        ]),
      },
    ],
  },
});
