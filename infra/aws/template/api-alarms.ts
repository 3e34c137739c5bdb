import { NAMESPACE } from '../../../lib/engine/aws/lambda/metrics.ts';
import type { AlarmSpec } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';
import { ref } from './cloudformation.ts';
import type { Stack } from './stack.ts';

/** Returns the alarms on the HTTP API, by name. */
export function apiAlarms({ prefix }: Stack): [string, AlarmSpec][] {
  const gateway = { namespace: 'AWS/ApiGateway', dimensions: { ApiId: ref('HttpApi') } };
  const { api5xxAnswers, apiErrorMinutes, apiLatencySeconds, apiLatencyMinutes } = THRESHOLDS;
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
        periodSeconds: apiErrorMinutes * 60,
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
        threshold: api5xxAnswers,
        periodSeconds: apiErrorMinutes * 60,
        text:
          `More than ${api5xxAnswers} requests to the API failed (5xx) ` +
          `within ${apiErrorMinutes} minutes.`,
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
        threshold: apiLatencySeconds * 1000,
        periodSeconds: 300,
        periods: apiLatencyMinutes / 5,
        text:
          `Requests to the API take longer than ${apiLatencySeconds} s ` +
          `(p99, ${apiLatencyMinutes} minutes).`,
        runbook: 'api-errors',
      },
    ],
  ];
}
