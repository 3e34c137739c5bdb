import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import { logicalId, type Resource, type Resources, ref } from './cloudformation.ts';
import { functionsOf } from './functions.ts';
import type { Stack } from './stack.ts';

/** Files in docs/runbooks/ that alarms link; a test fails while one is missing. */
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
 * Seconds after which the oldest message of a queue has waited too long. A queue holds back for up
 * to 900 s what is to wait, and nobody says whether that counts as age.
 */
const TOO_OLD = { ingest: 1200, coordinate: 1200, service: 1800 } as const;
const HOUR = 3600;
const DAY = 24 * HOUR;
/**
 * Errors of a function come again by themselves: a few within five minutes are no reason to wake
 * anybody.
 */
const ERRORS = 5;

interface Sign {
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: 'Maximum' | 'Sum';
  readonly above: number;
  readonly seconds?: number;
  readonly times?: number;
  /** Silence itself is the alarm. */
  readonly silence?: true;
  readonly says: string;
  readonly runbook: Runbook;
}

/** All alarms. They ring at the topic, and say when it is over. */
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
    // Not one for each: what breaks the queue of the undelivered, which all share, shows at these
    // two, through which every operation goes.
    ...(['ingest', 'coordinate'] as const).map((queue): [string, Sign] => [
      `${queue}-deliveries`,
      {
        namespace: 'AWS/Events',
        // What reached the dead-letter queue of the rule rings there; FailedInvocations leaves out
        // both that and what is still tried.
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
 * Half of the time that is left to a person has gone by: something has lain there in every hour of
 * it. The age of the oldest message does not say so, for SQS leaves out of it what was received
 * three times, and whoever looks at dead letters receives them. An alarm looks back a week at most,
 * which is that half. What SQS itself has moved there counts its days from when it was sent.
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

/** An alarm looks back a day at most, unless its periods are hours: then a week. */
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
    // A queue that nobody uses stops publishing, and that is well; a source that publishes nothing
    // is not.
    TreatMissingData: sign.silence ? 'breaching' : 'notBreaching',
    AlarmActions: [ref('Alarms')],
    OKActions: [ref('Alarms')],
  },
});
