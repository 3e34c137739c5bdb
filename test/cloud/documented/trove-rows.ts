import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';

interface Owned extends Row {
  readonly name: string;
  readonly tenant_id: string;
}
export interface Instance extends Owned {
  /** `NONE`, `BUILDING`, `DELETING`. */
  task: string;
  server: 'ACTIVE' | 'SHUTDOWN';
  /** The report of the guest agent. A stopped database leaves the server ACTIVE. */
  database: 'HEALTHY' | 'SHUTDOWN';
  cluster_id: string | null;
  replica_of: string | null;
  readonly configuration_id: string | null;
  /** The instance has a certificate of the project in Barbican. */
  readonly tls: boolean;
  deleted: boolean;
  updated: number;
}
export interface Cluster extends Owned {
  task: string;
  updated: number;
}
export interface Backup extends Owned {
  status: string;
  readonly instance_id: string;
  readonly parent_id: string | null;
  readonly updated: number;
}
export interface Strategy extends Row {
  readonly tenant_id: string;
  /** Empty: of all instances. */
  readonly instance_id: string;
}
export interface Module extends Row {
  readonly name: string;
  /** `null`: of all projects. */
  readonly tenant_id: string | null;
  readonly applied_to: string | undefined;
}
export interface Tables {
  readonly instances: Table<Instance>;
  readonly clusters: Table<Cluster>;
  readonly backups: Table<Backup>;
  readonly strategies: Table<Strategy>;
  readonly modules: Table<Module>;
  readonly configurations: Table<Owned>;
  /** Since 2023.2 it is broken: the list of modules answers 500 to an administrator. */
  moduleListing: 'works' | 'broken';
  /** The answer of Swift when Trove uses the caller's token. */
  swift: 'works' | 'refuses' | 'missing';
}

const HOUR = 3_600_000;

const opened = new WeakMap<CloudState, Tables>();

export function openTables(state: CloudState): Tables {
  const owned = { owner: (row: Owned) => row.tenant_id, label: (row: Owned) => row.name };
  const tables: Tables = {
    // A deleted instance keeps its row.
    instances: state.store.table<Instance>('trove.instance', {
      owner: (row) => (row.deleted ? undefined : row.tenant_id),
      label: (row) => row.name,
    }),
    clusters: state.store.table<Cluster>('trove.cluster', owned),
    backups: state.store.table<Backup>('trove.backup', owned),
    strategies: state.store.table<Strategy>('trove.backup-strategy', {
      owner: (row) => row.tenant_id,
      label: (row) => (row.instance_id ? 'of one' : 'of all'),
    }),
    modules: state.store.table<Module>('trove.module', {
      owner: (row) => row.tenant_id ?? undefined,
      label: (row) => row.name,
    }),
    configurations: state.store.table<Owned>('trove.configuration', owned),
    moduleListing: 'works',
    swift: 'works',
  };
  opened.set(state, tables);
  return tables;
}

/** Returns the tables of a cloud that was started with Trove. */
export function troveOf(state: CloudState): Tables {
  const tables = opened.get(state);
  if (!tables) throw new TypeError('this cloud has no Trove');
  return tables;
}

/**
 * Adds an instance with replicas, a cluster, and instances that are half built, stopped or deleted.
 * Also adds backups that are based on each other, and one in progress.
 */
export function seed(state: CloudState, tables: Tables, project: Project): void {
  const old = state.clock.now() - 2 * HOUR;
  const own = (name: string) => ({ id: uuid(), name, tenant_id: project.id });
  const [tuned] = ['tuned', 'unused'].map((name) => tables.configurations.add(own(name)));
  const instance = (name: string, more: Partial<Instance> = {}): Instance =>
    tables.instances.add({
      ...own(name),
      task: 'NONE',
      server: 'ACTIVE',
      database: 'HEALTHY',
      cluster_id: null,
      replica_of: null,
      configuration_id: null,
      tls: false,
      deleted: false,
      updated: old,
      ...more,
    });
  const source = instance('source', { configuration_id: tuned?.id ?? null });
  for (const n of [0, 1]) instance(`replica-${n}`, { replica_of: source.id });
  instance('half-built', { task: 'BUILDING' });
  instance('stopped', { server: 'SHUTDOWN', database: 'SHUTDOWN', tls: true });
  instance('deleted', { deleted: true });
  const galera = tables.clusters.add({ ...own('galera'), task: 'NONE', updated: old });
  for (const n of [0, 1]) instance(`member-${n}`, { cluster_id: galera.id });
  const backup = (name: string, more: Partial<Backup> = {}): Backup =>
    tables.backups.add({
      ...own(name),
      status: 'COMPLETED',
      instance_id: source.id,
      parent_id: null,
      updated: old,
      ...more,
    });
  const full = backup('full');
  const incremental = backup('incremental', { parent_id: full.id });
  backup('incremental-of-incremental', { parent_id: incremental.id });
  backup('running', { status: 'BUILDING' });
  backup('half-deleted', { status: 'DELETE_FAILED' });
  for (const instance_id of ['', source.id])
    tables.strategies.add({ id: uuid(), tenant_id: project.id, instance_id });
  tables.modules.add({ ...own('licence'), applied_to: source.id });
  tables.modules.add({ ...own('ping'), applied_to: undefined });
  if (!tables.modules.some((row) => row.tenant_id === null))
    tables.modules.add({
      id: uuid(),
      name: 'of-the-cloud',
      tenant_id: null,
      applied_to: undefined,
    });
}
