import { createService, type Documented, Routes } from '../documented.ts';
import { type Call, param, Refusal, type Reply } from '../http.ts';
import type { Table } from '../resource-store.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import {
  COLLECTIONS,
  type Collection,
  type MistralRow,
  openTables,
  seed,
  type Tables,
} from './mistral-rows.ts';

export { mistralIn } from './mistral-rows.ts';

export interface MistralOptions {
  /** From 2026.1 on an administrator lists and removes the rows of all projects. */
  readonly sinceEverything?: boolean;
  /** [api] max_limit, from 2026.2 on. */
  readonly maxLimit?: number;
  /** [api] allow_action_execution_deletion. */
  readonly removesActionExecutions?: boolean;
}

/**
 * Mistral v2 as of version 15 (Zed), from its source and a real one. Options select the behavior of
 * later releases.
 */
export const mistralOf = (options: MistralOptions): Documented => ({
  name: 'mistral',
  endpoint: { type: 'workflowv2', path: '/v2' },
  open(state) {
    const tables = openTables(state);
    const routes = new Routes();
    for (const collection of Object.keys(COLLECTIONS) as Collection[])
      routes
        .on('GET', `/v2/${collection}`, (call) => list(call, tables, collection, options))
        .on('DELETE', `/v2/${collection}/:id`, (call) => {
          if (collection === 'workbooks' || collection === 'environments')
            removeByName(call, tables[collection], collection);
          else remove(call, tables, collection, options);
          return { status: 204 };
        });
    return {
      ...createService(state, {
        name: 'mistral',
        routes,
        open: { '/': () => ({ status: 200, json: [{ id: 'v2.0', status: 'CURRENT' }] }) },
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: {
            faultcode: status < 500 ? 'Client' : 'Server',
            faultstring: message,
            debuginfo: null,
          },
        }),
      }),
      seed: (project) => seed(tables, project, state.clock.now()),
    };
  },
});

/** The contract test requires that all resources can be removed. */
export const mistral = mistralOf({ removesActionExecutions: true });

const NO_PROJECT: readonly Collection[] = [
  'actions',
  'workbooks',
  'environments',
  'action_executions',
];
/** The marker of a page is read without the rights of an administrator. */
const MARKER_IS_OWN: readonly Collection[] = [
  'event_triggers',
  'workflows',
  'code_sources',
  'dynamic_actions',
  'action_executions',
];

const visible = (call: Call, row: MistralRow): boolean =>
  row.project_id === ownProject(call.token) || row.scope === 'public';
const everything = (call: Call, options: MistralOptions): boolean =>
  options.sinceEverything === true && isAdmin(call.token);

function list(call: Call, tables: Tables, collection: Collection, options: MistralOptions): Reply {
  const { query, unfiltered } = call;
  const wanted = query.get('project_id');
  const all = query.get('all_projects') === 'true';
  if (NO_PROJECT.includes(collection))
    for (const name of ['project_id', 'all_projects'])
      if (query.has(name)) throw new Refusal(400, `Unknown argument: "${name}"`);
  if (collection === 'event_triggers' && wanted !== null)
    throw new Refusal(500, "'NoneType' object has no attribute 'datatype'");
  if (all && !isAdmin(call.token))
    throw new Refusal(403, `Policy doesn't allow ${collection}:list:all_projects to be performed.`);
  const insecure =
    all || everything(call, options) || (isAdmin(call.token) && wanted !== null) || unfiltered;
  // Each listing of actions covers one namespace. The default namespace has no name.
  const namespace = query.get('namespace') ?? (collection === 'actions' ? '' : undefined);
  const rows = tables[collection].where(
    (row) =>
      (insecure || visible(call, row)) &&
      (wanted === null || unfiltered || row.project_id === wanted) &&
      (namespace === undefined || row.namespace === namespace),
  );
  if (collection === 'actions')
    // Each dynamic action has an action with its name in place of an id.
    for (const row of tables.dynamic_actions.where(
      (one) => (insecure || visible(call, one)) && one.namespace === namespace,
    ))
      rows.push({ ...row, id: row.name });
  return page(call, rows, collection, options);
}

/**
 * Without `limit` the answer has all rows, unless there is a `max_limit`. The link to the next page
 * lacks `all_projects`.
 */
