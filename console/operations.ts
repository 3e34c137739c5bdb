import type { Operation } from './shapes.ts';
import { ENDED_STATES } from './states.ts';

/** The account of an operation, with its name if the name is known. */
export const accountOf = ({ scope }: Operation['operation']): string =>
  `${scope.type} ${scope.name ?? scope.id}`;

export const hasEnded = ({ operation }: Operation): boolean =>
  ENDED_STATES.includes(operation.state);

/** True if the operation continues only after a person acts. */
export const needsPerson = (view: Operation): boolean =>
  !hasEnded(view) &&
  (view.operation.state === 'held' ||
    view.waitsOn.some(({ actor, deadLetter }) => deadLetter || actor === 'operator'));

/** True if the operation only counts resources. It then has no progress. */
export const onlyCounts = ({ operation: { action, mode, state } }: Operation): boolean =>
  action === 'plan' || mode === 'observe' || state === 'observed';

/** The first reason why an operation waits or is held; empty without one. */
export const firstReason = ({ operation, waitsOn }: Operation): string =>
  (waitsOn.find(({ actor }) => actor === 'operator') ?? waitsOn[0])?.on ??
  operation.hold?.reason ??
  '';

/** The filters of the list in the address. */
export interface Filters {
  readonly state: string;
  readonly action: string;
  readonly domain: string;
  readonly text: string;
  /** From 1. */
  readonly page: number;
  /** How many of the newest operations are read. */
  readonly limit: number;
}

export const PAGE_ROWS = 25;
export const READ_LIMITS = { initial: 100, max: 1000 } as const;
const FILTER_NAMES = ['state', 'action', 'domain', 'text'] as const;

export function filtersOf(query: URLSearchParams): Filters {
  const text = (name: string): string => (query.get(name) ?? '').trim().slice(0, 255);
  return {
    state: text('state'),
    action: text('action'),
    domain: text('domain'),
    text: text('text'),
    page: Math.max(1, Math.trunc(Number(query.get('page')) || 1)),
    limit: Number(query.get('limit')) > READ_LIMITS.initial ? READ_LIMITS.max : READ_LIMITS.initial,
  };
}

/** The address of the list with these filters. Fields with their default are omitted. */
export function listAddress(filters: Partial<Filters>): string {
  const query = new URLSearchParams();
  for (const name of FILTER_NAMES) if (filters[name]) query.set(name, filters[name]);
  if ((filters.limit ?? 0) > READ_LIMITS.initial) query.set('limit', String(filters.limit));
  if ((filters.page ?? 1) > 1) query.set('page', String(filters.page));
  const text = query.toString();
  return text === '' ? '#/operations' : `#/operations?${text}`;
}

/**
 * The query of the API, which filters by state and domain. {@link filterOperations} applies the
 * other filters.
 */
export function apiQuery({ state, domain, limit }: Filters): string {
  const query = new URLSearchParams({ limit: String(limit) });
  if (state !== '') query.set('state', state);
  if (domain !== '') query.set('domain', domain);
  return query.toString();
}

/** The operations that match the filters by action and text. */
export function filterOperations(
  all: readonly Operation[],
  { action, text }: Pick<Filters, 'action' | 'text'>,
): Operation[] {
  const searchedText = text.toLowerCase();
  return all.filter((view) => {
    const { id, scope } = view.operation;
    const fields = [id, scope.id, scope.name ?? '', scope.domainId ?? '', firstReason(view)];
    return (
      (action === '' || view.operation.action === action) &&
      (searchedText === '' || fields.some((field) => field.toLowerCase().includes(searchedText)))
    );
  });
}

/**
 * The rows of a page, and the number of pages. A number after the last page means the last page.
 */
export function pageOf<Row>(rows: readonly Row[], page: number) {
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const shownPage = Math.min(page, pages);
  const firstRow = (shownPage - 1) * PAGE_ROWS;
  return { rows: rows.slice(firstRow, firstRow + PAGE_ROWS), page: shownPage, pages };
}
