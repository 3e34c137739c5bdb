import { pseudo, type Resource, ref, sub } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** The files in docs/runbooks/ that alarms name. */
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
 * `page`: a person must act now, even at night: data is lost, all operations have stopped, or a
 * mass deletion may be in progress. `ticket`: a person must act within days.
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
  readonly above: number;
  /** The length of one period. The default is 60. */
  readonly seconds?: number;
  /** The number of periods. The default is 1. */
  readonly times?: number;
  /** Set if missing data starts the alarm. */
  readonly silence?: true;
  readonly text: string;
  readonly runbook: Runbook;
}

/** The name of the dashboard with the text of the runbooks. */
export const runbooksDashboard = ({ prefix }: Pick<Stack, 'prefix'>): string =>
  `${prefix}-runbooks`;

/**
 * Returns the URL at the end of an alarm text. The default is the stack's dashboard with the
 * runbooks of this release.
 */
function runbookUrl({ runbook }: AlarmSpec, stack: Stack): string {
  const { runbooks } = stack.parameters;
  if (runbooks !== '') return `${runbooks.replace(/\/$/, '')}/${runbook}.md`;
  const region = pseudo('Region');
  const console_ = `https://${region}.console.aws.amazon.com/cloudwatch/home?region=${region}`;
  return `${console_}#dashboards/dashboard/${runbooksDashboard(stack)} (${runbook})`;
}

/** Returns the alarm, which notifies the topic of its severity when it starts and when it ends. */
export const alarm = (name: string, spec: AlarmSpec, stack: Stack): Resource => ({
  Type: 'AWS::CloudWatch::Alarm',
  Properties: {
    AlarmName: name,
    AlarmDescription: sub(`[${spec.severity}] ${spec.text} Runbook: ${runbookUrl(spec, stack)}`),
    Namespace: spec.namespace,
    MetricName: spec.metric,
    Dimensions: Object.entries(spec.dimensions).map(([Name, Value]) => ({ Name, Value })),
    ...(spec.statistic === 'p99'
      ? { ExtendedStatistic: spec.statistic }
      : { Statistic: spec.statistic }),
    Period: spec.seconds ?? 60,
    EvaluationPeriods: spec.times ?? 1,
    Threshold: spec.above,
    ComparisonOperator: spec.silence ? 'LessThanOrEqualToThreshold' : 'GreaterThanThreshold',
    // Missing metrics of a queue mean that the queue is unused. Missing metrics of a source are a
    // fault.
    TreatMissingData: spec.silence ? 'breaching' : 'notBreaching',
    AlarmActions: [ref(topicId(spec.severity))],
    OKActions: [ref(topicId(spec.severity))],
  },
});