function page(
  call: Call,
  rows: MistralRow[],
  collection: Collection,
  options: MistralOptions,
): Reply {
  const asked = call.query.get('limit') === null ? undefined : Number(call.query.get('limit'));
  const most = options.maxLimit;
  // Actions have no `max_limit` and only one page.
  const limit =
    most === undefined || collection === 'actions' ? asked : Math.min(asked ?? most, most);
  const marker = call.query.get('marker');
  let start = 0;
  if (marker !== null && collection !== 'actions') {
    if (collection === 'workbooks')
      throw new Refusal(500, "get_workbook() missing 1 required positional argument: 'namespace'");
    const at = rows.findIndex((row) => row.id === marker);
    const row = rows[at];
    const found =
      row &&
      collection !== 'environments' &&
      (!MARKER_IS_OWN.includes(collection) || visible(call, row) || everything(call, options));
    if (!found) throw new Refusal(404, `${COLLECTIONS[collection]} not found [id=${marker}]`);
    start = at + 1;
  }
  const shown = rows.slice(start, limit === undefined ? undefined : start + limit);
  const last = shown.at(-1);
  const next =
    last && shown.length === limit
      ? { next: `${call.base}/v2/${collection}?limit=${limit}&marker=${last.id}` }
      : {};
  return {
    status: 200,
    json: { [collection]: shown.map((row) => show(row, collection)), ...next },
  };
}

function show(row: MistralRow, collection: Collection) {
  const { id, name, project_id, scope, namespace } = row;
  if (collection === 'executions')
    return {
      id,
      workflow_name: name,
      workflow_namespace: namespace,
      state: row.state,
      project_id,
      root_execution_id: row.under ?? null,
    };
  if (collection === 'action_executions') {
    const task_execution_id = row.under === undefined ? null : `task-of-${row.under}`;
    return {
      id,
      name,
      state: row.state,
      project_id,
      task_execution_id,
      workflow_name: row.under === undefined ? null : 'flow',
    };
  }
  return {
    id,
    name,
    project_id,
    scope,
    ...(collection.endsWith('triggers') ? { workflow_id: row.workflow_id } : { namespace }),
    ...(collection === 'dynamic_actions' ? { code_source_id: row.code_source_id } : {}),
  };
}

function remove(call: Call, tables: Tables, collection: Collection, options: MistralOptions): void {
  const table = tables[collection];
  const id = param(call, 'id');
  const row = table.get(id);
  const admins: readonly Collection[] = ['cron_triggers', 'executions', 'workflows'];
  const may =
    row &&
    (visible(call, row) ||
      (isAdmin(call.token) && admins.includes(collection)) ||
      everything(call, options));
  if (collection === 'action_executions' && !options.removesActionExecutions)
    throw new Refusal(403, 'Action execution deletion is not allowed.');
  if (!row || !may || row.id === row.name)
    throw new Refusal(404, `${COLLECTIONS[collection]} not found [id=${id}]`);
  if (collection === 'executions' && row.state === 'RUNNING' && call.query.get('force') !== 'true')
    throw new Refusal(
      403,
      `Only completed executions can be deleted. Use --force to override this. Execution ${id} is in RUNNING state`,
    );
  if (collection === 'action_executions' && row.under !== undefined)
    throw new Refusal(403, 'Only ad-hoc action execution can be deleted.');
  if (collection === 'action_executions' && row.state === 'RUNNING')
    throw new Refusal(403, 'Only completed action execution can be deleted.');
  if (collection === 'workflows')
    for (const [resourceType, triggers] of [
      ['cron', tables.cron_triggers],
      ['event', tables.event_triggers],
    ] as const) {
      const on = triggers
        .where((trigger) => trigger.workflow_id === id)
        .map((trigger) => trigger.id);
      if (on.length > 0)
        throw new Refusal(
          400,
          `Can't delete workflow that has ${resourceType} triggers associated. [${resourceType}_trigger_id(s)=${on.join(', ')}]`,
        );
    }
  if (call.endless) return;
  table.delete(id);
  const along = (other: Table<MistralRow>, goes: (one: MistralRow) => boolean) => {
    for (const one of other.where(goes)) other.delete(one.id);
  };
  if (collection === 'executions') {
    along(tables.executions, (one) => one.under === id);
    along(tables.action_executions, (one) => one.under === id);
  }
  if (collection === 'code_sources')
    along(tables.dynamic_actions, (one) => one.code_source_id === id);
}

/**
 * All rows of that name that the caller sees: the rows of the caller, and public rows of any
 * project.
 */
function removeByName(
  call: Call,
  table: Table<MistralRow>,
  collection: 'workbooks' | 'environments',
): void {
  const given = param(call, 'id');
  // Mistral cuts off a slash at the end. It has no route for a name with any other slash.
  const name = given.replace(/\/$/, '');
  const namespace = call.query.get('namespace') ?? '';
  const same = name.includes('/')
    ? []
    : table.where(
        (row) =>
          row.name === name &&
          visible(call, row) &&
          (collection === 'environments' || row.namespace === namespace),
      );
  if (same.length === 0)
    throw new Refusal(404, `${COLLECTIONS[collection]} not found [name=${name}]`);
  if (!call.endless) for (const row of same) table.delete(row.id);
}
