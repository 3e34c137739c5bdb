import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import { type AlarmSpec, alarm, type Runbook, type Severity } from './alarm.ts';
import { logicalId, type Resources, ref } from './cloudformation.ts';
import { functionsOf } from './functions.ts';
import type { Stack } from './stack.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;

/** The numbers of the alarms. The runbooks name the same numbers, and a test compares them. */
export const THRESHOLDS = {
  /**
   * Maximum age in seconds of the oldest message of a queue. A delayed message waits for up to
   * 900 s, and AWS does not document whether that counts as age.
   */
  oldestSeconds: { ingest: 1200, coordinate: 1200, service: 1800 },
  /** An alarm about age covers this many minutes. */
  oldestMinutes: 5,
  /** Failed invocations are retried, so a few within five minutes need no alarm. */
  errors: 5,
  errorMinutes: 5,
  throttleMinutes: 15,
  sweepMinutes: 30,
  api5xx: 5,
  apiMinutes: 5,
  /** The API's function ends after 29 s. */
  apiSeconds: 10,
  apiSlowMinutes: 15,
} as const;

/** All alarms of the stack. */
export function alarms(stack: Stack): Resources {
  const { prefix, topology } = stack;
  const specs: [string, AlarmSpec][] = [
    ...topology.queues.flatMap((queue) => ofQueue(queue)),
    ...functionsOf(stack).flatMap(({ name }) => ofFunction(name, prefix)),
    ...ofDelivery(stack),
    ...ofApi(stack),
    ...ofCustomMetrics(stack),
  ];
  return Object.fromEntries(
    specs.map(([name, spec]) => [
      `${logicalId(name)}Alarm`,
      alarm(`${prefix}-${name}`, spec, stack),
    ]),
  );
}

const onQueue = (name: string, metric: string) => ({
  namespace: 'AWS/SQS',
  metric,
  dimensions: { QueueName: name },
  statistic: 'Maximum' as const,
});

/** Every operation needs these functions. If one of them fails, all operations stop. */
const severityOf = (name: string): Severity => (name.startsWith('service-') ? 'ticket' : 'page');

function ofQueue({
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
 * Alarm when a message has been in the queue in every hour of the first half of the retention time.
 * The age of the oldest message is unsuitable: SQS ignores messages received three times or more in
 * that metric, and each listing receives them. An alarm covers at most a week, which is this half.
 * If SQS itself moved a message here, its retention counts from its first sending.
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
  text: `${what} have waited for ${dead.retentionSeconds / 2 / DAY} days; SQS deletes each after ${dead.retentionSeconds / DAY} days.`,
  runbook,
});

const ofFunction = (name: string, prefix: string): [string, AlarmSpec][] => {
  const of = (metric: string) => ({
    severity: severityOf(name),
    namespace: 'AWS/Lambda',
    metric,
    dimensions: { FunctionName: `${prefix}-${name}` },
    statistic: 'Sum' as const,
    seconds: 300,
  });
  const { errors, errorMinutes, throttleMinutes } = THRESHOLDS;
  return [
    [
      `${name}-errors`,
      {
        ...of('Errors'),
        above: name === 'sweep' ? 0 : errors,
        times: errorMinutes / 5,
        text: `Invocations of the function ${name} end with an error.`,
        runbook: 'function-errors',
      },
    ],
    [
      `${name}-throttles`,
      {
        ...of('Throttles'),
        above: 0,
        times: throttleMinutes / 5,
        text: `Lambda does not start the function ${name}: its concurrency is used up.`,
        runbook: 'function-throttles',
      },
    ],
  ];
};

function ofDelivery({ topology, prefix }: Stack): [string, AlarmSpec][] {
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
    // This alarm exists only for the two queues that every operation passes through. It also shows
    // a fault of the shared queue for undelivered events.
    ...(['ingest', 'coordinate'] as const).map((queue): [string, AlarmSpec] => [
      `${queue}-deliveries`,
      {
        severity: 'page',
        namespace: 'AWS/Events',
        // Events in the dead-letter queue of the rule have an alarm there. FailedInvocations counts
        // neither those events nor events that are still retried.
        metric: 'InvocationsFailedToBeSentToDlq',
        dimensions: { EventBusName: topology.bus, RuleName: `${prefix}-${queue}` },
        statistic: 'Sum',
        above: 0,
        seconds: 300,
        text: `Events for ${queue} are lost: neither its queue nor the queue for undelivered events accepted them.`,
        runbook: 'undelivered',
      },
    ]),
  ];
}

