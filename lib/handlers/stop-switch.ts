import type { Reads } from '../engine/port.ts';
import { activeStop, type StopDecision, stopCondition } from '../operation/stop.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/context.ts';

/**
 * One read of the stop switch is reused for this time. A stop takes effect within 2 s: at most this
 * time, plus the time of one read.
 */
const FRESH_MILLIS = 1000;

/** The dependencies of {@link currentStopDecision}. */
export interface StopDeps {
  readonly engine: { readonly reads: Pick<Reads, 'stopDecision'> };
  now(): number;
}

const cachedStops = new WeakMap<
  object,
  { readonly at: number; readonly stop: Promise<StopDecision | undefined> }
>();

/**
 * Returns the decision of an operator that stops all destructive work, or `undefined` if there is
 * none. The result is at most {@link FRESH_MILLIS} old. Throws an error of class `Transient` when
 * the store does not answer. No resource is then removed, because the store may contain a stop.
 */
export async function currentStopDecision({
  engine,
  now,
}: StopDeps): Promise<StopDecision | undefined> {
  const { reads } = engine;
  const cached = cachedStops.get(reads);
  // The age is negative if the clock was set back.
  const age = cached ? now() - cached.at : Number.POSITIVE_INFINITY;
  if (cached && age >= 0 && age < FRESH_MILLIS) return cached.stop;
  const stop = readStop(reads);
  cachedStops.set(reads, { at: now(), stop });
  stop.catch(() => cachedStops.delete(reads));
  return stop;
}

async function readStop(reads: Pick<Reads, 'stopDecision'>): Promise<StopDecision | undefined> {
  try {
    return activeStop(await reads.stopDecision());
  } catch (cause) {
    throw new PropagatorError({
      code: 'engine.stop-switch',
      class: 'Transient',
      message: `the stop switch cannot be read: ${cause instanceof Error ? cause.message : cause}`,
      advice:
        'No resource is removed until the store answers. The propagator retries automatically.',
    });
  }
}

const READ_METHODS: readonly string[] = ['GET', 'HEAD'];

/**
 * Returns the API with a check of the stop switch before each call that may change a resource. A
 * stopped call is not sent, and throws an error of class `Transient`.
 */
export function stoppableApi(api: ServiceApi, deps: StopDeps): ServiceApi {
  const { withWatch } = api;
  return {
    ...api,
    async request(method, path, options) {
      const stop = READ_METHODS.includes(method) ? undefined : await currentStopDecision(deps);
      if (stop) throw stoppedError(stop, api);
      return api.request(method, path, options);
    },
    ...(withWatch ? { withWatch: (watch) => stoppableApi(withWatch(watch), deps) } : {}),
  };
}

function stoppedError(stop: StopDecision, { service, region }: ServiceApi): PropagatorError {
  const { message, advice = '' } = stopCondition(stop);
  return new PropagatorError({
    code: 'operation.stopped',
    class: 'Transient',
    message,
    advice,
    service,
    region,
  });
}
