import type { Message } from '../../../events/index.ts';
import { SOURCE } from '../../../lib/engine/aws/names.ts';
import { allow, attribute, logicalId, policy, type Resources, ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** Of what could not be delivered, EventBridge tries for a day. */
const DELIVERY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 24 * 60 * 60 };

/** What a person decides. */
const DECISIONS = [
  'operation.released',
  'task.redriven',
  'task.discarded',
] as const satisfies readonly Message['type'][];
/** What SQS takes now; a queue that was made without a word of it may take a quarter. */
const MOST_BYTES = 1024 * 1024;

export const queueId = (queue: string): string => `${logicalId(queue)}Queue`;
export const deadId = (queue: string): string => `${logicalId(queue)}DeadLetters`;
export const policyId = (queue: string): string => `${queue}Policy`;
export const ruleId = (queue: string): string => `${logicalId(queue)}Rule`;

/**
 * The bus, its archive, and for each queue of the topology: the queue, its dead letters, the rule
 * that feeds it and who may send to it.
 */
export function routes(stack: Stack): Resources {
  const { topology, prefix, parameters } = stack;
  const rules = topology.rules.map(({ queue }) => attribute(ruleId(queue)));
  return {
    Bus: {
      Type: 'AWS::Events::EventBus',
      Properties: {
        Name: topology.bus,
        // With a key of one's own the bus itself can fail on an event, before any rule has seen it:
        // while the key is disabled.
        ...(parameters.kmsKey
          ? {
              KmsKeyIdentifier: parameters.kmsKey,
              DeadLetterConfig: { Arn: attribute('Undelivered') },
            }
          : {}),
      },
    },
    Archive: {
      Type: 'AWS::Events::Archive',
      Properties: {
        ArchiveName: prefix,
        Description: 'All that travelled, for a replay',
        SourceArn: attribute('Bus'),
        // What a person decided was meant for that moment: replayed, it would decide again.
        EventPattern: { source: [SOURCE], 'detail-type': [{ 'anything-but': DECISIONS }] },
        ...(parameters.kmsKey ? { KmsKeyIdentifier: parameters.kmsKey } : {}),
        RetentionDays: Number(parameters.archiveDays),
      },
    },
    ScheduleGroup: {
      Type: 'AWS::Scheduler::ScheduleGroup',
      Properties: { Name: topology.scheduleGroup },
    },
    Undelivered: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: topology.undelivered.name,
        MessageRetentionPeriod: topology.undelivered.retentionSeconds,
        ...common(stack),
      },
    },
    [policyId('Undelivered')]: senders('Undelivered', [
      ...rules,
      ...(parameters.kmsKey ? [attribute('Bus')] : []),
    ]),
    ...Object.assign({}, ...topology.queues.map((queue) => queueWithDeadLetters(queue, stack))),
    ...Object.assign({}, ...topology.rules.map((rule) => ruleInto(rule))),
  };
}

function queueWithDeadLetters(queue: Stack['topology']['queues'][number], stack: Stack): Resources {
  return {
    [queueId(queue.queue)]: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: queue.name,
        VisibilityTimeout: queue.visibilitySeconds,
        MessageRetentionPeriod: queue.retentionSeconds,
        RedrivePolicy: {
          deadLetterTargetArn: attribute(deadId(queue.queue)),
          maxReceiveCount: queue.mostReceives,
        },
        ...common(stack),
      },
    },
    [deadId(queue.queue)]: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: queue.dead.name,
        MessageRetentionPeriod: queue.dead.retentionSeconds,
        ...common(stack),
      },
    },
    [policyId(queueId(queue.queue))]: senders(queueId(queue.queue), [
      attribute(ruleId(queue.queue)),
    ]),
  };
}

function ruleInto({ name, queue, pattern }: Stack['topology']['rules'][number]): Resources {
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
            Arn: attribute(queueId(queue)),
            DeadLetterConfig: { Arn: attribute('Undelivered') },
            RetryPolicy: DELIVERY,
          },
        ],
      },
    },
  };
}

/** These rules may send to the queue, and nobody else whom his own role does not let. */
const senders = (queue: string, rules: readonly object[]) => ({
  Type: 'AWS::SQS::QueuePolicy',
  Properties: {
    Queues: [ref(queue)],
    PolicyDocument: policy([
      {
        ...allow(['sqs:SendMessage'], attribute(queue), { ArnEquals: { 'aws:SourceArn': rules } }),
        Principal: { Service: 'events.amazonaws.com' },
      },
    ]),
  },
});

const common = ({ parameters: { kmsKey } }: Stack) => ({
  MaximumMessageSize: MOST_BYTES,
  ...(kmsKey
    ? { KmsMasterKeyId: kmsKey, KmsDataKeyReusePeriodSeconds: 3600 }
    : { SqsManagedSseEnabled: true }),
});
