import { readFileSync } from 'node:fs';
import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import { RUNBOOKS, runbooksDashboard } from './alarm.ts';
import { pseudoRef, type Resource, type Resources, substitute } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** The size of a widget with metrics, in units of the grid of CloudWatch. */
const WIDGET_WIDTH = 6;
const WIDGET_HEIGHT = 4;
/** The number of columns of the grid. */
const GRID_WIDTH = 24;
const RUNBOOK_HEIGHT = 16;

/** Builds the dashboard with the metrics, and the dashboard with the runbooks of this release. */
export function dashboardResources(stack: Stack): Resources {
  const metricWidgets = [...stageRow(stack), ...queueRows(stack)];
  return {
    Dashboard: dashboardResource(stack.prefix, substitute(bodyOf(metricWidgets))),
    RunbooksDashboard: dashboardResource(runbooksDashboard(stack), bodyOf(runbookWidgets())),
  };
}

const bodyOf = (widgets: readonly object[]): string => JSON.stringify({ widgets });

const dashboardResource = (DashboardName: string, DashboardBody: unknown): Resource => ({
  Type: 'AWS::CloudWatch::Dashboard',
  Properties: { DashboardName, DashboardBody },
});

/** Builds a widget. `column`: the number of the widget in its row. `y`: the row of the grid. */
const widget = (column: number, y: number, title: string, metrics: unknown[], stat: string) => ({
  type: 'metric',
  x: column * WIDGET_WIDTH,
  y,
  width: WIDGET_WIDTH,
  height: WIDGET_HEIGHT,
  properties: {
    title,
    region: pseudoRef('Region'),
    stat,
    period: 300,
    view: 'timeSeries',
    metrics,
  },
});

/** Builds one row of widgets with the metrics of the whole stage. */
function stageRow({ prefix }: Stack) {
  const customMetric = (metric: string) => [NAMESPACE, metric, 'stage', prefix];
  return [
    widget(
      0,
      0,
      'stage: notifications',
      [customMetric('NotificationsReceived'), customMetric('Quarantined')],
      'Sum',
    ),
    widget(
      1,
      0,
      'stage: results',
      [customMetric('Removed'), customMetric('Finished'), customMetric('Failed')],
      'Sum',
    ),
    widget(
      2,
      0,
      'stage: for a person',
      [customMetric('Held'), customMetric('Suspicious'), customMetric('EnabledDuringHold')],
      'Maximum',
    ),
    widget(3, 0, 'stage: API errors', [customMetric('ApiErrors')], 'Sum'),
  ];
}

/**
 * Builds one row of widgets per queue: waiting messages, dead-letter messages, invocations of its
 * function, and handled messages.
 */
const queueRows = ({ prefix, topology }: Stack) =>
  topology.queues.flatMap(({ queue, name, deadLetterQueue }, row) => {
    const lambda = (metric: string) => ['AWS/Lambda', metric, 'FunctionName', `${prefix}-${queue}`];
    const sqs = (metric: string, queueName: string, displayOptions: object[] = []) => [
      'AWS/SQS',
      metric,
      'QueueName',
      queueName,
      ...displayOptions,
    ];
    const y = (row + 1) * WIDGET_HEIGHT;
    const label = queue.replace(/^service-/, '');
    const rightAxis = [{ yAxis: 'right' }];
    const backlogMetrics = (queueName: string) => [
      sqs('ApproximateNumberOfMessagesVisible', queueName),
      sqs('ApproximateAgeOfOldestMessage', queueName, rightAxis),
    ];
    const handledMetrics = [
      sqs('NumberOfMessagesReceived', name),
      sqs('NumberOfMessagesDeleted', name),
    ];
    return [
      widget(0, y, `${label}: waiting`, backlogMetrics(name), 'Maximum'),
      widget(
        1,
        y,
        `${label}: dead-letter messages`,
        backlogMetrics(deadLetterQueue.name),
        'Maximum',
      ),
      widget(
        2,
        y,
        `${label}: function`,
        [lambda('Invocations'), lambda('Errors'), lambda('Throttles')],
        'Sum',
      ),
      widget(3, y, `${label}: done`, handledMetrics, 'Sum'),
    ];
  });

/** Builds one widget per runbook, with its text. The links to files become plain text. */
const runbookWidgets = () =>
  RUNBOOKS.map((name, index) => {
    const page = new URL(`../../../docs/runbooks/${name}.md`, import.meta.url);
    const text = readFileSync(page, 'utf8').replace(/\[([^\]]+)\]\([^)]+\)/g, '$1');
    const markdown = `(${name})\n\n${text}`;
    const [y, height] = [index * RUNBOOK_HEIGHT, RUNBOOK_HEIGHT];
    return { type: 'text', x: 0, y, width: GRID_WIDTH, height, properties: { markdown } };
  });
