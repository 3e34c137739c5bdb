import type { Cloud as Connected } from '../../lib/openstack/cloud.ts';
import { cinder } from '../../lib/services/cinder.ts';
import { glance } from '../../lib/services/glance.ts';
import { manila } from '../../lib/services/manila.ts';
import { neutron } from '../../lib/services/neutron.ts';
import { nova } from '../../lib/services/nova.ts';
import { octavia } from '../../lib/services/octavia.ts';
import type { Service } from '../../lib/task/service.ts';
import { MemoryRecords } from '../suspension-records.ts';
import { Cloud, type Row, rowsOf, text, until } from './cloud.ts';
import { make } from './populate/seed.ts';
import { type Customer, newPrefix, populate } from './populate.ts';
import { connectPropagator, lifecycleRun } from './propagator-runs.ts';
import { removeLeftovers } from './remove-leftovers.ts';

/**
 * Tests, on a real cloud, the options of a policy file that are off by default. Each option
 * switches its resources, and a resume restores every field.
 */

let admin: Cloud['admin'];
let cloud: Cloud;
let connected: Connected;
let customer: Customer;
let project: string;
const prefix = newPrefix();

beforeAll(async () => {
  cloud = await Cloud.connect();
  ({ admin } = cloud);
  customer = await populate(cloud, { options: 'simple' }, prefix);
  project = customer.projects[0]?.id ?? '';
  connected = connectPropagator();
});
afterAll(async () => {
  await connected?.close();
  const left = await removeLeftovers(cloud, [prefix], [project]);
  if (left.length > 0) console.log(`could not be removed:\n${left.join('\n')}`);
});

async function run(
  action: 'suspend' | 'resume',
  service: Service,
  options: readonly string[],
  records: MemoryRecords,
) {
  const region = (await connected.registry()).registrations[0]?.region ?? 'RegionOne';
  return until(`${action} ${service.name} ${options.join()}`, 120, async () => {
    const input = { action, service, project, region, options, records };
    const report = await lifecycleRun(connected, input);
    if (report.outcome.kind === 'failed') throw new Error(JSON.stringify(report.outcome));
    return report.outcome.kind === 'finished' ? report : undefined;
  });
}

/** Fields with counts or times of changes. */
const VOLATILE = ['updated', 'updated_at', 'revision_number', 'OS-SRV-USG:launched_at', 'hostId'];
const stable = (rows: readonly Row[]) =>
  rows
    .map((row) =>
      Object.fromEntries(Object.entries(row).filter(([key]) => !VOLATILE.includes(key))),
    )
    .toSorted((one, other) => String(one.id).localeCompare(String(other.id)));

/** Suspends with the option, checks the state, resumes, and compares every field. */
async function suspendAndResume(
  service: Service,
  option: string,
  list: () => Promise<Row[]>,
  assertSuspended: (rows: readonly Row[]) => void,
): Promise<void> {
  const records = new MemoryRecords();
  const before = stable(await list());
  const report = await run('suspend', service, [option], records);
  console.log(`${service.name} ${option}`, report.counts, report.conditions);
  expect((await records.all()).length).toBeGreaterThan(0);
  assertSuspended(await list());
  await run('resume', service, [], records);
  expect(stable(await list())).toEqual(before);
  expect(await records.all()).toEqual([]);
}

const servers = () =>
  admin.rows('compute', `/servers/detail?all_tenants=1&project_id=${project}`, 'servers');

it.each([
  ['pause', ['paused']],
  ['shelve', ['shelved', 'shelved_offloaded']],
])('nova: %s switches a running server, and the resume starts it again', async (option, states) => {
  await suspendAndResume(nova, option, servers, (rows) => {
    expect(rows.length).toBeGreaterThan(0);
    for (const row of rows) {
      expect(states).toContain(row['OS-EXT-STS:vm_state']);
      expect(row.locked).toBe(true);
    }
  });
});

