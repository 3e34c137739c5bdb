import { type AlarmSpec, alarm } from './alarm.ts';
import { ofApi } from './api-alarms.ts';
import { logicalId, type Resources } from './cloudformation.ts';
import { ofCustomMetrics } from './custom-metric-alarms.ts';
import { ofFunction } from './function-alarms.ts';
import { functionsOf } from './functions.ts';
import { ofDelivery, ofQueue } from './queue-alarms.ts';
import type { Stack } from './stack.ts';

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
