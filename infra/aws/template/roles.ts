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
  mayWaitLong,
  networkOf,
  roleId,
} from './functions.ts';
import { deadLetterQueueId, queueId } from './routes.ts';
import type { Stack } from './stack.ts';

/** The scheduler's role and a role per function, each with the least permissions. */
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
      // Network interfaces have no ARN before they exist. An AWS managed policy holds the
      // permissions to create them.
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
 * A service function reads its operation from the table, including an administrator's request and
 * hold. It reports by messages. The only rows that it may write are its documents, see
 * {@link recordsOf}.
 */
const READ = ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'];
const WRITE = [
  ...READ,
  ...['PutItem', 'UpdateItem', 'DeleteItem', 'BatchWriteItem'].map(
    (action) => `dynamodb:${action}`,
  ),
];
/** Documents of every service: the pages of a plan, and resources outside of an approved plan. */
const PLAN_RECORDS = ['plan', 'drift'] as const;
/** The documents in which suspend records a state, and provision claims a resource. */
const LIFECYCLE_RECORDS = ['suspension', 'provision'] as const;

/** Permits a service function to write its documents, and no other row. */
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
const TAKE = ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:ChangeMessageVisibility'];
const FIND = ['sqs:GetQueueUrl', 'sqs:GetQueueAttributes'];

function rightsOf(of: FunctionDefinition, stack: Stack): object[] {
  const { name, queue, repairs } = of;
  const { topology, parameters } = stack;
  const all = topology.queues.map((of) => of.queue);
  const queues = all.map((one) => attribute(queueId(one)));
  const dead = all.map((one) => attribute(deadLetterQueueId(one)));
  const index = sub(`${tableArn(stack)['Fn::Sub']}/index/${topology.table.indexes[0]?.name}`);
  return [
    // The ARN of the log group ends with a wildcard for its streams.
    allow(['logs:CreateLogStream', 'logs:PutLogEvents'], attribute(logGroupId(name))),
    allow(name.startsWith('service-') ? READ : WRITE, tableArn(stack)),
    ...recordsOf(name, stack),
    ...(repairs ? [allow(['dynamodb:Query'], index)] : []),
    allow(['events:PutEvents'], attribute('Bus')),
    allow(['secretsmanager:GetSecretValue'], secretArn(stack)),
    ...(queue
      ? [
          allow([...TAKE, ...FIND], attribute(queueId(queue.name))),
          allow(['sqs:SendMessage', ...FIND], attribute(deadLetterQueueId(queue.name))),
        ]
      : []),
    ...(sendsBack(name, stack)
      ? [allow(['sqs:SendMessage', ...FIND], attribute(queueId(sendsBack(name, stack) ?? '')))]
      : []),
    // Name each queue only once, because a role's policies are limited to 10,240 characters.
    ...(repairs
      ? [
          allow(['sqs:SendMessage', ...FIND], queues),
          allow(
            ['sqs:SendMessage', ...FIND, ...(name === 'api' ? TAKE : [])],
            [...dead, attribute('Undelivered')],
          ),
        ]
      : []),
    // X-Ray has no resources that a policy could name.
    ...(parameters.tracing
      ? [allow(['xray:PutTraceSegments', 'xray:PutTelemetryRecords'], '*')]
      : []),
    ...(mayWaitLong(of) ? schedules(stack) : []),
    // A schedule names the queue for events that it could not deliver.
    ...(mayWaitLong(of) && !repairs ? [allow(FIND, attribute('Undelivered'))] : []),
    ...(parameters.kmsKey
      ? [allow(['kms:Decrypt', 'kms:GenerateDataKey'], parameters.kmsKey)]
      : []),
  ];
}

/**
 * The only queue to which the function sends delayed messages. They are a postponed notification,
 * or a check on an HTTP plug-in that sends its report later.
 */
function sendsBack(
  name: FunctionDefinition['name'],
  { httpPlugins }: Stack,
): 'ingest' | 'coordinate' | undefined {
  if (name === 'ingest') return 'ingest';
  return httpPlugins.some((remote) => name === `service-${remote.name}`) ? 'coordinate' : undefined;
}

/**
 * Permits schedules of any name in the group of this stage. They may use only the role of the
 * scheduler.
 */
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
