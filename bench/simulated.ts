import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import Table from 'cli-table3';
import * as z from 'zod';
import { hasEnded } from '../lib/operation/ended.ts';
import { type LoggedCall, type RehearsalCloud, startCloud } from '../test/cloud/cloud.ts';
import { barbican } from '../test/cloud/documented/barbican.ts';
import { designate } from '../test/cloud/documented/designate.ts';
import { heat } from '../test/cloud/documented/heat.ts';
import { manila } from '../test/cloud/documented/manila.ts';
import { octavia } from '../test/cloud/documented/octavia.ts';
import { startPropagator } from '../test/cloud/propagator.ts';

/*
 * Deletes projects of a rehearsal cloud one after the other, in one process that has just started.
 * Every service answers with a latency that was seen on a real cloud. Prints the number of calls of
 * each deletion, which does not depend on the load of the machine, and the time until its first
 * removal. Asserts nothing.
 *
 * BENCH_PROJECTS: the number of projects, default 3.
 */
const PROJECTS = Number(process.env.BENCH_PROJECTS ?? 3);
/** Milliseconds until a service answers. */
const LATENCIES: Readonly<Record<string, number>> = {
  keystone: 60,
  nova: 120,
  cinder: 80,
  neutron: 60,
  swift: 30,
  placement: 30,
};
const USUAL_LATENCY = 50;
/** Calls of Neutron that take longer. */
const SLOW_CALLS = [
  { method: 'PUT', path: /remove_router_interface/, milliseconds: 1500 },
  { method: 'DELETE', path: /routers/, milliseconds: 1000 },
  { method: 'DELETE', path: /networks/, milliseconds: 600 },
];
/** Milliseconds from the acceptance of a deletion to its end. */
const DURATIONS = { server: 3000, volume: 1000, snapshot: 500 };
/** The projects have no resources in these services. The propagator lists them nevertheless. */
const EMPTY_SERVICES = [heat, octavia, designate, barbican, manila];

function slowDown({ faults }: RehearsalCloud): void {
  const names = ['glance', ...Object.keys(LATENCIES), ...EMPTY_SERVICES.map(({ name }) => name)];
  for (const service of names) {
    const milliseconds = LATENCIES[service] ?? USUAL_LATENCY;
    faults.add({ service, effect: { does: 'slow', milliseconds } });
  }
  for (const { method, path, milliseconds } of SLOW_CALLS)
    faults.add({ service: 'neutron', method, path, effect: { does: 'slow', milliseconds } });
}

/**
 * Returns the row of the table for one deletion. `from`: when the project was deleted.
 * `loadBefore`: the load average at that time.
 */
function rowOf(project: string, calls: readonly LoggedCall[], from: number, loadBefore: string) {
  const projectRequests = calls.filter(
    ({ service, method, path }) =>
      service === 'keystone' && method === 'GET' && path === `/v3/projects/${project}`,
  );
  const serverListings = calls.filter(({ path }) => path.startsWith('/v2.1/servers/detail'));
  const firstRemoval = calls.find(
    ({ service, method }) => service !== 'keystone' && method === 'DELETE',
  );
  const secondAnswerAt = projectRequests[1]?.at ?? from;
  return [
    String(calls.length),
    String(projectRequests.length),
    String(serverListings.length),
    `${((firstRemoval?.at ?? from) - secondAnswerAt) / 1000} s`,
    `${(Date.now() - from) / 1000} s`,
    `${loadBefore} to ${loadavg()[0]?.toFixed(1)}`,
  ];
}

/** Creates the projects. They have resources only in the services outside of `EMPTY_SERVICES`. */
function makeProjects({ seed, state }: RehearsalCloud): string[] {
  const domain = seed.makeDomain('customer');
  const projects = Array.from({ length: PROJECTS }, (_, n) =>
    seed.makeProject(domain, `project-${n}`),
  );
  // `fill` creates resources in every service of this list, so the list is empty during `fill`.
  const services = state.documented.splice(0);
  for (const id of projects) seed.fill(id, 'tiny');
  state.documented.push(...services);
  return projects;
}

/** The notification with which Keystone reports the deletion of a project. */
const deletionNotification = (project: string, messageId: string, at: number) => ({
  message_id: messageId,
  publisher_id: 'identity.bench',
  event_type: 'identity.project.deleted',
  priority: 'INFO',
  timestamp: new Date(at).toISOString().replace('T', ' ').replace('Z', ''),
  payload: { resource_info: project },
});

export async function benchSimulated(): Promise<void> {
  const cloud = await startCloud({ with: EMPTY_SERVICES, durations: DURATIONS });
  const projects = makeProjects(cloud);
  slowDown(cloud);
  const { propagator, client, stop } = await startPropagator(cloud);
  const head = ['calls', 'requests for the project', 'listings of servers'];
  const times = ['from the second answer to the first removal', 'time', 'load'];
  const table = new Table({ head: [...head, ...times], style: { head: [], border: [] } });
  const { reads } = propagator.engine;
  const hasOperationEnded = async (project: string): Promise<boolean> =>
    (await reads.operationsAbout('project', project)).some(hasEnded);
  while ((await reads.accountCount()) === 0) await delay(20);
  for (const [n, project] of projects.entries()) {
    await delay(1000);
    cloud.calls.length = 0;
    const loadBefore = loadavg()[0]?.toFixed(1) ?? '';
    const from = Date.now();
    cloud.state.identity.projects.delete(project);
    const notification = deletionNotification(project, `bench-${n}`, from);
    await client.post('/v1/notifications', notification, z.object({ stored: z.number() }));
    while (!(await hasOperationEnded(project))) await delay(20);
    table.push(rowOf(project, [...cloud.calls], from, loadBefore));
    // The bench deleted the project in the state of the rehearsal cloud, so the rows of Keystone
    // about the project are still there. Only a DELETE call to Keystone would remove them.
    const left = cloud.store
      .resources(project)
      .filter(({ resourceType }) => !resourceType.startsWith('keystone.'));
    if (left.length > 0) console.log(`project ${n}: ${left.length} resources are left`);
  }
  console.log(table.toString());
  await stop();
  await cloud.close();
}

if (import.meta.main) await benchSimulated();