function ofApi({ prefix }: Stack): [string, AlarmSpec][] {
  const gateway = { namespace: 'AWS/ApiGateway', dimensions: { ApiId: ref('HttpApi') } };
  const { api5xx, apiMinutes, apiSeconds, apiSlowMinutes } = THRESHOLDS;
  return [
    [
      'api-errors',
      {
        severity: 'ticket',
        namespace: NAMESPACE,
        metric: 'ApiErrors',
        dimensions: { stage: prefix },
        statistic: 'Sum',
        above: 0,
        seconds: apiMinutes * 60,
        text: 'A request to the API ended with an unexpected error.',
        runbook: 'api-errors',
      },
    ],
    [
      'api-5xx',
      {
        ...gateway,
        // Without the API no person can stop, release or redrive anything.
        severity: 'page',
        metric: '5xx',
        statistic: 'Sum',
        above: api5xx,
        seconds: apiMinutes * 60,
        text: `More than ${api5xx} requests to the API failed (5xx) within ${apiMinutes} minutes.`,
        runbook: 'api-errors',
      },
    ],
    [
      'api-latency',
      {
        ...gateway,
        severity: 'ticket',
        metric: 'Latency',
        statistic: 'p99',
        above: apiSeconds * 1000,
        seconds: 300,
        times: apiSlowMinutes / 5,
        text: `Requests to the API take longer than ${apiSeconds} s (p99, ${apiSlowMinutes} minutes).`,
        runbook: 'api-errors',
      },
    ],
  ];
}

function ofCustomMetrics({ prefix, parameters }: Stack): [string, AlarmSpec][] {
  const own = (metric: string) => ({ namespace: NAMESPACE, metric, dimensions: { stage: prefix } });
  const silence = silenceOf(Number(parameters.silentMinutes));
  return [
    [
      'silent-source',
      {
        ...own('NotificationsReceived'),
        severity: 'page',
        statistic: 'Sum',
        above: 0,
        ...silence,
        silence: true,
        text: `No notification and no heartbeat of a relay arrived for ${(silence.times * silence.seconds) / 60} minutes.`,
        runbook: 'silent-source',
      },
    ],
    [
      'cap-hold',
      {
        ...own('Capped'),
        severity: 'page',
        statistic: 'Maximum',
        above: 0,
        seconds: 300,
        text: 'A cap holds operations until a person releases them. It may be a mass deletion by mistake.',
        runbook: 'cap-hold',
      },
    ],
    [
      'suspicious-deletions',
      {
        ...own('Suspicious'),
        severity: 'ticket',
        statistic: 'Maximum',
        above: 0,
        seconds: 900,
        text: 'Deletions of accounts that were never seen alive are held until a person decides.',
        runbook: 'suspicious-deletions',
      },
    ],
    [
      'enabled-during-hold',
      {
        ...own('EnabledDuringHold'),
        severity: 'ticket',
        statistic: 'Maximum',
        above: 0,
        seconds: 900,
        text: 'A project that an operator holds suspended is enabled in Keystone.',
        runbook: 'enabled-during-hold',
      },
    ],
    [
      'quarantine',
      {
        ...own('Quarantined'),
        severity: 'ticket',
        statistic: 'Sum',
        above: 0,
        seconds: 300,
        text: 'A notification could not be read and is in quarantine.',
        runbook: 'quarantine',
      },
    ],
    [
      'sweep-missing',
      {
        severity: 'page',
        namespace: 'AWS/Lambda',
        metric: 'Invocations',
        dimensions: { FunctionName: `${prefix}-sweep` },
        statistic: 'Sum',
        above: 0,
        seconds: 900,
        times: (THRESHOLDS.sweepMinutes * 60) / 900,
        silence: true,
        text: `The sweep did not run for ${THRESHOLDS.sweepMinutes} minutes.`,
        runbook: 'sweep-missing',
      },
    ],
  ];
}

/** An alarm covers at most a day, or a week if its periods are hours. */
function silenceOf(minutes: number): { seconds: number; times: number } {
  const seconds = minutes * 60 > DAY ? HOUR : 300;
  return { seconds, times: Math.max(1, Math.round((minutes * 60) / seconds)) };
}
