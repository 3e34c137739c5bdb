import { documentPk } from '../../../lib/engine/aws/dynamodb/keys.ts';
import {
  allow,
  attribute,
  policy,
  pseudo,
  type Resource,
  type Resources,
  sub,
  trust,
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

/** The scheduler's role, and a role per function with the least permissions. */
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
      AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
      Policies: [
        { PolicyName: 'function', PolicyDocument: policy(permissionsOf(definition, stack)) },
      ],
      // An AWS managed policy has the permissions to create network interfaces, which have no ARN
      // before they exist.
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

/**
 * A service function may read the table, and reports by messages. It may write only its documents
 * (see {@link recordsOf}).
 */
const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE = [
  ...READ,
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].map(
    (action) => `dynamodb:${action}`,
  ),
];
/**
 * The documents of every service: the pages of a plan, and resources outside of an approved plan.
 */
const PLAN_RECORDS = ['plan', 'drift'] as const;
/**
 * The documents of services with a suspension or a provisioning: recorded states, and claims of
 * resources.
 */
const LIFECYCLE_RECORDS = ['suspension', 'provision'] as const;

/** Permits a service function to write its documents and no other rows. */
function recordsOf(name: FunctionDefinition['name'], stack: Stack): object[] {
  const service = stack.services.find((one) => name === `service-${one.name}`);
  if (!service) return [];
  const hasLifecycle = service.suspension !== undefined || service.provision !== undefined;
  const collections = [...PLAN_RECORDS, ...(hasLifecycle ? LIFECYCLE_RECORDS : [])];
  const keys = collections.map((collection) => documentPk(collection, '*'));
  return [
    allow(['dynamodb:PutItem', 'dynamodb:DeleteItem'], tableArn(stack), {
      'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': keys },
    }),
  ];
}
const RECEIVE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const FIND = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];
const SEND = ['sqs:SendMessage', ...FIND];

function permissionsOf(definition: FunctionDefinition, stack: Stack): object[] {
  const { name, queue, repairs } = definition;
  const { topology, parameters } = stack;
  const index = sub(`${tableArn(stack)['Fn::Sub']}/index/${topology.table.indexes[0]?.name}`);
  const delayed = delayedMessageQueue(name, stack);
  return [
    // The ARN of the log group ends with a wildcard for its streams.
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], attribute(logGroupId(name))),
    allow(name.startsWith('service-') ? READ : WRITE, tableArn(stack)),
    ...recordsOf(name, stack),
    ...(repairs ? [allow(['dynamodb:Query'], index)] : []),
    allow(['events:PutEvents'], attribute('Bus')),
    allow(['secretsmanager:GetSecretValue'], secretArn(stack)),
    ...(queue ? receivePermissions(queue.name) : []),
    ...(delayed ? [allow(SEND, attribute(queueId(delayed)))] : []),
    ...(repairs ? allQueuesPermissions(definition, stack) : []),
    // X-Ray has no resources that a policy could name.
    ...(parameters.tracing
      ? [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')]
      : []),
    ...(needsSchedules(definition) ? schedules(stack) : []),
    // A schedule names the queue for events that it could not deliver.
    ...(needsSchedules(definition) && !repairs ? [allow(FIND, attribute('Undelivered'))] : []),
    ...(parameters.kmsKey
      ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
      : []),
  ];
}

/** Permits a function to receive from its queue, and to send to its dead-letter queue. */
const receivePermissions = (queue: string) => [
  allow([...RECEIVE, ...FIND], attribute(queueId(queue))),
  allow(SEND, attribute(deadLetterQueueId(queue))),
];

/**
 * Permits a function to send to every queue and dead-letter queue. The API also receives
 * dead-letter messages. Each queue is named only once, because a role's policies are limited to
 * 10,240 characters.
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
 * Returns the queue to which the function sends delayed messages: a postponed notification, or a
 * check of an HTTP plug-in that reports later.
 */
function delayedMessageQueue(
  name: FunctionDefinition['name'],
  { httpPlugins }: Stack,
): 'ingest' | 'coordinate' | undefined {
  if (name === 'ingest') return 'ingest';
  return httpPlugins.some((remote) => name === `service-${remote.name}`) ? 'coordinate' : undefined;
}

/** Permits schedules of any name in the group of this stage, with the scheduler's role. */
const schedules = ({ topology }: Stack) => [
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
    AssumeRolePolicyDocument: trust('scheduler.amazonaws.com'),
    Policies: [
      {
        PolicyName: 'scheduler',
        PolicyDocument: policy([
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
