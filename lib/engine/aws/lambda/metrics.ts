import type { Change, Engine } from '../../port.ts';

/** CloudWatch namespace of the project's metrics. */
export const NAMESPACE = 'KeystonePropagator';

/**
 * The project's metrics with their units. `NotificationsReceived`: notifications and heartbeats
 * received. `Failed`: records of a queue that are delivered again; Lambda does not count these as
 * errors. `Removed`: resources. `Suspicious`: held deletions of accounts that Keystone never
 * showed. `Held`: operations that wait for a person. `Capped`: the held operations that a cap
 * stopped. `EnabledDuringHold`: enabled projects that an operator keeps suspended. `Quarantined`:
 * unreadable notifications. `Repaired`: outboxes of dead processes that were sent later.
 * `ApiErrors`: requests that ended in an unexpected error.
 */
export const METRICS = {
  NotificationsReceived: 'Count',
  Failed: 'Count',
  Removed: 'Count',
  Finished: 'Count',
  Held: 'Count',
  Suspicious: 'Count',
  Capped: 'Count',
  EnabledDuringHold: 'Count',
  Quarantined: 'Count',
  Repaired: 'Count',
  ApiErrors: 'Count',
} as const;
export type MetricName = keyof typeof METRICS;
export type Values = Partial<Record<MetricName, number>>;

/**
 * Formats metrics as a log line (CloudWatch embedded metric format), which needs no API call and no
 * permission. The stage is the only dimension, because AWS charges each combination of dimensions
 * as a separate metric. CloudWatch Logs Insights can query the field `queue`.
 */
export function metricLine(
  values: Values,
  { stage, queue, at }: { stage: string; queue: string; at: number },
): string {
  const names = Object.keys(values) as MetricName[];
  const Metrics = names.map((Name) => ({ Name, Unit: METRICS[Name] }));
  const CloudWatchMetrics = [{ Namespace: NAMESPACE, Dimensions: [['stage']], Metrics }];
  const line = { _aws: { Timestamp: at, CloudWatchMetrics }, stage, queue, ...values };
  return `${JSON.stringify(line)}\n`;
}

/** The metrics that a committed change implies. */
export function valuesOf({ operations = [], messages = [], quarantine = [] }: Change): Values {
  // An operation also counts as capped if it is held because a list of accounts was too short.
  const capped = operations.filter(
    ({ state, hold }) => hold?.about === 'cap' || (state === 'held' && hold?.about === 'listing'),
  ).length;
  const finished = operations.filter(({ endedAt }) => endedAt !== undefined).length;
  const removed = messages.reduce((sum, message) => {
    const ended =
      message.type === 'service.finished' ||
      (message.type === 'service.progressed' && message.data.again !== undefined);
    return ended
      ? sum + Object.values(message.data.counts).reduce((of, count) => of + count.gone, 0)
      : sum;
  }, 0);
  const counted = {
    Capped: capped,
    Finished: finished,
    Removed: removed,
    Quarantined: quarantine.length,
  };
  return Object.fromEntries(Object.entries(counted).filter(([, value]) => value > 0));
}

/** Wraps an engine and counts each commit. */
export function metered<E extends Pick<Engine, 'commit'>>(
  engine: E,
  count: (values: Values) => void,
): E {
  const commit = engine.commit.bind(engine);
  const counted = async (change: Change) => {
    const outcome = await commit(change);
    if (outcome === 'committed') count(valuesOf(change));
    return outcome;
  };
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === 'commit') return counted;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
