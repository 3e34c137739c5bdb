import { createService, type Documented, Routes } from '../documented.ts';
import { type Call, param, Refusal, type Reply } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { ownProject } from '../tokens.ts';

/** The id is the project, a slash and the name. */
export interface Queue extends Row {
  readonly name: string;
  readonly project_id: string;
}
export interface Subscription extends Row {
  readonly project_id: string;
  /** The name of its queue or topic, which may not exist. */
  readonly source: string;
  readonly subscriber: string;
}
interface Tables {
  readonly queues: Table<Queue>;
  readonly topics: Table<Queue>;
  readonly subscriptions: Table<Subscription>;
}
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function zaqarIn(state: CloudState): Tables {
  const tables = inside.get(state);
  if (!tables) throw new TypeError('this cloud has no Zaqar');
  return tables;
}

/** The largest page, which is also the default. */
const MOST = 20;
const UNASKED = 10;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/**
 * Zaqar v2 as of version 15 (Zed), from its source and a real one. `store`: only MongoDB has
 * topics.
 */
export const zaqarOn = (store: 'mongodb' | 'sqlalchemy'): Documented => ({
  name: 'zaqar',
  endpoint: { type: 'messaging', path: '' },
  open(state) {
    const named = { owner: (row: Queue) => row.project_id, label: (row: Queue) => row.name };
    const tables: Tables = {
      queues: state.store.table<Queue>('zaqar.queue', named),
      topics: state.store.table<Queue>('zaqar.topic', named),
      subscriptions: state.store.table<Subscription>('zaqar.subscription', {
        owner: (row) => row.project_id,
        label: (row) => `${row.source} ${row.subscriber}`,
      }),
    };
    inside.set(state, tables);
    const routes = new Routes();
    collection(routes, tables, 'queues', () => undefined);
    collection(routes, tables, 'topics', (what) => {
      if (store !== 'mongodb')
        throw new Refusal(503, `${what}. Please try again in a few seconds.`);
    });
    const front = createService(state, {
      name: 'zaqar',
      routes,
      open: {
        '/': (call) => ({
          status: 300,
          json: { versions: [{ id: '2', links: [{ rel: 'self', href: `${call.base}/v2/` }] }] },
        }),
      },
      refuse: ({ status, message, headers }) => ({
        status,
        headers,
        json: { title: 'Refused', description: message },
      }),
    });
    return {
      ...front,
      handle(call) {
        if (call.path !== '/' && !UUID.test(String(call.headers['client-id'] ?? '')))
          throw new Refusal(400, 'Malformed hexadecimal UUID.');
        return front.handle(call);
      },
      seed(project: Project) {
        const add = (table: Table<Queue>, name: string) =>
          table.add({ id: `${project.id}/${name}`, name, project_id: project.id });
        for (const name of ['jobs', 'results', 'stack-metadata']) add(tables.queues, name);
        if (store === 'mongodb') add(tables.topics, 'news');
        const subscribe = (source: string, subscriber: string) =>
          tables.subscriptions.add({ id: uuid(), project_id: project.id, source, subscriber });
        subscribe('jobs', 'http://worker.example/');
        subscribe('jobs', 'trust+http://worker.example/');
        if (store === 'mongodb') subscribe('news', 'mailto:somebody@example.org');
      },
    };
  },
});

/** On MongoDB, with all resource types. */
export const zaqar = zaqarOn('mongodb');

/**
 * Every call concerns the project of the token, even for an administrator. A call cannot name
 * another project.
 */
function collection(
  routes: Routes,
  tables: Tables,
  plural: 'queues' | 'topics',
  assertThere: (what: string) => void,
): void {
  const table = tables[plural];
  const own = (call: Call) => (row: { project_id: string }) =>
    row.project_id === ownProject(call.token);
  const name = (call: Call) => param(call, 'name');
  routes
    .on('GET', `/v2/${plural}`, (call) => {
      assertThere(`${plural === 'queues' ? 'Queues' : 'Topics'} could not be listed`);
      const rows = table.where(own(call)).sort((a, b) => (a.name < b.name ? -1 : 1));
      return page(
        call,
        plural,
        rows,
        (row) => row.name,
        (row) => ({ name: row.name, href: `/v2/${plural}/${row.name}` }),
      );
    })
    .on('DELETE', `/v2/${plural}/:name`, (call) => {
      assertThere('It could not be deleted');
      // The deletion of a missing queue succeeds, too. Zaqar keeps the subscriptions of a deleted
      // queue.
      if (!call.endless) table.delete(`${ownProject(call.token)}/${name(call)}`);
      return { status: 204 };
    })
    .on('GET', `/v2/${plural}/:name/subscriptions`, (call) => {
      const rows = tables.subscriptions
        .where((row) => own(call)(row) && row.source === name(call))
        .sort((a, b) => (a.id < b.id ? -1 : 1));
      return page(
        call,
        'subscriptions',
        rows,
        (row) => row.id,
        ({ id, source, subscriber }) => ({ id, source, subscriber }),
      );
    })
    .on('DELETE', `/v2/${plural}/:name/subscriptions/:id`, (call) => {
      const row = tables.subscriptions.get(param(call, 'id'));
      if (row && own(call)(row) && row.source === name(call) && !call.endless)
        tables.subscriptions.delete(row.id);
      return { status: 204 };
    });
}

/** Every page that is not empty links to a next one. */
function page<R>(
  call: Call,
  key: string,
  rows: readonly R[],
  idOf: (row: R) => string,
  show: (row: R) => object,
): Reply {
  const limit = Number(call.query.get('limit') ?? UNASKED);
  if (limit < 1 || limit > MOST)
    throw new Refusal(400, `Limit must be at least 1 and no greater than ${MOST}.`);
  const marker = call.query.get('marker');
  const shown = rows.filter((row) => marker === null || idOf(row) > marker).slice(0, limit);
  const last = shown.at(-1);
  const links = last
    ? [
        {
          rel: 'next',
          href: `${call.path}?marker=${idOf(last)}${call.query.has('limit') ? `&limit=${limit}` : ''}`,
        },
      ]
    : [];
  return { status: 200, json: { [key]: shown.map(show), links } };
}
