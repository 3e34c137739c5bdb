import type { Api } from './api.ts';
import {
  type Operation,
  operationsShape,
  type Plan,
  planShape,
  type Status,
  statusShape,
} from './shapes.ts';
import { ENDED_STATES, STATES } from './states.ts';

/** A complete plan that no cleanup has followed. */
export interface OpenPlan {
  readonly operation: Operation;
  /** `undefined` for a plan that could not be read, for example while Keystone does not answer. */
  readonly details: Plan | undefined;
}
export interface Overview {
  readonly status: Status;
  /** The newest operations, which are counted by state. */
  readonly newest: readonly Operation[];
  /** Older operations that may need a person. */
  readonly older: readonly Operation[];
  readonly plans: readonly OpenPlan[];
  /** The number of plans that may wait for approval, in addition to `plans`. */
  readonly morePlanCount: number;
  /** The states in which more operations may exist than were read: their lists were full. */
  readonly statesWithMore: readonly string[];
  readonly notice: string | undefined;
}

/** The number of operations that are counted by state. */
export const NEWEST_COUNT = 100;
/** The maximum number of plans with details. */
const MAX_PLANS = 5;
/**
 * The time for which a list or a plan is reused. A plan needs calls to Keystone, so it is read less
 * often than other data.
 */
const REUSE_MILLIS = 30_000;
/** The states that are read at each refresh, because they need a person most often. */
const ALWAYS_READ_STATES: readonly string[] = ['held', 'running'];
/** The states that are read less often. `observed` is one of them: it is that of complete plans. */
const REUSED_STATES = STATES.filter(
  (state) =>
    state === 'observed' || !(ENDED_STATES.includes(state) || ALWAYS_READ_STATES.includes(state)),
);

interface OperationList {
  readonly operations: readonly Operation[];
  readonly notice?: string;
}

/** Returns a function that reads the overview. The function reuses recent lists and plans. */
export function overviewLoader(api: Api): (signal: AbortSignal) => Promise<Overview> {
  const cachedList = cachedLoader<OperationList>(api);
  const cachedPlan = cachedLoader<Plan | undefined>(api);
  return async (signal) => {
    const readList = (query: string): Promise<OperationList> =>
      api.get(`/v1/operations?limit=${NEWEST_COUNT}${query}`, operationsShape, signal);
    const listOfState = (state: string): Promise<OperationList> => {
      const read = () => readList(`&state=${state}`);
      return ALWAYS_READ_STATES.includes(state) ? read() : cachedList(state, read);
    };
    const [status, newest] = await Promise.all([
      api.get('/v1/status', statusShape, signal),
      readList(''),
    ]);
    // A list below the limit contains all operations.
    const isComplete = newest.operations.length < NEWEST_COUNT;
    const states = isComplete ? [] : [...ALWAYS_READ_STATES, ...REUSED_STATES];
    const lists = await Promise.all(
      states.map(async (state) => ({ state, ...(await listOfState(state)) })),
    );
    const all = mergeLists([newest, ...lists]);
    const candidates = openPlans(all);
    const plans = await Promise.all(
      candidates.slice(0, MAX_PLANS).map(async (operation) => {
        const { id } = operation.operation;
        return { operation, details: await cachedPlan(id, () => readPlan(api, id, signal)) };
      }),
    );
    return {
      status,
      newest: newest.operations,
      older: all.slice(newest.operations.length),
      plans: plans.filter(({ details }) => details?.carriedOutBy === undefined),
      morePlanCount: Math.max(0, candidates.length - MAX_PLANS),
      statesWithMore: lists
        .filter(({ operations }) => operations.length >= NEWEST_COUNT)
        .map(({ state }) => state),
      notice: [newest, ...lists].find(({ notice }) => notice !== undefined)?.notice,
    };
  };
}

/** Merges lists. If several lists contain an operation, the first list is used for it. */
function mergeLists(lists: readonly OperationList[]): Operation[] {
  const byId = new Map<string, Operation>();
  for (const view of lists.flatMap(({ operations }) => operations))
    if (!byId.has(view.operation.id)) byId.set(view.operation.id, view);
  return [...byId.values()];
}

/** Reads a plan. A plan that cannot be read must not hide the rest of the overview. */
const readPlan = (api: Api, id: string, signal: AbortSignal): Promise<Plan | undefined> =>
  api
    .get(`/v1/operations/${encodeURIComponent(id)}/plan`, planShape, signal)
    .catch(() => undefined);

/** The complete plans that are newer than all cleanups of their account, the newest first. */
function openPlans(all: readonly Operation[]): Operation[] {
  const carriedOutPlanIds = new Set(all.map(({ operation }) => operation.plan?.of));
  return all
    .filter(
      ({ operation: { action, state, id, parentId, scope, openedAt } }) =>
        action === 'plan' &&
        state === 'observed' &&
        parentId === undefined &&
        !carriedOutPlanIds.has(id) &&
        !all.some(
          ({ operation: other }) =>
            other.action === 'cleanup' &&
            other.scope.type === scope.type &&
            other.scope.id === scope.id &&
            other.openedAt >= openedAt,
        ),
    )
    .toSorted((one, other) => other.operation.openedAt - one.operation.openedAt);
}

/** Returns a function that calls `load` only if the last value of `key` is not recent. */
function cachedLoader<T>(clock: { now(): number }) {
  const cache = new Map<string, { readonly at: number; readonly value: T }>();
  return async (key: string, load: () => Promise<T>): Promise<T> => {
    const last = cache.get(key);
    // The clock may be set forward or back.
    if (last && Math.abs(clock.now() - last.at) < REUSE_MILLIS) return last.value;
    const value = await load();
    cache.set(key, { at: clock.now(), value });
    return value;
  };
}
