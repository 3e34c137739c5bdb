import { pseudoRef, type Resource, ref, substitute } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** The runbooks in docs/runbooks/ to which alarms link. */
export const RUNBOOKS = [
  'api-errors',
  'cap-hold',
  'dead-letters',
  'dead-letters-expire',
  'enabled-during-hold',
  'function-errors',
  'function-throttles',
  'oldest-message',
  'quarantine',
  'silent-source',
  'suspicious-deletions',
  'sweep-missing',
  'undelivered',
] as const;
export type Runbook = (typeof RUNBOOKS)[number];

/**
 * `page`: a person must act now, even at night, because data is lost, all operations have stopped,
 * or a mass deletion may be in progress. `ticket`: a person must act within days.
 */
export type Severity = 'page' | 'ticket';
export const topicId = (severity: Severity): string =>
  severity === 'page' ? 'PageTopic' : 'TicketTopic';

/** The metric that one alarm watches, and the text of the alarm. */
export interface AlarmSpec {
  readonly severity: Severity;
  readonly namespace: string;
  readonly metric: string;
  readonly dimensions: Readonly<Record<string, unknown>>;
  readonly statistic: 'Maximum' | 'Sum' | 'p99';
  /** The alarm starts when the metric is above this number in all periods. */
  readonly threshold: number;
  /** The length of one period. The default is 60. */
  readonly periodSeconds?: number;
  /** The number of periods. The default is 1. */
  readonly periods?: number;
  /**
   * Set for an alarm that instead starts when the metric is missing, or is not above the threshold.
   */
  readonly isSilenceAlarm?: true;
  readonly text: string;
  readonly runbook: Runbook;
}

/** Returns the name of the dashboard with the texts of the runbooks. */
export const runbooksDashboard = ({ prefix }: Pick<Stack, 'prefix'>): string =>
  `${prefix}-runbooks`;

/**
 * Returns the URL of a runbook for the text of an alarm. Without the parameter `runbooks`, it is
 * the URL of the dashboard of this stack with the texts of the runbooks.
 */
function runbookUrl({ runbook }: AlarmSpec, stack: Stack): string {
  const { runbooks } = stack.parameters;
  if (runbooks !== '') return `${runbooks.replace(/\/$/, '')}/${runbook}.md`;
  const region = pseudoRef('Region');
  const cloudWatchUrl = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}`;
  return `${cloudWatchUrl}#dashboards/dashboard/${runbooksDashboard(stack)} (${runbook})`;
}

/** Builds an alarm, which notifies the topic of its severity at its start and at its end. */
export const alarmResource = (name: string, spec: AlarmSpec, stack: Stack): Resource => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmName: name,
    AlarmDescription: substitute(
      `[${spec.severity}] ${spec.text} Runbook: ${runbookUrl(spec, stack)}`,
    ),
    Namespace: spec.namespace,
    MetricName: spec.metric,
    Dimensions: Object.entries(spec.dimensions).map(([Name, Value]) => ({ Name, Value })),
    ...(spec.statistic === 'p99'
      ? { ExtendedStatistic: spec.statistic }
      : { Statistic: spec.statistic }),
    Period: spec.periodSeconds ?? 60,
    EvaluationPeriods: spec.periods ?? 1,
    Threshold: spec.threshold,
    ComparisonOperator: spec.isSilenceAlarm ? 'LessThanOrEqualToThreshold' : 'GreaterThanThreshold',
    // SQS sends no metrics of an unused queue. A missing metric is therefore normal, except for a
    // silence alarm.
    TreatMissingData: spec.isSilenceAlarm ? 'breaching' : 'notBreaching',
    AlarmActions: [ref(topicId(spec.severity))],
    OKActions: [ref(topicId(spec.severity))],
  },
});
