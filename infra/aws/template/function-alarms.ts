import type { AlarmSpec, Severity } from './alarm.ts';
import { THRESHOLDS } from './alarm-thresholds.ts';

/** Returns the severity of the alarms on a function: `page` if every operation needs it. */
export const severityOf = (name: string): Severity =>
  name.startsWith('service-') ? 'ticket' : 'page';

/** Returns the alarms on one function, by name. */
export const functionAlarms = (name: string, prefix: string): [string, AlarmSpec][] => {
  const metricOf = (metric: string) => ({
    severity: severityOf(name),
    namespace: 'AWS/Lambda',
    metric,
    dimensions: { FunctionName: `${prefix}-${name}` },
    statistic: 'Sum' as const,
    periodSeconds: 300,
  });
  const { functionErrors, functionErrorMinutes, throttleMinutes } = THRESHOLDS;
  return [
    [
      `${name}-errors`,
      {
        ...metricOf('Errors'),
        threshold: name === 'sweep' ? 0 : functionErrors,
        periods: functionErrorMinutes / 5,
        text: `Invocations of the function ${name} end with an error.`,
        runbook: 'function-errors',
      },
    ],
    [
      `${name}-throttles`,
      {
        ...metricOf('Throttles'),
        threshold: 0,
        periods: throttleMinutes / 5,
        text:
          `Lambda does not start the function ${name}: ` +
          'too many invocations run at the same time.',
        runbook: 'function-throttles',
      },
    ],
  ];
};
