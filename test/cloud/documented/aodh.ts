import * as z from 'zod';
import { createService, type Documented, Routes } from '../documented.ts';
import { body, type Call, param, Refusal, type Reply } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { Project, User } from '../rows.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface Alarm extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly alarm_actions: readonly string[];
  readonly timestamp: number;
  enabled: boolean;
  /** Keystone refuses to remove the trust of its action. The error comes after the row is gone. */
  readonly trustIsKept?: boolean;
}
interface Quota extends Row {
  readonly limit: number;
}
interface Tables {
  readonly alarms: Table<Alarm>;
  /** The service file has no such type. */
  readonly quotas: Table<Quota>;
}
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function aodhIn(state: CloudState): Tables {
  const tables = inside.get(state);
  if (!tables) throw new TypeError('this cloud has no Aodh');
  return tables;
}

/** Aodh v2 as of version 15 (Zed), from its source and from a real one. */
export const aodh: Documented = {
  name: 'aodh',
  endpoint: { type: 'alarming', path: '' },
  open(state) {
    const alarms = state.store.table<Alarm>('aodh.alarm', {
      owner: (row) => row.project_id,
      label: (row) => row.name,
    });
    const quotas = state.store.table<Quota>('aodh-limits.quota', {
      owner: (row) => row.id,
      label: () => 'quota',
    });
    inside.set(state, { alarms, quotas });
    const routes = new Routes();
    const found = (call: Call): Alarm => {
      const row = alarms.get(param(call, 'id'));
      if (!row || (!isAdmin(call.token) && row.project_id !== ownProject(call.token)))
        throw new Refusal(404, `Alarm ${param(call, 'id')} not found`);
      return row;
    };
    routes
      .on('GET', '/v2/alarms', (call) => list(call, alarms))
      .on('GET', '/v2/alarms/:id', (call) => ({ status: 200, json: show(found(call)) }))
      .on('PUT', '/v2/alarms/:id', (call) => {
        const row = found(call);
        row.enabled = body(call, z.looseObject({ enabled: z.boolean() })).enabled;
        return { status: 200, json: show(row) };
      })
      .on('DELETE', '/v2/alarms/:id', (call) => {
        const row = found(call);
        if (!call.endless) alarms.delete(row.id);
        if (row.trustIsKept)
          throw new Refusal(
            500,
            'You are not authorized to perform the requested action: identity:delete_trust.',
          );
        return { status: 204 };
      })
      // A read of the quota of a project creates a row if there is none.
      .on('GET', '/v2/quotas', (call) => {
        const project_id = call.query.get('project_id') ?? ownProject(call.token);
        const { limit } = quotas.get(project_id) ?? quotas.add({ id: project_id, limit: -1 });
        return { status: 200, json: { project_id, quotas: [{ resource: 'alarms', limit }] } };
      });
    return {
      ...createService(state, {
        name: 'aodh',
        routes,
        open: {
          '/': (call) => ({
            status: 200,
            json: { versions: { values: [{ id: 'v2', links: [{ href: `${call.base}/v2` }] }] } },
          }),
        },
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: {
            error_message: {
              faultcode: status < 500 ? 'Client' : 'Server',
              faultstring: message,
              debuginfo: null,
            },
          },
        }),
      }),
      seed(project: Project, user: User) {
        const add = (name: string, alarm_actions: readonly string[], more: Partial<Alarm> = {}) =>
          alarms.add({
            id: uuid(),
            name,
            project_id: project.id,
            user_id: user.id,
            alarm_actions,
            timestamp: state.clock.now(),
            enabled: true,
            ...more,
          });
        add('scale-up', ['http://heat.example/signal']);
        add('scale-down', ['trust+http://heat.example/signal']);
        add('restart', ['trust+heat://'], { trustIsKept: true });
      },
    };
  },
};

const show = (row: Alarm) => ({
  alarm_id: row.id,
  name: row.name,
  project_id: row.project_id,
  user_id: row.user_id,
  type: 'event',
  enabled: row.enabled,
  alarm_actions: row.alarm_actions,
});

/**
 * Lists the alarms of the token's project, or of the project that an administrator names by
 * `q.field=project_id`. The newest come first. A page begins after the time of the row in `marker`,
 * so other rows of the same time are lost.
 */
function list(call: Call, alarms: Table<Alarm>): Reply {
  const [fields, ops, values] = ['q.field', 'q.op', 'q.value'].map((name) =>
    call.query.getAll(name),
  );
  const asked = new Map(fields?.map((field, at) => [field, values?.[at]]));
  const unknown = [...asked.keys()].find(
    (field) => !['project_id', 'user_id', 'all_projects'].includes(field),
  );
  if (unknown !== undefined || asked.size !== fields?.length)
    throw new Refusal(400, `Invalid input for field/attribute field: ${unknown}`);
  if (ops?.some((op) => op !== 'eq')) throw new Refusal(400, 'only operations eq are allowed');
  const scanDeadLetterQueues = asked.get('all_projects') === 'true';
  const wanted =
    asked.get('project_id') ?? (scanDeadLetterQueues ? undefined : ownProject(call.token));
  if (!isAdmin(call.token) && wanted !== ownProject(call.token))
    throw new Refusal(401, `Not Authorized to access project ${wanted}`);
  const user = asked.get('user_id');
  const fits = (row: Alarm) =>
    (wanted === undefined || row.project_id === wanted) &&
    (user === undefined || row.user_id === user);
  let rows = alarms
    .where((row) => call.unfiltered || fits(row))
    .sort((x, y) => y.timestamp - x.timestamp);
  const marker = call.query.get('marker');
  if (marker !== null) {
    const after = alarms.get(marker);
    if (!after) throw new Refusal(500, `Marker ${marker} not found.`);
    rows = rows.filter((row) => row.timestamp < after.timestamp);
  }
  const limit = call.query.get('limit');
  return { status: 200, json: rows.slice(0, limit === null ? undefined : Number(limit)).map(show) };
}
