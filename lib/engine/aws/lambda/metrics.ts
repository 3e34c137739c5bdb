import type { Change, Engine } from '../../port.ts';

/** The name space of our own metrics in CloudWatch. */
export const NAMESPACE = 'KeystonePropagator';

/**
 * Our own metrics, each with its unit. `Heard`: notifications and heartbeats that came in ·
 * `Handled`, `Failed`: records of a queue ·
 * `Removed`: resources · `Held`: operations that wait for a person, `Capped`: those among them that
 * a cap has stopped ·
 * `Quarantined`: notifications that can't be read · `Repaired`: changes whose messages had been
 * left unsent · `ApiErrors`: requests that ended in an error that the API did not expect.
 */
export const METRICS = {
  Heard: 'Count',
  Handled: 'Count',
  Failed: 'Count',
  Duration: 'Milliseconds',
  Removed: 'Count',
  Finished: 'Count',
  DeadLetters: 'Count',
  Held: 'Count',
  Capped: 'Count',
  Quarantined: 'Count',
  Repaired: 'Count',
  ApiErrors: 'Count',
} as const;
export type MetricName = keyof typeof METRICS;
export type Values = Partial<Record<MetricName, number>>;

/**
 * Metrics as a line of the log (CloudWatch's embedded metric format): they cost no call, and no
 * right to make one. Once for the stage as a whole, once for the queue.
 */
export function metricLine(
  values: Values,
  { stage, queue, at }: { stage: string; queue: string; at: number },
): string {
  const names = Object.keys(values) as MetricName[];
  const Metrics = names.map((Name) => ({ Name, Unit: METRICS[Name] }));
  const CloudWatchMetrics = [
    { Namespace: NAMESPACE, Dimensions: [['stage'], ['stage', 'queue']], Metrics },
  ];
  return `${JSON.stringify({ _aws: { Timestamp: at, CloudWatchMetrics }, stage, queue, ...values })}\n`;
}

/** What a committed change says that should be counted. */
export function valuesOf({
  operations = [],
  messages = [],
  deadLetters = [],
  quarantine = [],
}: Change): Values {
  const capped = operations.filter(({ hold }) => hold?.about === 'cap').length;
  const finished = operations.filter(({ endedAt }) => endedAt !== undefined).length;
  const removed = messages.reduce((sum, message) => {
    const ended =
      message.type === 'service.finished' ||
      (message.type === 'service.progressed' && message.data.again !== undefined);
    return ended
      ? sum + Object.values(message.data.counts).reduce((of, count) => of + count.gone, 0)
      : sum;
  }, 0);
  const all = {
    Capped: capped,
    Finished: finished,
    Removed: removed,
    DeadLetters: deadLetters.length,
    Quarantined: quarantine.length,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value > 0));
}

/** The same engine; what is committed is counted. */
export function metered<E extends Pick<Engine, 'commit'>>(
  engine: E,
  count: (values: Values) => void,
): E {
  const commit = engine.commit.bind(engine);
  const counted = async (change: Change) => {
    const done = await commit(change);
    if (done === 'committed') count(valuesOf(change));
    return done;
  };
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === 'commit') return counted;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
