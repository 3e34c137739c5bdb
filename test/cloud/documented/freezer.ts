import { createService, type Documented } from '../documented.ts';
import { type Call, param, Refusal, type Reply, Routes } from '../http.ts';
import { hex, type Row, type Table } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin } from '../tokens.ts';

export interface Document extends Row {
  readonly name: string;
  readonly project_id: string;
  /** The creator. */
  readonly user_id: string;
}
export interface Job extends Document {
  readonly trust?: string;
  status: string;
  event: string;
}
export interface Client extends Document {
  readonly client_id: string;
  /** A scheduler that works for all projects; all of them see it. */
  readonly is_central: boolean;
}
interface Tables {
  readonly jobs: Table<Job>;
  readonly sessions: Table<Document>;
  readonly actions: Table<Document>;
  readonly clients: Table<Client>;
  readonly backups: Table<Document>;
}
/** Until 2026.1 only its creator could list or remove a resource. */
export const release = { bindsToUser: false };
const made = new WeakMap<CloudState, Tables>();
export const tablesOf = (state: CloudState): Tables => {
  const known = made.get(state);
  if (!known) throw new TypeError('this cloud has no Freezer');
  return known;
};
const owned = { owner: (row: Document) => row.project_id, label: (row: Document) => row.name };

/**
 * Freezer's API 2, as of 2026.2 unless an option differs. The path names a project, and an
 * administrator may name any.
 */
export const freezer: Documented = {
  name: 'freezer',
  endpoint: { type: 'backup', path: '' },
  open(state) {
    const table = <T extends Document>(name: string): Table<T> =>
      state.store.table<T>(`freezer.${name}`, owned);
    const tables: Tables = {
      jobs: table('job'),
      sessions: table('session'),
      actions: table('action'),
      clients: table('client'),
      backups: table('backup'),
    };
    made.set(state, tables);
    const routes = new Routes().on('GET', '/v2/', () => ({
      status: 200,
      headers: { 'Content-Type': 'application/json-home' },
      json: {
        resources: {
          'rel/backups': {},
          ...(release.bindsToUser ? {} : { 'rel/jobs': {}, 'rel/job': {} }),
        },
      },
    }));
    jobRoutes(routes, tables.jobs);
    clientRoutes(routes, tables.clients);
    for (const name of ['session', 'action', 'backup'] as const)
      documentRoutes(routes, name, tables[`${name}s`]);
    return {
      ...createService(state, {
        name: 'freezer',
        routes,
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: { title: 'Error', description: message },
        }),
      }),
      seed({ id: project_id }, { id: user_id }) {
        for (const status of ['scheduled', 'running', 'completed'])
          tables.jobs.add({
            id: hex(),
            name: status,
            project_id,
            user_id,
            status,
            event: '',
            ...(status === 'running' ? { trust: hex() } : {}),
          });
        for (const name of ['sessions', 'actions', 'backups'] as const)
          tables[name].add({ id: hex(), name, project_id, user_id });
        tables.clients.add({
          id: hex(),
          name: 'web-1',
          project_id,
          user_id,
          client_id: `${project_id}_web-1`,
          is_central: false,
        });
      },
    };
  },
};

/** `admin_or_owner`: the project in the path is compared with the token. */
function enforce(call: Call): string {
  const project = param(call, 'project');
  if (!isAdmin(call.token) && call.token?.projectId !== project)
    throw new Refusal(403, 'You are not allowed to access this resource');
  return project;
}

const isTheirs = (call: Call, row: Document): boolean =>
  !release.bindsToUser || row.user_id === call.token?.userId;

/** Ten without a limit, in the order of their creation. */
function page(call: Call, collection: string, rows: readonly object[]): Reply {
  const offset = Number(call.query.get('offset') ?? 0);
  const limit = Number(call.query.get('limit') ?? 0) || 10;
  return { status: 200, json: { [collection]: rows.slice(offset, offset + limit) } };
}

function jobRoutes(routes: Routes, jobs: Table<Job>): void {
  const show = ({ id, name, project_id, status, event, trust }: Job) => ({
    job_id: id,
    project_id,
    description: name,
    job_schedule: { status, event, result: '' },
    job_actions: [],
    ...(trust ? { user_credentials: { trust_id: trust } } : {}),
  });
  routes
    .on('GET', '/v2/:project/jobs', (call) => {
      const project = enforce(call);
      // A caller that may list all projects gets all rows. The project in the path has no effect.
      const rows = jobs.where(
        (row) =>
          ((isAdmin(call.token) && !release.bindsToUser) || row.project_id === project) &&
          isTheirs(call, row),
      );
      return page(call, 'jobs', rows.map(show));
    })
    .on('POST', '/v2/:project/jobs/:id/event', (call) => {
      const project = enforce(call);
      const row = jobs.get(param(call, 'id'));
      if (row?.project_id !== project) throw new Refusal(404, 'No document found');
      row.event = Object.keys(JSON.parse(call.body.toString()))[0] ?? '';
      return { status: 202, json: { result: 'success' } };
    })
    .on('DELETE', '/v2/:project/jobs/:id', (call) => remove(call, jobs));
}

function clientRoutes(routes: Routes, clients: Table<Client>): void {
  const seen = (project: string): Client[] =>
    clients.where((row) => row.project_id === project || row.is_central);
  routes
    .on('GET', '/v2/:project/clients', (call) => {
      const project = enforce(call);
      const rows = (call.unfiltered ? clients.all() : seen(project)).filter((row) =>
        isTheirs(call, row),
      );
      return page(
        call,
        'clients',
        rows.map(({ id, name, project_id, client_id, is_central }) => ({
          project_id,
          client: { uuid: id, hostname: name, client_id, is_central },
        })),
      );
    })
    .on('DELETE', '/v2/:project/clients/:id', (call) => {
      const project = enforce(call);
      // The first document with that id, which may be a central one of another project.
      const row = seen(project).find(({ client_id }) => client_id === param(call, 'id'));
      if (row && row.project_id !== project)
        throw new Refusal(403, 'You are not allowed to access this resource');
      if (row && !call.endless) clients.delete(row.id);
      return { status: 204 };
    });
}

function documentRoutes(routes: Routes, name: string, table: Table<Document>): void {
  routes
    .on('GET', `/v2/:project/${name}s`, (call) => {
      const project = enforce(call);
      const rows = table.where(
        (row) => (call.unfiltered || row.project_id === project) && isTheirs(call, row),
      );
      return page(
        call,
        `${name}s`,
        rows.map(({ id, name: label, project_id }) => ({
          [`${name}_id`]: id,
          project_id,
          description: label,
          user_id: 'somebody',
        })),
      );
    })
    .on('DELETE', `/v2/:project/${name}s/:id`, (call) => remove(call, table));
}

/** Freezer answers 204 in any case. It removes only documents of the project in the path. */
function remove<T extends Document>(call: Call, table: Table<T>): Reply {
  const project = enforce(call);
  const row = table.get(param(call, 'id'));
  if (row?.project_id === project && isTheirs(call, row) && !call.endless) table.delete(row.id);
  return { status: 204 };
}
