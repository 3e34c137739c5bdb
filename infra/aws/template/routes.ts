import type { Message } from '../../../events/index.ts';
import { EVENT_SOURCE } from '../../../lib/engine/aws/names.ts';
import {
  allowStatement,
  denyWithoutTls,
  getAttribute,
  logicalId,
  policyDocument,
  type Resources,
  ref,
} from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** EventBridge retries the delivery of an event to a queue for a day. */
const RETRY_POLICY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 24 * 60 * 60 };

/** The types of the messages with a decision of a person. */
const DECISION_EVENTS = [
  'operation.released',
  'operation.canceled',
  'task.redriven',
  'task.discarded',
] as const satisfies readonly Message['type'][];
/**
 * The maximum size of a message in SQS. A queue without this property may have a smaller limit
 * (256 KiB).
 */
const MAX_BYTES = 1024 * 1024;

export const queueId = (queue: string): string => `${logicalId(queue)}Queue`;
export const deadLetterQueueId = (queue: string): string => `${logicalId(queue)}DeadLetters`;
/** `queueLogicalId`: the id of a queue in the template, from {@link queueId}. */
export const policyId = (queueLogicalId: string): string => `${queueLogicalId}Policy`;
export const ruleId = (queue: string): string => `${logicalId(queue)}Rule`;

/** Builds the bus, the group of the schedules, and the queues of the topology with their rules. */
export function routeResources(stack: Stack): Resources {
  const { topology } = stack;
  return {
    ...busResources(stack),
    ScheduleGroup: {
      Type: 'AWS::Scheduler::ScheduleGroup',
      Properties: { Name: topology.scheduleGroup },
    },
    ...undeliveredResources(stack),
    ...Object.assign({}, ...topology.queues.map((queue) => queueWithDeadLetters(queue, stack))),
    // All dead-letter queues share one policy, because CloudFormation limits the number of
    // resources. The resource `*` in a policy means the queue that has the policy.
    DeadLettersPolicy: {
      Type: 'AWS::SQS::QueuePolicy',
      Properties: {
        Queues: topology.queues.map(({ queue }) => ref(deadLetterQueueId(queue))),
        PolicyDocument: policyDocument([denyWithoutTls(['sqs:*'], '*')]),
      },
    },
    ...Object.assign({}, ...topology.rules.map(ruleWithTarget)),
  };
}

/** Builds the bus and its archive. */
const busResources = ({ topology, prefix, parameters }: Stack): Resources => ({
  Bus: {
    Type: 'AWS::Events::EventBus',
    Properties: {
      Name: topology.bus,
      // While the KMS key of the operator is disabled, the bus itself cannot process an event.
      // It then sends the event to the queue for undelivered events.
      ...(parameters.kmsKey
        ? {
            KmsKeyIdentifier: parameters.kmsKey,
            DeadLetterConfig: { Arn: getAttribute('Undelivered') },
          }
        : {}),
    },
  },
  Archive: {
    Type: 'AWS::Events::Archive',
    Properties: {
      ArchiveName: prefix,
      Description: 'All events except decisions of persons, for a replay',
      SourceArn: getAttribute('Bus'),
      // A replay must not repeat a person's decision, so the archive omits these messages.
      EventPattern: {
        source: [EVENT_SOURCE],
        'detail-type': [{ 'anything-but': DECISION_EVENTS }],
      },
      ...(parameters.kmsKey ? { KmsKeyIdentifier: parameters.kmsKey } : {}),
      RetentionDays: Number(parameters.archiveDays),
    },
  },
});

/**
 * Builds the queue for undelivered events. Its policy permits all rules to send. It also permits
 * the bus to send if the operator has set a KMS key.
 */
function undeliveredResources(stack: Stack): Resources {
  const { topology, parameters } = stack;
  const rules = topology.rules.map(({ queue }) => getAttribute(ruleId(queue)));
  return {
    Undelivered: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: topology.undelivered.name,
        MessageRetentionPeriod: topology.undelivered.retentionSeconds,
        ...queueProperties(stack),
      },
    },
    [policyId('Undelivered')]: queuePolicy('Undelivered', [
      ...rules,
      ...(parameters.kmsKey ? [getAttribute('Bus')] : []),
    ]),
  };
}

/**
 * Builds a queue, its dead-letter queue, and the policy that lets the rule of the queue send to it.
 */
function queueWithDeadLetters(queue: Stack['topology']['queues'][number], stack: Stack): Resources {
  return {
    [queueId(queue.queue)]: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: queue.name,
        VisibilityTimeout: queue.visibilitySeconds,
        MessageRetentionPeriod: queue.retentionSeconds,
        RedrivePolicy: {
          deadLetterTargetArn: getAttribute(deadLetterQueueId(queue.queue)),
          maxReceiveCount: queue.maxReceives,
        },
        ...queueProperties(stack),
      },
    },
    [deadLetterQueueId(queue.queue)]: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: queue.deadLetterQueue.name,
        MessageRetentionPeriod: queue.deadLetterQueue.retentionSeconds,
        ...queueProperties(stack),
      },
    },
    [policyId(queueId(queue.queue))]: queuePolicy(queueId(queue.queue), [
      getAttribute(ruleId(queue.queue)),
    ]),
  };
}

function ruleWithTarget({ name, queue, pattern }: Stack['topology']['rules'][number]): Resources {
  return {
    [ruleId(queue)]: {
      Type: 'AWS::Events::Rule',
      Properties: {
        Name: name,
        EventBusName: ref('Bus'),
        EventPattern: pattern,
        Targets: [
          {
            Id: 'queue',
            Arn: getAttribute(queueId(queue)),
            DeadLetterConfig: { Arn: getAttribute('Undelivered') },
            RetryPolicy: RETRY_POLICY,
          },
        ],
      },
    },
  };
}

/**
 * Permits these rules to send to the queue. All other senders need the permission in their role.
 */
const queuePolicy = (queue: string, rules: readonly object[]) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [ref(queue)],
    PolicyDocument: policyDocument([
      {
        ...allowStatement(['sqs:SendMessage'], getAttribute(queue), {
          ArnEquals: { 'aws:SourceArn': rules },
        }),
        Principal: { Service: 'events.amazonaws.com' },
      },
      denyWithoutTls(['sqs:*'], getAttribute(queue)),
    ]),
  },
});

const queueProperties = ({ parameters: { kmsKey } }: Stack) => ({
  MaximumMessageSize: MAX_BYTES,
  ...(kmsKey
    ? { KmsMasterKeyId: kmsKey, KmsDataKeyReusePeriodSeconds: 3600 }
    : { SqsManagedSseEnabled: true }),
});
