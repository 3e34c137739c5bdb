import type { AlarmSpec, Runbook } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';
import { severityOf } from './function-alarms.ts';
import type { Stack } from './stack.ts';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

const queueMetric = (name: string, metric: string) => ({
  namespace: 'AWS/SQS',
  metric,
  dimensions: { QueueName: name },
  statistic: 'Maximum' as const,
});

/** Returns the alarms on one queue and its dead-letter queue, by name. */
export function queueAlarms({
  queue,
  name,
  deadLetterQueue,
}: Stack['topology']['queues'][number]): [string, AlarmSpec][] {
  const { oldestMessageSeconds, oldestMessageMinutes } = THRESHOLDS;
  const maxAgeSeconds =
    queue === 'ingest' || queue === 'coordinate'
      ? oldestMessageSeconds[queue]
      : oldestMessageSeconds.service;
  const severity = severityOf(queue);
  return [
    [
      `${queue}-dead-letters`,
      {
        ...queueMetric(deadLetterQueue.name, 'ApproximateNumberOfMessagesVisible'),
        severity,
        threshold: 0,
        text: `The queue ${queue} has dead-letter messages.`,
        runbook: 'dead-letters',
      },
    ],
    [
      `${queue}-dead-letters-expire`,
      expiryAlarm(deadLetterQueue, 'dead-letters-expire', `Dead-letter messages of ${queue}`),
    ],
    [
      `${queue}-oldest`,
      {
        ...queueMetric(name, 'ApproximateAgeOfOldestMessage'),
        severity,
        threshold: maxAgeSeconds,
        periods: oldestMessageMinutes,
        text:
          `The oldest message of the queue ${queue} has waited for more than ` +
          `${maxAgeSeconds} s.`,
        runbook: 'oldest-message',
      },
    ],
  ];
}

/**
 * Returns an alarm that starts when a dead-letter queue has not been empty for half of its
 * retention time. Half of this time is a week, the longest time that an alarm covers. The metric
 * with the age of the oldest message is no alternative: SQS excludes messages that were received
 * three times or more, and each listing of the dead letters receives all messages. If SQS itself
 * moved a message to this queue, the message expires earlier than the text of the alarm says: its
 * retention time began when the message was first sent. `messages`: the name of the messages in the
 * text of the alarm.
 */
const expiryAlarm = (
  deadLetterQueue: { readonly name: string; readonly retentionSeconds: number },
  runbook: Runbook,
  messages: string,
): AlarmSpec => ({
  ...queueMetric(deadLetterQueue.name, 'ApproximateNumberOfMessagesVisible'),
  severity: 'page',
  threshold: 0,
  periodSeconds: HOUR_SECONDS,
  periods: deadLetterQueue.retentionSeconds / 2 / HOUR_SECONDS,
  text:
    `${messages} have waited for ${deadLetterQueue.retentionSeconds / 2 / DAY_SECONDS} days; ` +
    `SQS deletes each after ${deadLetterQueue.retentionSeconds / DAY_SECONDS} days.`,
  runbook,
});

/** Returns the alarms on events that EventBridge could not deliver, by name. */
export function deliveryAlarms({ topology, prefix }: Stack): [string, AlarmSpec][] {
  return [
    [
      'undelivered',
      {
        ...queueMetric(topology.undelivered.name, 'ApproximateNumberOfMessagesVisible'),
        severity: 'page',
        threshold: 0,
        text: 'EventBridge could not deliver events to a queue.',
        runbook: 'undelivered',
      },
    ],
    ['undelivered-expires', expiryAlarm(topology.undelivered, 'undelivered', 'Undelivered events')],
    // Alarms on the rules of these two queues are enough. Every operation uses both queues, and an
    // event is lost only if the queue for undelivered events, which all rules share, refuses it.
    ...(['ingest', 'coordinate'] as const).map((queue): [string, AlarmSpec] => [
      `${queue}-deliveries`,
      {
        severity: 'page',
        namespace: 'AWS/Events',
        // The alarm `undelivered` covers events that are in the queue for undelivered events.
        metric: 'InvocationsFailedToBeSentToDlq',
        dimensions: { EventBusName: topology.bus, RuleName: `${prefix}-${queue}` },
        statistic: 'Sum',
        threshold: 0,
        periodSeconds: 300,
        text:
          `Events for ${queue} are lost: its queue and the queue for undelivered events ` +
          'did not accept them.',
        runbook: 'undelivered',
      },
    ]),
  ];
}
