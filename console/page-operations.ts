import type { Api } from './api.ts';
import { type Child, h } from './element.ts';
import { countWithNoun, numberText } from './format.ts';
import {
  accountOf,
  apiQuery,
  type Filters,
  filterOperations,
  firstReason,
  listAddress,
  onlyCounts,
  pageOf,
  READ_LIMITS,
} from './operations.ts';
import {
  age,
  amount,
  bar,
  empty,
  link,
  operationLink,
  stateElement,
  table,
  wrapped,
} from './parts.ts';
import { type Operation, operationsShape } from './shapes.ts';
import { STATES } from './states.ts';

const ACTIONS = ['cleanup', 'suspend', 'resume', 'provision', 'plan'];

export interface OperationList {
  readonly operations: readonly Operation[];
  readonly notice?: string;
}

export const loadOperations = (api: Api, filters: Filters, signal: AbortSignal) =>
  api.get(`/v1/operations?${apiQuery(filters)}`, operationsShape, signal);

export function operationsPage(
  { operations, notice }: OperationList,
  filters: Filters,
  now: number,
): Child[] {
  const matchingOperations = filterOperations(operations, filters);
  const { rows, page, pages } = pageOf(matchingOperations, filters.page);
  const isFiltered = [filters.state, filters.action, filters.domain, filters.text].some(
    (one) => one !== '',
  );
  return [
    h('h1', {}, 'Operations'),
    filterForm(filters),
    h('p', { class: 'note' }, extentText(matchingOperations.length, operations.length, filters)),
    notice !== undefined && h('p', { class: 'note' }, notice),
    rows.length === 0
      ? isFiltered
        ? empty('No operation matches these filters. ', link('#/operations', 'Show all operations'))
        : empty('No operation yet. An operation begins when an account changes in Keystone.')
      : operationTable(rows, now),
    pages > 1 && pager(filters, page, pages),
  ];
}

/** The number of searched operations, and a link that searches more. */
function extentText(found: number, read: number, filters: Filters): Child {
  const hasReadAll = read < filters.limit;
  if (hasReadAll) return `${countWithNoun(found, 'operation')}.`;
  const amongNewest = `${countWithNoun(found, 'operation')} among the newest ${read}. `;
  return filters.limit < READ_LIMITS.max
    ? [
        amongNewest,
        link(
          listAddress({ ...filters, limit: READ_LIMITS.max }),
          `Search the newest ${READ_LIMITS.max}`,
        ),
      ]
    : `${amongNewest}For older operations, filter by state or domain.`;
}

const operationTable = (rows: readonly Operation[], now: number) =>
  table(
    'Operations, newest first',
    [
      { title: 'Operation', isHead: true, cell: ({ operation }) => operationLink(operation.id) },
      { title: 'Action', cell: ({ operation }) => operation.action },
      { title: 'Account', cell: ({ operation }) => wrapped(accountOf(operation)) },
      { title: 'State', cell: ({ operation }) => stateElement(operation.state) },
      { title: 'Progress', cell: progressOf },
      { title: 'Left', isNumber: true, cell: ({ resources }) => amount(resources.left) },
      { title: 'Age', isNumber: true, cell: ({ operation }) => age(operation.openedAt, now) },
      { title: 'Waits for', cell: (view) => wrapped(firstReason(view) || '-') },
    ],
    rows,
    ({ operation }) => operation.id,
  );

function progressOf(view: Operation): Child {
  const note = (text: string) => h('span', { class: 'bar note' }, text);
  if (onlyCounts(view)) return note(`${numberText(view.resources.found)} counted`);
  if (view.operation.state === 'recoverable') return note('not begun');
  return bar(view.resources, view.operation.id);
}

function filterForm(filters: Filters): Child {
  const choice = (name: 'state' | 'action', title: string, values: readonly string[]) =>
    field(
      name,
      title,
      h(
        'select',
        { id: `filter-${name}`, name },
        h('option', { value: '' }, 'all'),
        values.map((one) =>
          h('option', { value: one, selected: filters[name] === one && 'selected' }, one),
        ),
      ),
    );
  const textField = (name: 'domain' | 'text', title: string) =>
    field(
      name,
      title,
      h('input', {
        id: `filter-${name}`,
        name,
        type: 'text',
        value: filters[name],
        maxlength: '255',
        autocomplete: 'off',
        spellcheck: 'false',
      }),
    );
  return h(
    'form',
    { class: 'filters', 'data-form': 'filters', 'data-key': `filters ${JSON.stringify(filters)}` },
    choice('state', 'State', STATES),
    choice('action', 'Action', ACTIONS),
    textField('domain', 'Domain id'),
    textField('text', 'Name, id or reason'),
    h('button', { type: 'submit' }, 'Filter'),
  );
}

const field = (name: string, title: string, control: Child): Child =>
  h('p', { class: 'field' }, h('label', { for: `filter-${name}` }, title), control);

const pager = (filters: Filters, page: number, pages: number): Child =>
  h(
    'nav',
    { class: 'pager', 'aria-label': 'Pages' },
    page > 1 && link(listAddress({ ...filters, page: page - 1 }), 'Newer'),
    h('span', {}, `Page ${page} of ${pages}`),
    page < pages && link(listAddress({ ...filters, page: page + 1 }), 'Older'),
  );