it('glance: deactivate switches images that other projects can use, and no other', async () => {
  const images = () => admin.rows('image', `/images?owner=${project}&visibility=all`, 'images');
  const [first] = await images();
  const session = customer.projects[0]?.session;
  await session?.call('image', 'POST', `/images/${String(first?.id)}/members`, {
    json: { member: admin.projectId },
  });
  const own = await session?.call('image', 'POST', '/images', {
    json: { name: `${prefix}-own`, disk_format: 'raw', container_format: 'bare' },
  });
  const id = text(own?.json, 'id');
  await session?.call('image', 'PUT', `/images/${id}/file`, {
    body: 'x',
    headers: { 'content-type': 'application/octet-stream' },
  });
  await suspendAndResume(glance, 'deactivate', images, (rows) => {
    const statuses = Object.fromEntries(rows.map((row) => [row.id, row.status]));
    expect(statuses).toMatchObject({ [String(first?.id)]: 'deactivated', [id]: 'active' });
  });
});

it('neutron: routers-down switches a router, and not one with a port of another project', async () => {
  const network = (path: string, key: string, body: object) =>
    make(admin, 'network', path, key, { project_id: project, ...body });
  const wired = async (name: string, cidr: string) => {
    const { id } = await network('/networks', 'network', { name: `${prefix}-${name}` });
    const subnet = await network('/subnets', 'subnet', { network_id: id, ip_version: 4, cidr });
    const router = await network('/routers', 'router', { name: `${prefix}-${name}` });
    await admin.call('network', 'PUT', `/routers/${router.id}/add_router_interface`, {
      json: { subnet_id: subnet.id },
    });
    return { network: id, router: router.id };
  };
  const alone = await wired('alone', '10.61.0.0/24');
  const joint = await wired('joint', '10.62.0.0/24');
  const foreign = await network('/ports', 'port', {
    network_id: joint.network,
    name: `${prefix}-foreign`,
    project_id: admin.projectId,
  });
  const routers = () => admin.rows('network', `/routers?project_id=${project}`, 'routers');
  await suspendAndResume(neutron, 'routers-down', routers, (rows) => {
    const up = Object.fromEntries(rows.map((row) => [row.id, row.admin_state_up]));
    expect(up).toMatchObject({ [alone.router]: false, [joint.router]: true });
  });
  await admin.call('network', 'DELETE', `/ports/${foreign.id}`);
});

async function volumesInUse(): Promise<number> {
  const { json } = await admin.call('volume', 'GET', `/os-quota-sets/${project}?usage=true`);
  const { quota_set: limits } = json as { quota_set: { volumes: { in_use: number } } };
  return limits.volumes.in_use;
}

it.each([
  [nova, 'compute', `/os-quota-sets/`, 'quota_set', 'instances'],
  [cinder, 'volume', `/os-quota-sets/`, 'quota_set', 'volumes'],
  [neutron, 'network', `/quotas/`, 'quota', 'network'],
  [manila, 'share', `/quota-sets/`, 'quota_set', 'shares'],
  [octavia, 'load-balancer', `/lbaas/quotas/`, 'quota', 'loadbalancer'],
] as const)(
  'quotas: the option zero sets limits to zero or the usage, and the resume restores them: %#',
  async (service, key, path, name, limit) => {
    if (!admin.has(key)) return console.log(`this cloud has no ${key}`);
    const shown = async (): Promise<Row[]> => {
      const { json } = await admin.call(key, 'GET', `${path}${project}`);
      return rowsOf({ rows: [(json as Record<string, Row>)[name]] }, 'rows');
    };
    // Cinder accepts no limit below the usage.
    const lowered = service === cinder ? await volumesInUse() : 0;
    if (service === cinder) expect(lowered).toBeGreaterThan(0);
    // After the first resume the project has limits of its own, which Cinder compares with the
    // usage.
    for (let count = 0; count < 2; count += 1)
      await suspendAndResume(service, 'quota-zero', shown, ([row]) => {
        expect(row?.[limit] ?? row?.load_balancer).toBe(lowered);
      });
  },
);
