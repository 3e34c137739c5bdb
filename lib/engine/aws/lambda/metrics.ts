import type { Message } from '../../../../events/index.ts';
import type { Change, Engine } from '../../port.ts';

/** The CloudWatch namespace of {@link METRIC_UNITS}. */
export const NAMESPACE = 'KeystonePropagator';

/** The metrics of the propagator, with their units. */
export const METRIC_UNITS = {
  /** Notifications and heartbeats of relays. */
  NotificationsReceived: 'Count',
  /** Records that SQS delivers again. Lambda does not count them as errors. */
  Failed: 'Count',
  /** Removed resources. */
  Removed: 'Count',
  /** Operations that have ended. */
  Finished: 'Count',
  /** Operations that wait for a person. */
  Held: 'Count',
  /** Held deletions of accounts that Keystone has never shown. */
  Suspicious: 'Count',
  /** Operations that a cap holds. */
  Capped: 'Count',
  /** Projects that are enabled in Keystone while an operator keeps them suspended. */
  EnabledDuringHold: 'Count',
  /** Unreadable notifications. */
  Quarantined: 'Count',
  /** Outboxes that the sweep sent, because their own process had not sent them. */
  Repaired: 'Count',
  /** Requests to the API that ended with an unexpected error. */
  ApiErrors: 'Count',
} as const;
export type MetricName = keyof typeof METRIC_UNITS;
export type MetricValues = Partial<Record<MetricName, number>>;

/**
 * Formats metrics as a log line in the embedded metric format of CloudWatch. Such a line needs no
 * API call and no permission. The stage is the only dimension, because AWS charges each combination
 * of dimensions as a separate metric. CloudWatch Logs Insights can query the field `queue`.
 */
export function metricLine(
  values: MetricValues,
  { stage, queue, at }: { stage: string; queue: string; at: number },
): string {
  const names = Object.keys(values) as MetricName[];
  const Metrics = names.map((Name) => ({ Name, Unit: METRIC_UNITS[Name] }));
  const CloudWatchMetrics = [{ Namespace: NAMESPACE, Dimensions: [['stage']], Metrics }];
  const line = { _aws: { Timestamp: at, CloudWatchMetrics }, stage, queue, ...values };
  return `${JSON.stringify(line)}\n`;
}

/** Returns the metrics of a committed change. */
export function metricsOf({
  operations = [],
  messages = [],
  quarantine = [],
}: Change): MetricValues {
  // An operation also counts as capped if it is held because too many accounts were missing from a
  // list of Keystone.
  const cappedCount = operations.filter(
    ({ state, hold }) => hold?.about === 'cap' || (state === 'held' && hold?.about === 'listing'),
  ).length;
  const finishedCount = operations.filter(({ endedAt }) => endedAt !== undefined).length;
  const removedCount = messages.reduce((sum, message) => sum + removedCountOf(message), 0);
  const values = {
    Capped: cappedCount,
    Finished: finishedCount,
    Removed: removedCount,
    Quarantined: quarantine.length,
  };
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value > 0));
}

/** Returns the number of removed resources in the last report of a run; 0 for other messages. */
function removedCountOf(message: Message): number {
  const isLastReportOfRun =
    message.type === 'service.finished' ||
    (message.type === 'service.progressed' && message.data.again !== undefined);
  if (!isLastReportOfRun) return 0;
  return Object.values(message.data.counts).reduce((sum, { gone }) => sum + gone, 0);
}

/** Wraps an engine: the result passes the metrics of each committed change to `count`. */
export function meteredEngine<E extends Pick<Engine, 'commit'>>(
  engine: E,
  count: (values: MetricValues) => void,
): E {
  const commit = engine.commit.bind(engine);
  const countingCommit = async (change: Change) => {
    const outcome = await commit(change);
    if (outcome === 'committed') count(metricsOf(change));
    return outcome;
  };
  // A copy of the object would lose the methods of its class, so a proxy replaces `commit`.
  return new Proxy(engine, {
    get: (target, name) => {
      if (name === 'commit') return countingCommit;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
