import { type AlarmSpec, alarmResource } from './alarm.ts';
import { apiAlarms } from './api-alarms.ts';
import { logicalId, type Resources } from './cloudformation.ts';
import { customMetricAlarms } from './custom-metric-alarms.ts';
import { functionAlarms } from './function-alarms.ts';
import { functionsOf } from './functions.ts';
import { deliveryAlarms, queueAlarms } from './queue-alarms.ts';
import type { Stack } from './stack.ts';

/** Builds all alarms of the stack. */
export function alarmResources(stack: Stack): Resources {
  const { prefix, topology } = stack;
  const specs: [string, AlarmSpec][] = [
    ...topology.queues.flatMap((queue) => queueAlarms(queue)),
    ...functionsOf(stack).flatMap(({ name }) => functionAlarms(name, prefix)),
    ...deliveryAlarms(stack),
    ...apiAlarms(stack),
    ...customMetricAlarms(stack),
  ];
  return Object.fromEntries(
    specs.map(([name, spec]) => [
      `${logicalId(name)}Alarm`,
      alarmResource(`${prefix}-${name}`, spec, stack),
    ]),
  );
}
