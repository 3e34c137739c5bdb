import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';

export interface MistralRow extends Row {
  readonly name: string;
  /** `null` for resources that come with Mistral. */
  readonly project_id: string | null;
  scope: 'private' | 'public';
  readonly namespace: string;
  readonly created_at: number;
  state?: 'RUNNING' | 'SUCCESS' | 'ERROR';
  /** Of a trigger. */
  readonly workflow_id?: string;
  /**
   * The parent execution of an action that a task ran, or of a nested execution. It is deleted with
   * its parent.
   */
  readonly under?: string;
  /** Of a dynamic action. */
  readonly code_source_id?: string;
}

const described = {
  owner: (row: MistralRow) => row.project_id ?? undefined,
  label: (row: MistralRow) => row.name,
};

export const COLLECTIONS = {
  cron_triggers: 'cron-trigger',
  event_triggers: 'event-trigger',
  executions: 'execution',
  action_executions: 'action-execution',
  workflows: 'workflow',
  actions: 'action',
  workbooks: 'workbook',
  environments: 'environment',
  dynamic_actions: 'dynamic-action',
  code_sources: 'code-source',
} as const;
export type Collection = keyof typeof COLLECTIONS;
export type Tables = Readonly<Record<Collection, Table<MistralRow>>>;

const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function mistralIn(state: CloudState): Tables {
  const tables = inside.get(state);
  if (!tables) throw new TypeError('this cloud has no Mistral');
  return tables;
}

export function openTables(state: CloudState): Tables {
  const table = (collection: Collection) =>
    state.store.table<MistralRow>(`mistral.${COLLECTIONS[collection]}`, described);
  const tables: Tables = {
    cron_triggers: table('cron_triggers'),
    event_triggers: table('event_triggers'),
    executions: table('executions'),
    action_executions: table('action_executions'),
    workflows: table('workflows'),
    actions: table('actions'),
    workbooks: table('workbooks'),
    environments: table('environments'),
    dynamic_actions: table('dynamic_actions'),
    code_sources: table('code_sources'),
  };
  // `std.noop` has its name as its id, and no owner.
  tables.actions.add({
    id: 'std.noop',
    name: 'std.noop',
    project_id: null,
    scope: 'public',
    namespace: '',
    created_at: 0,
  });
  inside.set(state, tables);
  return tables;
}

/** A row with the common fields. */
export const made = (
  project_id: string,
  name: string,
  more: Partial<MistralRow> = {},
): MistralRow => ({
  id: uuid(),
  name,
  project_id,
  scope: 'private',
  namespace: '',
  created_at: 0,
  ...more,
});

/**
 * At least one resource of every type, with the same names in all projects: running executions, a
 * nested one, an action in a namespace of its own.
 */
export function seed(tables: Tables, project: Project, now: number): void {
  const add = (collection: Collection, name: string, more: Partial<MistralRow> = {}) =>
    tables[collection].add(made(project.id, name, { created_at: now, ...more }));
  const flow = add('workflows', 'flow');
  add('workflows', 'book.inner', { namespace: 'apart' });
  add('workbooks', 'book', { namespace: 'apart' });
  add('environments', 'settings');
  add('cron_triggers', 'nightly', { workflow_id: flow.id });
  add('event_triggers', 'on-create', { workflow_id: flow.id });
  const done = add('executions', 'flow', { state: 'SUCCESS' });
  add('executions', 'flow', { state: 'RUNNING' });
  add('executions', 'flow', { state: 'RUNNING', under: done.id });
  add('action_executions', 'std.noop', { state: 'SUCCESS', under: done.id });
  add('action_executions', 'std.echo', { state: 'SUCCESS' });
  add('actions', 'shout');
  add('actions', 'whisper', { namespace: 'apart' });
  const source = add('code_sources', 'own-source');
  add('dynamic_actions', 'own-code', { code_source_id: source.id });
}
