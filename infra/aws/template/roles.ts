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
  mayWaitLong,
  networkOf,
  roleId,
} from './functions.ts';
import { deadId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** A role for each function, with what it needs and no more; and that of the scheduler. */
export function roles(stack: Stack): Resources {
  return {
    ...Object.fromEntries(
      functionsOf(stack).map((of) => [roleId(of.name), functionRole(of, stack)]),
    ),
    SchedulerRole: schedulerRole(stack),
  };
}

function functionRole(of: FunctionDefinition, stack: Stack): Resource {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
      Policies: [{ PolicyName: 'function', PolicyDocument: policy(rightsOf(of, stack)) }],
      // Interfaces in a network have no ARN before they are there; AWS keeps the rights to make
      // them in a policy of its own.
      ...(networkOf(stack)
        ? {
            ManagedPolicyArns: [
              sub(
                `arn:${pseudo('Partition')}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole`,
              ),
            ],
          }
        : {}),
    },
  };
}

/**
 * All that is known of an operation stands in the table, what a person asked for too: the function
 * of a service reads it, and reports.
 */
const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem'];
const WRITE = [
  ...READ,
  ...['Query', 'PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].map(
    (action) => `dynamodb:${action}`,
  ),
];
const TAKE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const FIND = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];

function rightsOf(of: FunctionDefinition, stack: Stack): object[] {
  const { name, queue, repairs } = of;
  const { topology, parameters } = stack;
  const all = topology.queues.map((of) => of.queue);
  const queues = all.map((one) => attribute(queueId(one)));
  const dead = all.map((one) => attribute(deadId(one)));
  const index = {
    'Fn::Join': ['', [tableArn(stack), `/index/${topology.table.indexes[0]?.name}`]],
  };
  return [
    // The group's ARN ends with the name of any stream in it.
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], attribute(logGroupId(name))),
    allow(name.startsWith('service-') ? READ : WRITE, tableArn(stack)),
    ...(repairs ? [allow(['dynamodb:Query'], index)] : []),
    allow(['events:PutEvents'], attribute('Bus')),
    allow(['secretsmanager:GetSecretValue'], secretArn(stack)),
    ...(queue
      ? [
          allow([...TAKE, ...FIND], attribute(queueId(queue.name))),
          allow(['sqs:SendMessage', ...FIND], attribute(deadId(queue.name))),
        ]
      : []),
    ...(sendsBack(name, stack)
      ? [allow(['sqs:SendMessage', ...FIND], attribute(queueId(sendsBack(name, stack) ?? '')))]
      : []),
    // Each of them named once: a role takes no more than 10,240 characters.
    ...(repairs
      ? [
          allow(['sqs:SendMessage', ...FIND], queues),
          allow(
            ['sqs:SendMessage', ...FIND, ...(name === 'api' ? TAKE : [])],
            [...dead, attribute('Undelivered')],
          ),
        ]
      : []),
    ...(mayWaitLong(of) ? schedules(stack) : []),
    // A schedule names the queue of what it could not deliver.
    ...(mayWaitLong(of) && !repairs ? [allow(FIND, attribute('Undelivered'))] : []),
    ...(parameters.kmsKey
      ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
      : []),
  ];
}

/**
 * The one queue that it puts messages on which are to wait: a notification for later, a question to
 * a service that reports by itself.
 */
function sendsBack(
  name: FunctionDefinition['name'],
  { httpPlugins }: Stack,
): 'ingest' | 'coordinate' | undefined {
  if (name === 'ingest') return 'ingest';
  return httpPlugins.some((remote) => name === `service-${remote.name}`) ? 'coordinate' : undefined;
}

/** Schedules of our own group, by any name; sent by the scheduler's role and no other. */
const schedules = ({ topology }: Stack) => [
  allow(
    ['scheduler:CreateSchedule'],
    sub(
      `arn:${pseudo('Partition')}:scheduler:${pseudo('Region')}:${pseudo('AccountId')}:schedule/${topology.scheduleGroup}/*`,
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
