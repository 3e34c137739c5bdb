import { CLOUD_SECONDS, type Row, Row as RowShape, text, until } from './cloud.ts';
import type { CloudFixture } from './cloud-fixture.ts';
import { linesOf, type Snapshot } from './snapshot.ts';

/** The reason of the lock that a suspension sets. */
export const SUSPENDED = 'SHUTOFF, locked: The project is suspended (keystone-propagator).';
/** The beginnings of the lines that a suspension may change. */
const CHANGED_BY_SUSPENSION = ['nova.server ', 'swift.container '];

/**
 * A project that `populate` filled as `simple`, with a second server that is stopped, a public
 * container if the cloud has Swift, and an alarm if the cloud has Aodh. All reads are made as an
 * administrator or without a token.
 */
export interface ProjectInUse {
  readonly id: string;
  /** The servers by name: `ACTIVE`, or `SHUTOFF, locked: REASON`. */
  servers(): Promise<Record<string, string>>;
  /** The alarms without the time of their last change. Empty without Aodh. */
  alarms(): Promise<Row[]>;
  /** Waits until Swift gives this answer to a client without a token. */
  untilPublic(status: 200 | 401): Promise<void>;
  isEnabled(): Promise<boolean>;
  /** Returns every line except those that a suspension changes. */
  untouched(all: Snapshot): string[];
  /** Returns the type and the id of every resource. */
  ids(all: Snapshot): string[];
  /** Removes the alarm, which no snapshot lists. */
  remove(): Promise<void>;
}

export async function startWorkloads(fixture: CloudFixture, name: string): Promise<ProjectInUse> {
  const { admin } = fixture.cloud;
  const { operatorResources, prefix, projects } = fixture.customer;
  const id = fixture.idOf(name);
  const session = projects.find((project) => project.id === id)?.session;
  if (!session) throw new Error(`no login on project ${name}`);
  const prefixed = (last: string): string => `${prefix}-${last}`;
  const rows = async (): Promise<Row[]> => {
    const all = await admin.rows('compute', '/servers/detail?all_tenants=1', 'servers');
    return all.filter((row) => row.tenant_id === id);
  };
  const servers = async () =>
    Object.fromEntries(
      (await rows()).map((row) => [
        text(row, 'name').replace(prefixed(''), ''),
        `${text(row, 'status')}${row.locked ? `, locked: ${row.locked_reason ?? ''}` : ''}`,
      ]),
    );
  const alarms = async (): Promise<Row[]> => {
    if (!admin.has('alarm')) return [];
    const path = '/alarms?q.field=all_projects&q.op=eq&q.value=true';
    const { json } = await admin.call('alarm', 'GET', path);
    const all = RowShape.array().parse(json);
    return all.filter((row) => row.project_id === id).map(({ timestamp: _, ...row }) => row);
  };
  const startAndStopServer = async (): Promise<void> => {
    const imageRef = text((await rows())[0] ?? {}, 'image', 'id');
    const server = {
      name: prefixed('resting'),
      flavorRef: operatorResources.flavorId,
      imageRef,
      networks: 'none',
    };
    const made = await session.call('compute', 'POST', '/servers', { json: { server } });
    const untilStatus = (status: string) =>
      until(`server resting is ${status}`, CLOUD_SECONDS, async () =>
        (await servers()).resting === status ? true : undefined,
      );
    await untilStatus('ACTIVE');
    const path = `/servers/${text(made.json, 'server', 'id')}/action`;
    await session.call('compute', 'POST', path, { json: { 'os-stop': null } });
    await untilStatus('SHUTOFF');
  };
  const page = (): string => `${admin.endpoint('object', id)}/${prefixed('public')}/page.html`;
  const createPublicContainer = async (): Promise<void> => {
    const headers = { 'x-container-read': '.r:*,.rlistings' };
    await session.call('object', 'PUT', `/${prefixed('public')}`, { headers });
    await session.call('object', 'PUT', `/${prefixed('public')}/page.html`, {
      body: 'still served',
    });
  };
  const createAlarm = () =>
    session.call('alarm', 'POST', '/alarms', {
      json: { name: prefixed('up'), type: 'event', event_rule: { event_type: 'compute.*' } },
    });
  await Promise.all([
    startAndStopServer(),
    admin.has('object') ? createPublicContainer() : undefined,
    admin.has('alarm') ? createAlarm() : undefined,
  ]);
  return {
    id,
    servers,
    alarms,
    async untilPublic(status) {
      if (!admin.has('object')) return;
      await until(`${page()} answers ${status} without a token`, CLOUD_SECONDS, async () =>
        (await fetch(page())).status === status ? true : undefined,
      );
    },
    async isEnabled() {
      const { json } = await admin.call('identity', 'GET', `/projects/${id}`);
      return RowShape.parse(RowShape.parse(json).project).enabled === true;
    },
    untouched: (all) =>
      linesOf(all, id).filter(
        (line) =>
          ![`keystone.project ${id} `, ...CHANGED_BY_SUSPENSION].some((type) =>
            line.startsWith(type),
          ),
      ),
    ids: (all) =>
      (all.projects.get(id) ?? []).map(({ resourceType, id: own }) => `${resourceType} ${own}`),
    async remove() {
      for (const row of await alarms())
        await admin.call('alarm', 'DELETE', `/alarms/${text(row, 'alarm_id')}`, { accept: [404] });
    },
  };
}
