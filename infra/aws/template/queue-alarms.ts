import type { AlarmSpec, Runbook } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';
import { severityOf } from './function-alarms.ts';
import type { Stack } from './stack.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

const onQueue = (name: string, metric: string) => ({
  namespace: 'AWS/SQS',
  metric,
  dimensions: { QueueName: name },
  statistic: 'Maximum' as const,
});

/** The alarms of one queue and its dead-letter queue. */
export function ofQueue({
  queue,
  name,
  dead,
}: Stack['topology']['queues'][number]): [string, AlarmSpec][] {
  const { oldestSeconds, oldestMinutes } = THRESHOLDS;
  const tooOld =
    queue === 'ingest' || queue === 'coordinate' ? oldestSeconds[queue] : oldestSeconds.service;
  const severity = severityOf(queue);
  return [
    [
      `${queue}-dead-letters`,
      {
        ...onQueue(dead.name, 'ApproximateNumberOfMessagesVisible'),
        severity,
        above: 0,
        text: `The queue ${queue} has dead-letter messages.`,
        runbook: 'dead-letters',
      },
    ],
    [
      `${queue}-dead-letters-expire`,
      expiring(dead, 'dead-letters-expire', `Dead-letter messages of ${queue}`),
    ],
    [
      `${queue}-oldest`,
      {
        ...onQueue(name, 'ApproximateAgeOfOldestMessage'),
        severity,
        above: tooOld,
        times: oldestMinutes,
        text: `The oldest message of the queue ${queue} has waited for more than ${tooOld} s.`,
        runbook: 'oldest-message',
      },
    ],
  ];
}

/**
 * Returns an alarm that starts after messages have waited for half of the retention time. Half of
 * it is a week, which is the longest time that an alarm covers. The metric with the age of the
 * oldest message is not useful: SQS excludes messages that were received three times or more, and
 * each listing receives all messages. If SQS moved a message to this queue, the retention counts
 * from the first time when the message was sent.
 */
const expiring = (
  dead: { readonly name: string; readonly retentionSeconds: number },
  runbook: Runbook,
  what: string,
): AlarmSpec => ({
  ...onQueue(dead.name, 'ApproximateNumberOfMessagesVisible'),
  severity: 'page',
  above: 0,
  seconds: HOUR,
  times: dead.retentionSeconds / 2 / HOUR,
  text:
    `${what} have waited for ${dead.retentionSeconds / 2 / DAY} days; ` +
    `SQS deletes each after ${dead.retentionSeconds / DAY} days.`,
  runbook,
});

/** The alarms about events that EventBridge could not deliver. */
export function ofDelivery({ topology, prefix }: Stack): [string, AlarmSpec][] {
  return [
    [
      'undelivered',
      {
        ...onQueue(topology.undelivered.name, 'ApproximateNumberOfMessagesVisible'),
        severity: 'page',
        above: 0,
        text: 'EventBridge could not deliver events to a queue.',
        runbook: 'undelivered',
      },
    ],
    ['undelivered-expires', expiring(topology.undelivered, 'undelivered', 'Undelivered events')],
    // These two queues suffice, because every operation uses them, and all rules share the queue
    // for undelivered events.
    ...(['ingest', 'coordinate'] as const).map((queue): [string, AlarmSpec] => [
      `${queue}-deliveries`,
      {
        severity: 'page',
        namespace: 'AWS/Events',
        // The alarm `undelivered` covers events in the rule's dead-letter queue.
        metric: 'InvocationsFailedToBeSentToDlq',
        dimensions: { EventBusName: topology.bus, RuleName: `${prefix}-${queue}` },
        statistic: 'Sum',
        above: 0,
        seconds: 300,
        text:
          `Events for ${queue} are lost: its queue and the queue for undelivered events ` +
          'did not accept them.',
        runbook: 'undelivered',
      },
    ]),
  ];
}
