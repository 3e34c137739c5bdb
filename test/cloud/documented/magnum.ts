import { createService, type Documented, finishLater, Routes } from '../documented.ts';
import { type Call, param, Refusal, type Reply } from '../http.ts';
import { page } from '../paging.ts';
import type { Row, Table } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import { type Cluster, openTables, seed, type Tables, type Template } from './magnum-rows.ts';

const MOST = 1000;
/** Times in the format of wsme. */
const time = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}+00:00`;

/** Magnum v1 as of 2026.1, with the Heat driver and one for Cluster API. */
export const magnum: Documented = {
  name: 'magnum',
  endpoint: { type: 'container-infra', path: '/v1' },
  open(state) {
    const tables = openTables(state);
    const routes = new Routes();
    clusterRoutes(state, tables, routes);
    templateRoutes(tables, routes);
    quotaRoutes(tables, routes);
    return {
      ...createService(state, {
        name: 'magnum',
        routes,
        open: { '/': versions },
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: {
            errors: [
              {
                request_id: '',
                code: 'client',
                status,
                title: message.split('.')[0],
                detail: message,
                links: [],
              },
            ],
          },
        }),
      }),
      seed: (project, user) => seed(state, tables, project, user),
    };
  },
};

const versions = (call: Call): Reply => ({
  status: 200,
  json: {
    name: 'OpenStack Magnum API',
    versions: [
      {
        id: 'v1',
        status: 'CURRENT',
        min_version: '1.1',
        max_version: '1.11',
        links: [{ rel: 'self', href: `${call.base}/v1/` }],
      },
    ],
  },
});

/**
 * An administrator always gets the rows of all projects, and no parameter changes that. Other users
 * get the rows of their project. `next` is a whole URL.
 */
function list<T extends Row & { project_id: string }>(
  call: Call,
  rows: readonly T[],
  plural: string,
  show: (row: T) => unknown,
): Reply {
  const seen = rows.filter(
    (row) => isAdmin(call.token) || row.project_id === ownProject(call.token),
  );
  const missing = (marker: string) =>
    new Refusal(404, `The ${plural} resource ${marker} could not be found.`);
  const shown = page(call, seen, (row) => row.id, {
    max: MOST,
    href: `${call.base}/v1/${plural}/detail`,
    missing,
  });
  return {
    status: 200,
    json: {
      [plural]: shown.rows.map(show),
      ...(shown.links?.[0] && { next: shown.links[0].href }),
    },
  };
}

function found<T extends Row & { project_id: string }>(
  call: Call,
  table: Table<T>,
  what: string,
): T {
  const row = table.get(param(call, 'id'));
  if (!row || (!isAdmin(call.token) && row.project_id !== ownProject(call.token)))
    throw new Refusal(404, `${what} ${param(call, 'id')} could not be found.`);
  return row;
}

function clusterRoutes(state: CloudState, { clusters, templates }: Tables, routes: Routes): void {
  const show = (row: Cluster) => ({
    uuid: row.id,
    name: row.name,
    cluster_template_id: row.template,
    project_id: row.project_id,
    user_id: row.user_id,
    stack_id: row.stack ?? null,
    status: row.status,
    status_reason: row.reason,
    created_at: time(row.created_at),
    updated_at: row.updated_at === null ? null : time(row.updated_at),
  });
  routes
    .on('GET', '/v1/clusters/detail', (call) =>
      list(call, clusters.all(), 'clusters', (row) => {
        // Magnum compares the labels of the template. Without the template the whole listing fails.
        if (!templates.get(row.template))
          throw new Refusal(404, `ClusterTemplate ${row.template} could not be found.`);
        return show(row);
      }),
    )
    .on('GET', '/v1/mservices', (call) => {
      if (!isAdmin(call.token))
        throw new Refusal(403, "Policy doesn't allow magnum-service:get_all to be performed.");
      return { status: 200, json: { mservices: [] } };
    })
    .on('GET', '/v1/clusters/:id', (call) => {
      const row = found(call, clusters, 'Cluster');
      return {
        status: 200,
        json: { ...show(row), ...(row.status.endsWith('FAILED') && { faults: row.faults }) },
      };
    })
    .on('DELETE', '/v1/clusters/:id', (call) => {
      conduct(state, clusters, call, found(call, clusters, 'Cluster'));
      return { status: 204 };
    });
}

/** The work of the conductor after a deletion was accepted. */
function conduct(state: CloudState, clusters: Table<Cluster>, call: Call, row: Cluster): void {
  const become = (status: string): void => {
    if (row.status !== status) row.updated_at = state.clock.now();
    row.status = status;
  };
  // The Heat driver uses the caller's token, and Heat deletes by name in the caller's own
  // account.
  if (row.driver === 'heat' && ownProject(call.token) !== row.project_id)
    state.sideEffects.push(`the stack of cluster ${row.name} was deleted from another project`);
  if (row.driver === 'heat' && row.stack === undefined) {
    // The stack is gone: Heat answers 404, and Magnum drops the cluster.
    if (!call.endless) clusters.delete(row.id);
    return;
  }
  become('DELETE_IN_PROGRESS');
  row.reason = null;
  finishLater(state, call, state.options.durations.documented, () => {
    if (row.failing > 0) {
      row.failing -= 1;
      row.reason = 'Failed to delete the stack';
      return become('DELETE_FAILED');
    }
    // A trust and an application credential end with the user or the project.
    const canLogIn =
      state.identity.users.get(row.user_id)?.enabled &&
      state.identity.projects.get(row.project_id)?.enabled;
    if (canLogIn) clusters.delete(row.id);
    else if (row.driver === 'heat') row.stack = undefined;
  });
}

function templateRoutes({ clusters, templates }: Tables, routes: Routes): void {
  const show = (row: Template) => ({
    uuid: row.id,
    name: row.name,
    project_id: row.project_id,
    user_id: row.user_id,
    public: row.public,
    hidden: row.hidden,
    coe: 'kubernetes',
  });
  routes
    .on('GET', '/v1/clustertemplates/detail', (call) =>
      list(call, templates.all(), 'clustertemplates', show),
    )
    .on('DELETE', '/v1/clustertemplates/:id', (call) => {
      const row = found(call, templates, 'ClusterTemplate');
      if (clusters.some((one) => one.template === row.id))
        throw new Refusal(
          400,
          `ClusterTemplate ${row.id} is referenced by one or multiple clusters.`,
        );
      if (!call.endless) templates.delete(row.id);
      return { status: 204 };
    });
}

function quotaRoutes({ quotas }: Tables, routes: Routes): void {
  const own = (call: Call): string => {
    if (!isAdmin(call.token))
      throw new Refusal(403, "Policy doesn't allow quota:delete to be performed.");
    return param(call, 'project');
  };
  routes
    .on('GET', '/v1/quotas/:project/Cluster', (call) => {
      if (!isAdmin(call.token) && param(call, 'project') !== ownProject(call.token))
        throw new Refusal(403, 'Not authorized.');
      const row = quotas.get(param(call, 'project'));
      const shown = {
        project_id: param(call, 'project'),
        resource: 'Cluster',
        hard_limit: row?.hard_limit ?? 20,
      };
      return { status: 200, json: { ...shown, ...(row && { id: row.number }) } };
    })
    .on('DELETE', '/v1/quotas/:project/Cluster', (call) => {
      if (!quotas.get(own(call)))
        throw new Refusal(
          404,
          `Quota could not be found: project_id ${own(call)} resource Cluster.`,
        );
      if (!call.endless) quotas.delete(own(call));
      return { status: 204 };
    });
}
