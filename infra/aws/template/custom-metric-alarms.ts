import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import type { AlarmSpec } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';
import type { Stack } from './stack.ts';

const HOUR_SECONDS = 3600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** Returns the alarms on the metrics of the propagator itself and on a missing sweep, by name. */
export const customMetricAlarms = ({ prefix, parameters }: Stack): [string, AlarmSpec][] => [
  ['silent-source', silentSourceAlarm(prefix, Number(parameters.silentMinutes))],
  ...decisionAlarms(prefix),
  ['sweep-missing', sweepMissingAlarm(prefix)],
];

/** A metric that the functions of this stack write. */
const customMetric = (prefix: string, metric: string) => ({
  namespace: NAMESPACE,
  metric,
  dimensions: { stage: prefix },
});

function silentSourceAlarm(prefix: string, silentMinutes: number): AlarmSpec {
  const silence = periodsOf(silentMinutes);
  return {
    ...customMetric(prefix, 'NotificationsReceived'),
    severity: 'page',
    statistic: 'Sum',
    threshold: 0,
    ...silence,
    isSilenceAlarm: true,
    text:
      'No notification and no heartbeat of a relay arrived for ' +
      `${(silence.periods * silence.periodSeconds) / 60} minutes.`,
    runbook: 'silent-source',
  };
}

/** Returns the alarms on everything that waits for the decision of an operator. */
const decisionAlarms = (prefix: string): [string, AlarmSpec][] => [
  [
    'cap-hold',
    {
      ...customMetric(prefix, 'Capped'),
      severity: 'page',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: 300,
      text:
        'A cap holds operations until a person releases them. ' +
        'The cause may be a mass deletion by mistake.',
      runbook: 'cap-hold',
    },
  ],
  [
    'suspicious-deletions',
    {
      ...customMetric(prefix, 'Suspicious'),
      severity: 'ticket',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: 900,
      text:
        'Deletions of accounts that the propagator never saw in Keystone are held until a ' +
        'person decides.',
      runbook: 'suspicious-deletions',
    },
  ],
  [
    'enabled-during-hold',
    {
      ...customMetric(prefix, 'EnabledDuringHold'),
      severity: 'ticket',
      statistic: 'Maximum',
      threshold: 0,
      periodSeconds: 900,
      text: 'A project that an operator holds suspended is enabled in Keystone.',
      runbook: 'enabled-during-hold',
    },
  ],
  [
    'quarantine',
    {
      ...customMetric(prefix, 'Quarantined'),
      severity: 'ticket',
      statistic: 'Sum',
      threshold: 0,
      periodSeconds: 300,
      text: 'A notification could not be read and is in quarantine.',
      runbook: 'quarantine',
    },
  ],
];

const sweepMissingAlarm = (prefix: string): AlarmSpec => ({
  severity: 'page',
  namespace: 'AWS/Lambda',
  metric: 'Invocations',
  dimensions: { FunctionName: `${prefix}-sweep` },
  statistic: 'Sum',
  threshold: 0,
  periodSeconds: 900,
  periods: (THRESHOLDS.sweepMinutes * 60) / 900,
  isSilenceAlarm: true,
  text: `The sweep did not run for ${THRESHOLDS.sweepMinutes} minutes.`,
  runbook: 'sweep-missing',
});

/**
 * Divides a time into periods of an alarm. CloudWatch allows at most a day for all periods
 * together, or a week if each period is at least an hour.
 */
function periodsOf(minutes: number): Required<Pick<AlarmSpec, 'periodSeconds' | 'periods'>> {
  const periodSeconds = minutes * 60 > DAY_SECONDS ? HOUR_SECONDS : 300;
  return { periodSeconds, periods: Math.max(1, Math.round((minutes * 60) / periodSeconds)) };
}
