import * as z from 'zod';
import { atLeast, microversion } from '../compute-fault.ts';
import { createService, type Documented, finishLater, maySee } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface Container extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly host: string | null;
  readonly registry?: string;
  status: string;
  task_state: string | null;
  updated_at: number;
}
export type Capsule = Omit<Container, 'registry'>;
interface Registry extends Row {
  readonly name: string;
  readonly project_id: string;
}
interface Quota extends Row {
  readonly containers: number;
}
interface Tables {
  readonly containers: Table<Container>;
  readonly capsules: Table<Capsule>;
  readonly registries: Table<Registry>;
  readonly quotas: Table<Quota>;
  /** Hosts on which zun-compute does not answer. */
  readonly down: Set<string>;
}
const made = new WeakMap<CloudState, Tables>();
export const tablesOf = (state: CloudState): Tables => {
  const known = made.get(state);
  if (!known) throw new TypeError('this cloud has no Zun');
  return known;
};

const RANGE = { lowest: '1.1', highest: '1.40' };
/** Largest page: [api] max_limit. */
export const pages = { limit: 1000 };
const owned = {
  owner: (row: { project_id: string }) => row.project_id,
  label: (row: { name: string }) => row.name,
};
/** States in which a forced deletion is allowed; `Paused` is not one of them. */
const FORCED = [
  'Created',
  'Creating',
  'Error',
  'Running',
  'Stopped',
  'Unknown',
  'Deleted',
  'Dead',
  'Restarting',
  'Rebuilding',
  'Deleting',
];
const DELETED = ['Created', 'Error', 'Stopped', 'Deleted', 'Dead'];

/** Zun 15. Its root lists links; its versions are in the headers. */
export const zun: Documented = {
  name: 'zun',
  endpoint: { type: 'container', path: '/v1' },
  open(state) {
    const tables: Tables = {
      containers: state.store.table<Container>('zun.container', owned),
      capsules: state.store.table<Capsule>('zun.capsule', owned),
      registries: state.store.table<Registry>('zun.registry', owned),
      quotas: state.store.table<Quota>('zun.quota', {
        owner: ({ id }) => id,
        label: () => 'quota',
      }),
      down: new Set(),
    };
    made.set(state, tables);
    const routes = new Routes();
    listings(routes, tables);
    removals(routes, state, tables);
    quotas(routes, tables);
    const front = createService(state, {
      name: 'zun',
      routes,
      refuse: ({ status, message, headers }) => ({
        status,
        headers,
        json: {
          errors: [
            {
              request_id: '',
              code: 'container.',
              status,
              title: 'Error',
              detail: message,
              links: [],
            },
          ],
        },
      }),
      headers: () => ({
        'OpenStack-API-Minimum-Version': `container ${RANGE.lowest}`,
        'OpenStack-API-Maximum-Version': `container ${RANGE.highest}`,
      }),
    });
    return {
      ...front,
      seed(project) {
        const made = {
          project_id: project.id,
          host: 'compute-1',
          task_state: null,
          updated_at: state.clock.now(),
        };
        const registry = tables.registries.add({
          id: uuid(),
          name: 'registry',
          project_id: project.id,
        });
        for (const status of ['Running', 'Stopped', 'Paused', 'Error', 'Creating'])
          tables.containers.add({
            ...made,
            id: uuid(),
            name: status.toLowerCase(),
            status,
            registry: registry.id,
          });
        tables.containers.add({
          ...made,
          id: uuid(),
          name: 'nowhere',
          status: 'Error',
          host: null,
        });
        tables.capsules.add({ ...made, id: uuid(), name: 'capsule', status: 'Running' });
        tables.quotas.add({ id: project.id, containers: 7 });
      },
    };
  },
};

const truthy = (call: Call, name: string): boolean =>
  ['true', '1', 'True'].includes(call.query.get(name) ?? '');

/** The link to the next page lacks the filters and `all_projects`. */
function page<T extends Row>(
  call: Call,
  collection: string,
  rows: readonly T[],
  show: (row: T) => object,
): Reply {
  const limit = Math.min(Number(call.query.get('limit') ?? pages.limit), pages.limit);
  const marker = call.query.get('marker');
  const at = marker === null ? 0 : rows.findIndex(({ id }) => id === marker) + 1;
  if (marker !== null && at === 0) throw new Refusal(404, `${marker} could not be found.`);
  const shown = rows.slice(at, at + limit);
  const last = shown.at(-1);
  const next =
    last && shown.length === limit
      ? `${call.base}/v1/${collection}?sort_key=id&sort_dir=asc&limit=${limit}&marker=${last.id}`
      : null;
  return { status: 200, json: { [collection]: shown.map(show), next } };
}

