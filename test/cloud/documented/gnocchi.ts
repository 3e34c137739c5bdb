import * as z from 'zod';
import { createService, type Documented } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { hex, isoMicros, type Row, type Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin } from '../tokens.ts';

export interface Resource extends Row {
  readonly type: string;
  readonly original_resource_id: string;
  /** An ordinary attribute: the creator of a resource may write any project into it. */
  readonly project_id: string | null;
  readonly creator: string;
}
export interface Metric extends Row {
  readonly name: string;
  /** `user:project`. */
  readonly creator: string;
  readonly resource_id: string | null;
}
interface Tables {
  readonly resources: Table<Resource>;
  readonly metrics: Table<Metric>;
}
export const tablesOf = (state: CloudState): Tables => {
  const known = made.get(state);
  if (!known) throw new TypeError('this cloud has no Gnocchi');
  return known;
};
const made = new WeakMap<CloudState, Tables>();

/** Largest page: [api] max_limit. */
export const pages = { limit: 1000 };

const creatorProject = (creator: string): string => creator.slice(creator.indexOf(':') + 1);

/**
 * Gnocchi 4 answers with a bare list. A full page has a link to the next one in a header, even if
 * no rows follow.
 */
export const gnocchi: Documented = {
  name: 'gnocchi',
  endpoint: { type: 'metric', path: '' },
  open(state) {
    const resources = state.store.table<Resource>('gnocchi.resource', {
      owner: ({ project_id }) => project_id ?? undefined,
      label: (row) => row.original_resource_id,
    });
    const metrics = state.store.table<Metric>('gnocchi.metric', {
      owner: (row) =>
        row.resource_id === null
          ? creatorProject(row.creator)
          : (resources.get(row.resource_id)?.project_id ?? undefined),
      label: (row) => row.name,
    });
    made.set(state, { resources, metrics });
    const routes = new Routes();
    resourceRoutes(routes, state, { resources, metrics });
    metricRoutes(routes, { resources, metrics });
    // Ceilometer's own user, in the services' project.
    const ceilometer = `${hex()}:${hex()}`;
    return {
      ...createService(state, {
        name: 'gnocchi',
        routes,
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: { code: status, title: 'Error', description: message },
        }),
      }),
      seed(project, user) {
        const own = `${user.id}:${project.id}`;
        for (const [type, creator] of [
          ['instance', ceilometer],
          ['volume', ceilometer],
          ['generic', own],
        ] as const) {
          const resource = resources.add({
            id: uuid(),
            type,
            original_resource_id: `${type}-1`,
            project_id: project.id,
            creator,
          });
          for (const name of ['cpu', 'disk.size'])
            metrics.add({ id: uuid(), name, creator, resource_id: resource.id });
        }
        metrics.add({ id: uuid(), name: 'alone', creator: own, resource_id: null });
      },
    };
  },
};

const bounds = (call: Call): number =>
  Math.min(Number(call.query.get('limit') ?? pages.limit), pages.limit);

/** A page after `marker`. The link of a full page repeats the query. */
function page<T extends Row>(call: Call, rows: readonly T[], show: (row: T) => unknown): Reply {
  const marker = call.query.get('marker');
  const at = marker === null ? 0 : rows.findIndex(({ id }) => id === marker) + 1;
  if (marker !== null && at === 0) throw new Refusal(400, `Invalid marker: \`${marker}'`);
  const shown = rows.slice(at, at + bounds(call));
  const last = shown.at(-1);
  const link =
    last && shown.length >= bounds(call)
      ? { Link: `<${call.base}${call.path}?marker=${last.id}>; rel="next"` }
      : {};
  return { status: 200, json: shown.map(show), headers: link };
}

const byProject = z.object({ '=': z.object({ project_id: z.string() }) });
const byId = z.object({ in: z.object({ id: z.array(z.uuid()).min(1) }) });
const filter = z.union([
  byProject,
  byId,
  z.object({ and: z.array(z.union([byProject, byId])).min(1) }),
]);

function meets(row: Resource, wanted: z.infer<typeof filter>, unfiltered: boolean): boolean {
  if ('and' in wanted) return wanted.and.every((part) => meets(row, part, unfiltered));
  if ('in' in wanted) return wanted.in.id.includes(row.id);
  return unfiltered || row.project_id === wanted['='].project_id;
}

const created = (creator: string) => ({
  creator,
  created_by_user_id: creator.slice(0, creator.indexOf(':')),
  created_by_project_id: creatorProject(creator),
});

function resourceRoutes(routes: Routes, state: CloudState, { resources, metrics }: Tables): void {
  const show = (row: Resource) => ({
    ...row,
    ...created(row.creator),
    user_id: null,
    started_at: isoMicros(state.clock.now()),
    ended_at: null,
    revision_start: isoMicros(state.clock.now()),
    revision_end: null,
    metrics: Object.fromEntries(
      metrics.where(({ resource_id }) => resource_id === row.id).map(({ id, name }) => [name, id]),
    ),
  });
  routes
    .on('POST', '/v1/search/resource/generic', (call) => {
      // Without a filter a search returns all rows; only the deletion requires one.
      const wanted = call.body.length === 0 ? undefined : body(call, filter);
      if (!isAdmin(call.token)) throw new Refusal(403, 'Insufficient privileges');
      const found = resources.where(
        (row) => wanted === undefined || meets(row, wanted, call.unfiltered),
      );
      return page(call, found, show);
    })
    .on('DELETE', '/v1/resource/generic', (call) => {
      if (call.body.length === 0)
        throw new Refusal(
          400,
          'caution: the query can not be empty, or it will delete entire database',
        );
      const wanted = body(call, filter);
      if (call.endless) return { status: 200, json: { deleted: 0 } };
      const found = resources.where((row) => meets(row, wanted, false));
      for (const { id } of found) {
        for (const metric of metrics.where(({ resource_id }) => resource_id === id))
          metrics.delete(metric.id);
        resources.delete(id);
      }
      return { status: 200, json: { deleted: found.length } };
    });
}

function metricRoutes(routes: Routes, { metrics }: Tables): void {
  routes
    .on('GET', '/v1/metric', (call) => {
      const [user, project] = ['user_id', 'project_id'].map((name) => call.query.get(name));
      // The older parameters are combined into the one creator. A missing parameter is an empty
      // text.
      const creator =
        user === null && project === null ? undefined : `${user ?? ''}:${project ?? ''}`;
      const found = metrics.where(
        (row) => call.unfiltered || creator === undefined || row.creator === creator,
      );
      return page(call, found, (row) => ({
        ...row,
        ...created(row.creator),
        unit: null,
        archive_policy_name: 'low',
      }));
    })
    .on('DELETE', '/v1/metric/:id', (call) => {
      const row = metrics.get(param(call, 'id'));
      if (!row) throw new Refusal(404, `Metric ${param(call, 'id')} does not exist`);
      if (!call.endless) metrics.delete(row.id);
      return { status: 204 };
    });
}
