import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import { logicalId, type Resource, type Resources, ref } from './cloudformation.ts';
import { functionsOf } from './functions.ts';
import type { Stack } from './stack.ts';

/** Files in docs/runbooks/ that alarms link. A test checks that each exists. */
export type Runbook =
  | 'dead-letters'
  | 'dead-letters-expire'
  | 'oldest-message'
  | 'function-errors'
  | 'function-throttles'
  | 'undelivered'
  | 'silent-source'
  | 'tripped-cap'
  | 'quarantine'
  | 'sweep-missing';

/**
 * Maximum age in seconds of the oldest message of a queue. A delayed message waits for up to 900 s,
 * and AWS does not document whether that counts as age.
 */
const TOO_OLD = { ingest: 1200, coordinate: 1200, service: 1800 } as const;
const HOUR = 3600;
const DAY = 24 * HOUR;
/** Failed invocations are retried, so a few within five minutes need no alarm. */
const ERRORS = 5;

interface Sign {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: 'Maximum' | 'Sum';
  readonly above: number;
  readonly seconds?: number;
  readonly times?: number;
  /** Missing data is the alarm. */
  readonly silence?: true;
  readonly says: string;
  readonly runbook: Runbook;
}

/** All alarms of the stack. They notify the topic when they start and when they end. */
export function alarms(stack: Stack): Resources {
  const { topology, prefix } = stack;
  const own = (metric: string) => ({ namespace: NAMESPACE, metric, dimensions: { stage: prefix } });
  const silence = silenceOf(Number(stack.parameters.silentMinutes));
  const signs: [string, Sign][] = [
    ...topology.queues.flatMap((queue) => ofQueue(queue)),
    ...functionsOf(stack).flatMap(({ name }) => ofFunction(name, prefix)),
    [
      'undelivered',
      {
        ...onQueue(topology.undelivered.name, 'ApproximateNumberOfMessagesVisible'),
        above: 0,
        says: 'EventBridge could not deliver events to a queue for a day.',
        runbook: 'undelivered',
      },
    ],
    ['undelivered-expires', expiring(topology.undelivered, 'undelivered', 'Undelivered events')],
    // Only for the two queues that every operation passes through. A fault of the shared queue for
    // undelivered events shows there.
    ...(['ingest', 'coordinate'] as const).map((queue): [string, Sign] => [
      `${queue}-deliveries`,
      {
        namespace: 'AWS/Events',
        // Events in the dead-letter queue of the rule have an alarm there. FailedInvocations covers
        // neither these nor events that are still retried.
        metric: 'InvocationsFailedToBeSentToDlq',
        dimensions: { EventBusName: topology.bus, RuleName: `${prefix}-${queue}` },
        statistic: 'Sum',
        above: 0,
        seconds: 300,
        says: `Events for ${queue} are lost: neither its queue nor that of the undelivered took them.`,
        runbook: 'undelivered',
      },
    ]),
    [
      'silent-source',
      {
        ...own('Heard'),
        statistic: 'Sum',
        above: 0,
        ...silence,
        silence: true,
        says: `No notification and no heartbeat of a relay for ${(silence.times * silence.seconds) / 60} minutes.`,
        runbook: 'silent-source',
      },
    ],
    [
      'tripped-cap',
      {
        ...own('Capped'),
        statistic: 'Maximum',
        above: 0,
        seconds: 300,
        says: 'A cap has stopped operations; a person must look and release them.',
        runbook: 'tripped-cap',
      },
    ],
    [
      'quarantine',
      {
        ...own('Quarantined'),
        statistic: 'Sum',
        above: 0,
        seconds: 300,
        says: 'A notification could not be read and lies in quarantine.',
        runbook: 'quarantine',
      },
    ],
    [
      'sweep-missing',
      {
        namespace: 'AWS/Lambda',
        metric: 'Invocations',
        dimensions: { FunctionName: `${prefix}-sweep` },
        statistic: 'Sum',
        above: 0,
        seconds: 900,
        times: 2,
        silence: true,
        says: 'The sweep did not run for half an hour.',
        runbook: 'sweep-missing',
      },
    ],
  ];
  return Object.fromEntries(
    signs.map(([name, sign]) => [
      `${logicalId(name)}Alarm`,
      alarm(`${prefix}-${name}`, sign, stack),
    ]),
  );
}

