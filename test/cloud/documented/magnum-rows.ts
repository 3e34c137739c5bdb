import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project, User } from '../rows.ts';
import type { CloudState } from '../state.ts';

const HOUR = 3_600_000;

export interface Cluster extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly template: string;
  /** The cluster has the Heat driver, or one for Cluster API. */
  readonly driver: 'heat' | 'capi';
  /** The stack of Heat, or the machines of Cluster API. */
  stack: string | undefined;
  status: string;
  reason: string | null;
  /** By node group. */
  faults: Record<string, string>;
  /** The number of deletions that will still fail. */
  failing: number;
  readonly created_at: number;
  updated_at: number | null;
}
export interface Template extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  public: boolean;
  readonly hidden: boolean;
}
export interface Quota extends Row {
  readonly number: number;
  readonly hard_limit: number;
}
export interface Tables {
  readonly clusters: Table<Cluster>;
  readonly templates: Table<Template>;
  /** The id is that of the project. */
  readonly quotas: Table<Quota>;
}

const opened = new WeakMap<CloudState, Tables>();

export function openTables(state: CloudState): Tables {
  const owned = {
    owner: (row: { project_id: string }) => row.project_id,
    label: (row: { name: string }) => row.name,
  };
  const tables: Tables = {
    clusters: state.store.table<Cluster>('magnum.cluster', owned),
    templates: state.store.table<Template>('magnum.cluster-template', owned),
    quotas: state.store.table<Quota>('magnum.quota', {
      owner: (row) => row.id,
      label: () => 'quota',
    }),
  };
  opened.set(state, tables);
  return tables;
}

/** Returns the tables of a cloud that was started with Magnum. */
export function magnumOf(state: CloudState): Tables {
  const tables = opened.get(state);
  if (!tables) throw new TypeError('this cloud has no Magnum');
  return tables;
}

/**
 * Clusters of both drivers, one whose creation failed and one whose deletion failed; templates, one
 * of them hidden; a limit.
 */
export function seed(
  state: CloudState,
  { clusters, templates, quotas }: Tables,
  project: Project,
  user: User,
): void {
  const common = { project_id: project.id, user_id: user.id };
  const [kubernetes] = ['kubernetes', 'hidden'].map((name) =>
    templates.add({ ...common, id: uuid(), name, public: false, hidden: name === 'hidden' }),
  );
  const add = (name: string, more: Partial<Cluster> = {}): void => {
    clusters.add({
      ...common,
      id: uuid(),
      name,
      template: kubernetes?.id ?? '',
      driver: 'heat',
      stack: uuid(),
      status: 'CREATE_COMPLETE',
      reason: null,
      faults: {},
      failing: 0,
      created_at: state.clock.now() - 2 * HOUR,
      updated_at: state.clock.now() - HOUR,
      ...more,
    });
  };
  add('production');
  add('cluster-api', { driver: 'capi' });
  add('failed', {
    status: 'CREATE_FAILED',
    reason: 'no valid host',
    faults: { 'default-worker': 'no valid host' },
  });
  add('half-deleted', {
    status: 'DELETE_FAILED',
    reason: 'Resource DELETE failed',
    faults: { 'default-master': 'Conflict: resources.kube_masters: port is in use' },
  });
  quotas.add({ id: project.id, number: quotas.size + 1, hard_limit: 5 });
}
