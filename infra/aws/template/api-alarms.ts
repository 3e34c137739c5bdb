import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import type { AlarmSpec } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';
import { ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** Returns the alarms on the HTTP API, by name. */
export function apiAlarms({ prefix }: Stack): [string, AlarmSpec][] {
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
        threshold: 0,
        periodSeconds: apiMinutes * 60,
        text: 'A request to the API ended with an unexpected error.',
        runbook: 'api-errors',
      },
    ],
    [
      'api-5xx',
      {
        ...gateway,
        // Without the API, operators cannot stop, release or redrive operations.
        severity: 'page',
        metric: '5xx',
        statistic: 'Sum',
        threshold: api5xx,
        periodSeconds: apiMinutes * 60,
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
        threshold: apiSeconds * 1000,
        periodSeconds: 300,
        periods: apiSlowMinutes / 5,
        text:
          `Requests to the API take longer than ${apiSeconds} s ` +
          `(p99, ${apiSlowMinutes} minutes).`,
        runbook: 'api-errors',
      },
    ],
  ];
}
