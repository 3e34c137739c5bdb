import { SOURCE } from '../names.ts';
import { allow, attribute, logicalId, policy, type Resources, ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** Of what could not be delivered, EventBridge tries for a day. */
const DELIVERY = { MaximumRetryAttempts: 185, MaximumEventAgeInSeconds: 24 * 60 * 60 };

export const queueId = (queue: string): string => `${logicalId(queue)}Queue`;
export const deadId = (queue: string): string => `${logicalId(queue)}DeadLetters`;
export const ruleId = (queue: string): string => `${logicalId(queue)}Rule`;

/** The bus, its archive, and for each queue of the topology: the queue, its dead letters, the rule that feeds it and who may send to it. */
export function routes(stack: Stack): Resources {
  const { topology, prefix, parameters } = stack;
  const rules = topology.rules.map(({ queue }) => attribute(ruleId(queue)));
  return {
    Bus: {
      Type: 'AWS::Events::EventBus',
      Properties: { Name: topology.bus, ...(parameters.kmsKey ? { KmsKeyIdentifier: parameters.kmsKey } : {}) },
    },
    Archive: {
      Type: 'AWS::Events::Archive',
      Properties: {
        ArchiveName: prefix,
        Description: 'All that travelled, for a replay',
        SourceArn: attribute('Bus'),
        EventPattern: { source: [SOURCE] },
        RetentionDays: Number(parameters.archiveDays),
      },
    },
    ScheduleGroup: { Type: 'AWS::Scheduler::ScheduleGroup', Properties: { Name: topology.scheduleGroup } },
    Undelivered: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        QueueName: topology.undelivered.name,
        MessageRetentionPeriod: topology.undelivered.retentionSeconds,
        ...encrypted(stack),
      },
    },
    UndeliveredPolicy: senders('Undelivered', rules),
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
        RedrivePolicy: { deadLetterTargetArn: attribute(deadId(queue.queue)), maxReceiveCount: queue.mostReceives },
        ...encrypted(stack),
      },
    },
    [deadId(queue.queue)]: {
      Type: 'AWS::SQS::Queue',
      Properties: { QueueName: queue.dead.name, MessageRetentionPeriod: queue.dead.retentionSeconds, ...encrypted(stack) },
    },
    [`${queueId(queue.queue)}Policy`]: senders(queueId(queue.queue), [attribute(ruleId(queue.queue))]),
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
          { Id: 'queue', Arn: attribute(queueId(queue)), DeadLetterConfig: { Arn: attribute('Undelivered') }, RetryPolicy: DELIVERY },
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

const encrypted = ({ parameters: { kmsKey } }: Stack) =>
  kmsKey ? { KmsMasterKeyId: kmsKey, KmsDataKeyReusePeriodSeconds: 3600 } : { SqsManagedSseEnabled: true };
