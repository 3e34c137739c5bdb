import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import { pseudo, type Resource, sub } from './cloudformation.ts';
import type { Stack } from './stack.ts';

const WIDTH = 6;
const HEIGHT = 4;

/**
 * A dashboard with one row per queue: waiting messages, dead-letter messages, the function's
 * metrics and its results.
 */
export function dashboard({ prefix, topology }: Stack): Resource {
  const widget = (x: number, y: number, title: string, metrics: unknown[], stat: string) => ({
    type: 'metric',
    x: x * WIDTH,
    y,
    width: WIDTH,
    height: HEIGHT,
    properties: { title, region: pseudo('Region'), stat, period: 300, view: 'timeSeries', metrics },
  });
  const own = (metric: string, queue: string) => [
    NAMESPACE,
    metric,
    'stage',
    prefix,
    'queue',
    queue,
  ];
  const rows = topology.queues.map(({ queue, name, dead }, row) => {
    const lambda = (metric: string) => ['AWS/Lambda', metric, 'FunctionName', `${prefix}-${queue}`];
    const y = row * HEIGHT;
    const label = queue.replace(/^service-/, '');
    return [
      widget(
        0,
        y,
        `${label}: waiting`,
        [
          ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', name],
          ['AWS/SQS', 'ApproximateAgeOfOldestMessage', 'QueueName', name, { yAxis: 'right' }],
        ],
        'Maximum',
      ),
      widget(
        1,
        y,
        `${label}: dead letters`,
        [
          ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', dead.name],
          ['AWS/SQS', 'ApproximateAgeOfOldestMessage', 'QueueName', dead.name, { yAxis: 'right' }],
        ],
        'Maximum',
      ),
      widget(
        2,
        y,
        `${label}: function`,
        [lambda('Invocations'), lambda('Errors'), lambda('Throttles')],
        'Sum',
      ),
      widget(
        3,
        y,
        `${label}: done`,
        [
          own('Handled', queue),
          own('Failed', queue),
          own(queue === 'ingest' ? 'Heard' : 'Removed', queue),
        ],
        'Sum',
      ),
    ];
  });
  return {
    Type: 'AWS::CloudWatch::Dashboard',
    Properties: {
      DashboardName: prefix,
      DashboardBody: sub(JSON.stringify({ widgets: rows.flat() })),
    },
  };
}