function listings(routes: Routes, { containers, capsules, registries }: Tables): void {
  const seen = <T extends { project_id: string }>(
    call: Call,
    rows: T[],
    filtered: boolean,
  ): T[] => {
    if (truthy(call, 'all_projects') && !isAdmin(call.token))
      throw new Refusal(403, "Policy doesn't allow it to be performed.");
    const project = filtered && !call.unfiltered ? call.query.get('project_id') : null;
    return rows.filter(
      (row) =>
        (truthy(call, 'all_projects') || row.project_id === ownProject(call.token)) &&
        (project === null || row.project_id === project),
    );
  };
  const show = ({ id, ...row }: Capsule) => ({
    ...row,
    uuid: id,
    updated_at: new Date(row.updated_at).toISOString().replace('Z', '+00:00'),
  });
  routes
    .on('GET', '/v1/containers', (call) => {
      const unknown = [...call.query.keys()].filter(
        (name) => !['all_projects', 'project_id', 'limit', 'marker', 'status'].includes(name),
      );
      if (unknown.length > 0) throw new Refusal(400, `Unknown parameters: ${unknown.join(', ')}`);
      return page(call, 'containers', seen(call, containers.all(), true), show);
    })
    // A capsule shows no task_state, and its list accepts any parameter and ignores it.
    .on('GET', '/v1/capsules', (call) =>
      page(call, 'capsules', seen(call, capsules.all(), false), (row) => {
        const { task_state: _hidden, ...shown } = show(row);
        return shown;
      }),
    )
    .on('GET', '/v1/registries', (call) => {
      if (!atLeast(microversion(call, 'container', RANGE), '1.30'))
        throw new Refusal(406, 'Not acceptable');
      return page(call, 'registries', seen(call, registries.all(), true), ({ id, ...row }) => ({
        ...row,
        uuid: id,
        username: 'user',
        password: '***',
      }));
    });
}

function removals(
  routes: Routes,
  state: CloudState,
  { containers, capsules, registries, down }: Tables,
): void {
  const found = <T extends Row & { project_id: string }>(call: Call, table: Table<T>): T => {
    const row = table.get(param(call, 'id'));
    if (!row || !maySee(call.token, row.project_id))
      throw new Refusal(404, `${param(call, 'id')} could not be found.`);
    return row;
  };
  const go = (call: Call, row: Capsule, table: Table<Container> | Table<Capsule>): Reply => {
    if (row.host === null) {
      if (!call.endless) table.delete(row.id);
      return { status: 204 };
    }
    if (down.has(row.host))
      throw new Refusal(
        500,
        'The server has either erred or is incapable of performing the requested operation.',
      );
    row.task_state = 'container_deleting';
    row.updated_at = state.clock.now();
    finishLater(state, call, state.options.durations.documented, () => table.delete(row.id));
    return { status: 204 };
  };
  const run = (call: Call, from: string, to: string): Reply => {
    const row = found(call, containers);
    if (row.status !== from)
      throw new Refusal(409, `Cannot change container ${row.id} in ${row.status} state`);
    row.task_state = 'container_changing';
    finishLater(state, call, state.options.durations.documented, () => {
      row.status = to;
      row.task_state = null;
    });
    return { status: 202 };
  };
  routes
    .on('DELETE', '/v1/containers/:id', (call) => {
      const unknown = [...call.query.keys()].filter(
        (name) => !['all_projects', 'force', 'stop'].includes(name),
      );
      if (unknown.length > 0)
        throw new Refusal(400, `Additional properties are not allowed (${unknown.join(', ')})`);
      const row = found(call, containers);
      const allowed = truthy(call, 'force') ? FORCED : DELETED;
      if (!allowed.includes(row.status))
        throw new Refusal(409, `Cannot delete_force container ${row.id} in ${row.status} state`);
      return go(call, row, containers);
    })
    .on('POST', '/v1/containers/:id/unpause', (call) => {
      const row = found(call, containers);
      if (row.status !== 'Paused')
        throw new Refusal(409, `Cannot unpause container ${row.id} in ${row.status} state`);
      row.task_state = 'container_unpausing';
      finishLater(state, call, state.options.durations.documented, () => {
        row.status = 'Running';
        row.task_state = null;
      });
      return { status: 202 };
    })
    .on('POST', '/v1/containers/:id/stop', (call) => run(call, 'Running', 'Stopped'))
    .on('POST', '/v1/containers/:id/start', (call) => run(call, 'Stopped', 'Running'))
    .on('DELETE', '/v1/capsules/:id', (call) => go(call, found(call, capsules), capsules))
    .on('DELETE', '/v1/registries/:id', (call) => {
      const row = found(call, registries);
      if (containers.some(({ registry }) => registry === row.id))
        throw new Refusal(409, `Failed to delete registry ${row.id} since it is in use.`);
      if (!call.endless) registries.delete(row.id);
      return { status: 204 };
    });
}

const DEFAULTS = { containers: 40, memory: 51_200, cpu: 20, disk: 100 };

function quotas(routes: Routes, tables: Tables): void {
  routes
    .on('GET', '/v1/quotas/:project', (call) => ({
      status: 200,
      json: {
        ...DEFAULTS,
        containers: tables.quotas.get(param(call, 'project'))?.containers ?? DEFAULTS.containers,
      },
    }))
    .on('GET', '/v1/quotas/:project/defaults', () => ({ status: 200, json: DEFAULTS }))
    .on('PUT', '/v1/quotas/:project', (call) => {
      const { containers } = body(call, z.object({ containers: z.number() }));
      tables.quotas.add({ id: param(call, 'project'), containers });
      return { status: 200, json: { ...DEFAULTS, containers } };
    })
    .on('DELETE', '/v1/quotas/:project', (call) => {
      if (!call.endless) tables.quotas.delete(param(call, 'project'));
      return { status: 200 };
    })
    .on('GET', '/v1/', (call) => ({
      status: 200,
      json: { id: 'v1', media_types: [], links: [{ href: `${call.base}/v1/`, rel: 'self' }] },
    }));
}
