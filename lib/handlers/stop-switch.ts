import type { Reads } from '../engine/port.ts';
import { activeStop, type StopDecision, stopCondition } from '../operation/stop.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/context.ts';

/**
 * One read of the stop switch is reused for this time. A stop takes effect within 2 s: at most this
 * time, plus the time of one read.
 */
const STOP_SWITCH_REUSE_MILLIS = 1000;

/** The dependencies of {@link currentStopDecision}. */
export interface StopDeps {
  readonly engine: { readonly reads: Pick<Reads, 'stopDecision'> };
  now(): number;
}

const cachedDecisions = new WeakMap<
  object,
  { readonly at: number; readonly decision: Promise<StopDecision | undefined> }
>();

/**
 * Returns the decision of an operator that stops all destructive work, or `undefined` if there is
 * none. The result is at most {@link STOP_SWITCH_REUSE_MILLIS} old. Throws an error of class
 * `Transient` when the store does not answer. No resource is then removed, because the store may
 * contain such a decision.
 */
export async function currentStopDecision({
  engine,
  now,
}: StopDeps): Promise<StopDecision | undefined> {
  const { reads } = engine;
  const cachedDecision = cachedDecisions.get(reads);
  // The age is negative if the clock was set back.
  const age = cachedDecision ? now() - cachedDecision.at : Number.POSITIVE_INFINITY;
  if (cachedDecision && age >= 0 && age < STOP_SWITCH_REUSE_MILLIS) return cachedDecision.decision;
  const decision = readStopDecision(reads);
  cachedDecisions.set(reads, { at: now(), decision });
  decision.catch(() => cachedDecisions.delete(reads));
  return decision;
}

async function readStopDecision(
  reads: Pick<Reads, 'stopDecision'>,
): Promise<StopDecision | undefined> {
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
      const stopDecision = READ_METHODS.includes(method)
        ? undefined
        : await currentStopDecision(deps);
      if (stopDecision) throw stoppedError(stopDecision, api);
      return api.request(method, path, options);
    },
    ...(withWatch ? { withWatch: (watch) => stoppableApi(withWatch(watch), deps) } : {}),
  };
}

function stoppedError(
  stopDecision: StopDecision,
  { service, region }: ServiceApi,
): PropagatorError {
  const { message, advice = '' } = stopCondition(stopDecision);
  return new PropagatorError({
    code: 'operation.stopped',
    class: 'Transient',
    message,
    advice,
    service,
    region,
  });
}
