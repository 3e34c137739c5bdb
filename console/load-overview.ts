import type { Api } from './api.ts';
import {
  type Operation,
  operationsShape,
  type Plan,
  planShape,
  type Status,
  statusShape,
} from './shapes.ts';

export interface Overview {
  readonly status: Status;
  /** The newest operations, which are counted by state. */
  readonly newest: readonly Operation[];
  /** Older operations that are held or running. */
  readonly others: readonly Operation[];
  /** Plans that nothing has carried out yet. */
  readonly plans: readonly Plan[];
  readonly notice: string | undefined;
}

/** The number of operations that are counted by state. */
export const NEWEST = 100;
/** The most plans that are read in detail. */
const PLANS = 5;

export async function loadOverview(api: Api, signal: AbortSignal): Promise<Overview> {
  const list = (query: string) =>
    api.get(`/v1/operations?limit=${NEWEST}${query}`, operationsShape, signal);
  const [status, newest, held, running] = await Promise.all([
    api.get('/v1/status', statusShape, signal),
    list(''),
    list('&state=held'),
    list('&state=running'),
  ]);
  const known = new Set(newest.operations.map(({ operation }) => operation.id));
  const others = [...held.operations, ...running.operations].filter(
    ({ operation }) => !known.has(operation.id),
  );
  const carriedOut = new Set(newest.operations.map(({ operation }) => operation.plan?.of));
  const candidates = newest.operations
    .filter(
      ({ operation: { action, state, id, parentId } }) =>
        action === 'plan' && state === 'observed' && !carriedOut.has(id) && !parentId,
    )
    .slice(0, PLANS);
  const plans = await Promise.all(
    candidates.map(({ operation: { id } }) =>
      api.get(`/v1/operations/${encodeURIComponent(id)}/plan`, planShape, signal),
    ),
  );
  return {
    status,
    newest: newest.operations,
    others,
    plans: plans.filter(({ carriedOutBy }) => carriedOutBy === undefined),
    notice: newest.notice ?? held.notice ?? running.notice,
  };
}