const onQueue = (name: string, metric: string) => ({
  namespace: 'AWS/SQS',
  metric,
  dimensions: { QueueName: name },
  statistic: 'Maximum' as const,
});

function ofQueue({ queue, name, dead }: Stack['topology']['queues'][number]): [string, Sign][] {
  const tooOld = queue === 'ingest' || queue === 'coordinate' ? TOO_OLD[queue] : TOO_OLD.service;
  return [
    [
      `${queue}-dead-letters`,
      {
        ...onQueue(dead.name, 'ApproximateNumberOfMessagesVisible'),
        above: 0,
        says: `${queue} has given messages up.`,
        runbook: 'dead-letters',
      },
    ],
    [
      `${queue}-dead-letters-expire`,
      expiring(dead, 'dead-letters-expire', `Dead letters of ${queue}`),
    ],
    [
      `${queue}-oldest`,
      {
        ...onQueue(name, 'ApproximateAgeOfOldestMessage'),
        above: tooOld,
        times: 5,
        says: `The oldest message of ${queue} has waited for more than ${tooOld} s.`,
        runbook: 'oldest-message',
      },
    ],
  ];
}

/**
 * Alarm when a message has been in the queue in every hour of the first half of the retention time.
 * The age of the oldest message is unsuitable: SQS ignores messages received three times or more in
 * that metric, and each listing receives them. An alarm covers at most a week, which is this half.
 * If SQS itself moved a message here, its retention counts from its first sending.
 */
const expiring = (
  dead: { readonly name: string; readonly retentionSeconds: number },
  runbook: Runbook,
  what: string,
): Sign => ({
  ...onQueue(dead.name, 'ApproximateNumberOfMessagesVisible'),
  above: 0,
  seconds: HOUR,
  times: dead.retentionSeconds / 2 / HOUR,
  says: `${what} have lain there for ${dead.retentionSeconds / 2 / DAY} days: the oldest are gone for good in a few more.`,
  runbook,
});

/** An alarm covers at most a day, or a week if its periods are hours. */
function silenceOf(minutes: number): { seconds: number; times: number } {
  const seconds = minutes * 60 > DAY ? HOUR : 300;
  return { seconds, times: Math.max(1, Math.round((minutes * 60) / seconds)) };
}

const ofFunction = (name: string, prefix: string): [string, Sign][] => {
  const of = (metric: string) => ({
    namespace: 'AWS/Lambda',
    metric,
    dimensions: { FunctionName: `${prefix}-${name}` },
    statistic: 'Sum' as const,
    seconds: 300,
  });
  return [
    [
      `${name}-errors`,
      {
        ...of('Errors'),
        above: name === 'sweep' ? 0 : ERRORS,
        says: `The function ${name} dies.`,
        runbook: 'function-errors',
      },
    ],
    [
      `${name}-throttles`,
      {
        ...of('Throttles'),
        above: 0,
        times: 3,
        says: `The function ${name} is not let run.`,
        runbook: 'function-throttles',
      },
    ],
  ];
};

const alarm = (name: string, sign: Sign, { parameters: { runbooks } }: Stack): Resource => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmName: name,
    AlarmDescription: `${sign.says} ${runbooks.replace(/\/$/, '')}/${sign.runbook}.md`,
    Namespace: sign.namespace,
    MetricName: sign.metric,
    Dimensions: Object.entries(sign.dimensions).map(([Name, Value]) => ({ Name, Value })),
    Statistic: sign.statistic,
    Period: sign.seconds ?? 60,
    EvaluationPeriods: sign.times ?? 1,
    Threshold: sign.above,
    ComparisonOperator: sign.silence ? 'LessThanOrEqualToThreshold' : 'GreaterThanThreshold',
    // An unused queue sends no metrics, which is no fault. A silent source is one.
    TreatMissingData: sign.silence ? 'breaching' : 'notBreaching',
    AlarmActions: [ref('Alarms')],
    OKActions: [ref('Alarms')],
  },
});
