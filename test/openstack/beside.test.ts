import { ProjectId } from '../../events/ids.ts';
import type { Phase } from '../../events/service.ts';
import { coverageOf } from '../../lib/operation/coverage.ts';
import { NO_POLICY } from '../../lib/policy/schema.ts';
import { chosenOptionNames } from '../../lib/policy/suspend-options.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { createMemoize } from '../../lib/task/memoize.ts';
import { type RunReport, runProjectCleanup } from '../../lib/task/run.ts';
import { Confirmation } from '../../lib/task/safety-rules.ts';
import type { Service } from '../../lib/task/service.ts';
import { MemoryRecords } from '../suspension-records.ts';
import {
  grantAdmin,
  removeProjects,
  type SeedProject,
  targetAndControl,
} from './beside/projects.ts';
import { OPTIONAL_SERVICES, type OptionalService } from './beside/services.ts';
import { Cloud, Row, text } from './cloud.ts';
import { connectPropagator, lifecycleRun } from './propagator-runs.ts';

/**
 * Optional services of a cloud (test/openstack/beside/openstack-beside starts them from Debian's
 * packages). A customer and a control project fill each service alike. The real runs of its service
 * file then empty the customer's project. Only services in the catalog are tested.
 */
const cloud = await Cloud.connect();
const serviceNamed = (name: string): Service => {
  const found = SERVICES.find((service) => service.name === name);
  if (!found) throw new TypeError(`no service file ${name}`);
  return found;
};
const services = Object.entries(OPTIONAL_SERVICES).map(([name, beside]) => ({
  service: serviceNamed(name),
  beside,
  isThere: cloud.admin.has(beside.key),
}));
const cleaner = connectPropagator();
afterAll(() => cleaner.close());

let region: string;
beforeAll(async () => {
  const { registrations } = await cleaner.registry();
  region =
    cloud.region ?? text({ region: registrations.find((one) => one.region)?.region }, 'region');
});

/** Runs one phase until it ends, at most ten times. */
async function runs(
  service: Service,
  seedProject: SeedProject,
  phase: Exclude<Phase, 'plan'>,
  verifiedBeforeDeletion: Service['resourceTypes'] = [],
): Promise<RunReport> {
  const project = ProjectId.parse(seedProject.projectId);
  const api = await cleaner.api(service, region);
  if (!api) throw new Error(`the catalog has no ${service.name}`);
  const projectApi =
    phase === 'pre-delete' ? await cleaner.api(service, region, project) : undefined;
  for (let run = 1; ; run += 1) {
    const report = await runProjectCleanup({
      service,
      context: {
        project,
        region,
        api,
        projectApi,
        ...(projectApi && {
          memberApi: () => cleaner.api(service, region, project, 'member'),
        }),
        members: undefined,
        apiOf: async () => undefined,
        now: Date.now,
        memoize: createMemoize(),
      },
      phase,
      confirmation: Confirmation.fromRequest(project, Date.now()),
      verifiedBeforeDeletion: verifiedBeforeDeletion.map(({ name }) => name),
      deadline: Date.now() + 60_000,
    });
    if (report.outcome.kind !== 'again' || run === 10) return report;
  }
}

/** Defines a suite for each of these services that the catalog has. */
function describeThose(
  names: readonly string[],
  what: string,
  suite: (of: { service: Service; beside: OptionalService }) => void,
): void {
  for (const { service, beside, isThere } of services)
    if (isThere && names.includes(service.name))
      describe(`${service.name} ${what}`, () => suite({ service, beside }));
}

it('the propagator finds the same services in the catalog as this suite', async () => {
  const coverage = coverageOf(
    await cleaner.registry(),
    services.map(({ service }) => service),
  );
  const found = services.map(({ service }) => coverage.ofService(service).regions.includes(region));
  expect(found).toEqual(services.map(({ isThere }) => isThere));
});

describeThose(Object.keys(OPTIONAL_SERVICES), 'on a real cloud', ({ service, beside }) => {
  let customer: SeedProject;
  let control: SeedProject;
  beforeEach(async () => {
    ({ customer, control } = await targetAndControl(cloud));
    for (const seedProject of [customer, control]) {
      const revoke = await grantAdmin(seedProject);
      await beside.fill(seedProject);
      await revoke();
    }
  });
  afterEach(() => removeProjects(customer, control));
  const counts = async (alive: boolean) =>
    Object.fromEntries(
      Object.entries(await beside.holdings(customer, alive)).map(([resourceType, rows]) => [
        resourceType,
        rows.length,
      ]),
    );

  it('is emptied of the deleted project, and of no other resource', async () => {
    const before = await beside.holdings(control, true);
    for (const [resourceType, count] of Object.entries(await counts(true)))
      expect([resourceType, count > 0]).toEqual([resourceType, true]);
    if (service.preDelete) {
      const revoke = await grantAdmin(customer);
      expect((await runs(service, customer, 'pre-delete')).outcome).toEqual({ kind: 'finished' });
      // Results of actions are kept unless the operator allows their removal.
      const { action_executions: _, ...left } = await counts(true);
      expect(Object.values(left).every((count) => count === 0)).toBe(true);
      await revoke();
    }
    await cloud.admin.call('identity', 'DELETE', `/projects/${customer.projectId}`);
    const report = await runs(
      service,
      customer,
      'apply',
      service.preDelete ? service.resourceTypes : [],
    );
    expect(report.outcome).toEqual({ kind: 'finished' });
    const { nodes = 0, ...left } = await counts(false);
    expect(Object.values(left).every((count) => count === 0)).toBe(true);
    // Nodes are not removed.
    expect(nodes).toBe(service.name === 'ironic' ? 1 : 0);
    expect(await beside.holdings(control, true)).toEqual(before);
  });

  it('reports the remaining resources if the project was not emptied before its deletion', async () => {
    const before = await beside.holdings(control, true);
    const report = await runs(service, customer, 'apply');
    const left = Object.entries(await counts(true)).filter(([, count]) => count > 0);
    const reported = report.conditions.reduce((sum, { count }) => sum + count, 0);
    expect(['finished', 'unreachable']).toContain(report.outcome.kind);
    if (left.length > 0) expect(reported).toBeGreaterThan(0);
    if (service.resourceTypes.some((resourceType) => resourceType.requiresLiveProject))
      expect(report.outcome.kind).toBe('unreachable');
    expect(await beside.holdings(control, true)).toEqual(before);
  });
});

/** Runs suspend or resume of one service until it ends, at most ten times. */
async function switches(
  action: 'suspend' | 'resume',
  service: Service,
  { projectId: project }: SeedProject,
  records: MemoryRecords,
): Promise<RunReport> {
  const options = chosenOptionNames(service.name, NO_POLICY.suspend);
  for (let count = 1; ; count += 1) {
    const input = { action, service, project, region, options, records };
    const report = await lifecycleRun(cleaner, input);
    if (report.outcome.kind !== 'again' || count === 10) return report;
  }
}

describeThose(['aodh'], 'while its project is suspended', ({ service, beside }) => {
  it('has no enabled alarm during the suspension, and the same enabled alarms as before after the resume', async () => {
    const { customer, control } = await targetAndControl(cloud);
    try {
      await Promise.all([beside.fill(customer), beside.fill(control)]);
      // Each change of an alarm in Aodh also changes its time of the last change.
      const alarms = async (of: SeedProject) =>
        ((await beside.holdings(of, true)).alarms ?? []).map(({ timestamp: _, ...row }) => row);
      const [first] = await alarms(customer);
      const path = `/alarms/${text(first, 'alarm_id')}`;
      const { json } = await customer.member.call('alarm', 'GET', path);
      await customer.member.call('alarm', 'PUT', path, {
        json: { ...Row.parse(json), enabled: false },
      });
      const [before, untouched] = [await alarms(customer), await alarms(control)];
      expect(before.map((row) => row.enabled).toSorted()).toEqual([false, true, true]);
      const trusts = async () =>
        (await cloud.admin.rows('identity', '/OS-TRUST/trusts', 'trusts')).length;
      const trustsBefore = await trusts();
      const records = new MemoryRecords();
      const suspended = await switches('suspend', service, customer, records);
      expect(suspended.outcome).toEqual({ kind: 'finished' });
      expect((await alarms(customer)).map((row) => row.enabled)).toEqual([false, false, false]);
      expect(await records.all()).toHaveLength(2);
      const resumed = await switches('resume', service, customer, records);
      expect(resumed.outcome).toEqual({ kind: 'finished' });
      expect(await alarms(customer)).toEqual(before);
      expect(await records.all()).toEqual([]);
      expect(await alarms(control)).toEqual(untouched);
      expect(await trusts()).toBe(trustsBefore);
    } finally {
      await removeProjects(customer, control);
    }
  });
});

describeThose(['mistral'], 'with a public resource of the same name', ({ service }) => {
  let customer: SeedProject;
  let control: SeedProject;
  beforeEach(async () => {
    ({ customer, control } = await targetAndControl(cloud));
  });
  afterEach(() => removeProjects(customer, control));

  it('leaves an environment while a foreign public one has the same name, because the API would remove both', async () => {
    const revoke = await grantAdmin(control);
    const admin = await cloud.adminSessionWith({ project: { id: control.projectId } });
    const make = (session: typeof admin, scope: string) =>
      session.call('workflow', 'POST', '/environments', {
        json: { name: 'shared', variables: '{"a": 1}', scope },
      });
    await make(admin, 'public');
    control.undo.push(() =>
      control.member.call('workflow', 'DELETE', '/environments/shared', { accept: [404] }),
    );
    await make(customer.member, 'private');
    const grant = await grantAdmin(customer);
    const report = await runs(service, customer, 'pre-delete');
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', resourceType: 'mistral.environment' },
    ]);
    const seen = await customer.member.rows('workflow', '/environments', 'environments');
    expect(seen.map((row) => row.project_id).sort()).toEqual(
      [customer.projectId, control.projectId].sort(),
    );
    // The action that the advice names.
    await admin.call('workflow', 'PUT', '/environments', {
      json: { name: 'shared', scope: 'private' },
    });
    expect((await runs(service, customer, 'pre-delete')).outcome).toEqual({ kind: 'finished' });
    expect(await customer.member.rows('workflow', '/environments', 'environments')).toEqual([]);
    expect(await control.member.rows('workflow', '/environments', 'environments')).toHaveLength(1);
    await Promise.all([revoke(), grant()]);
  });
});

describeThose(['ironic'], 'on deployed machines', ({ service, beside }) => {
  it('leaves a lease to the operator while the node is deployed, and ends it afterwards', async () => {
    const { customer, control } = await targetAndControl(cloud);
    try {
      await beside.fill(customer);
      const [lease] = (await beside.holdings(customer, true)).leases ?? [];
      const path = `/nodes/${text(lease, 'uuid')}`;
      const system = await cloud.adminSessionWith({ system: { all: true } });
      const headers = { 'x-openstack-ironic-api-version': '1.65' };
      const to = async (target: string, state: string) => {
        await system.call('baremetal', 'PUT', `${path}/states/provision`, {
          json: { target },
          headers,
        });
        for (let asked = 0; asked < 60; asked += 1) {
          const { json } = await system.call('baremetal', 'GET', path, { headers });
          if (text(json, 'provision_state') === state) return;
          await new Promise((resolve) => setTimeout(resolve, 500));
        }
        throw new Error(`the node did not become ${state}`);
      };
      const source = {
        image_source: 'http://127.0.0.1:9/image',
        image_checksum: '0'.repeat(32),
        root_gb: 1,
        kernel: 'http://127.0.0.1:9/k',
      };
      const value = { ...source, ramdisk: 'http://127.0.0.1:9/r' };
      await system.call('baremetal', 'PATCH', path, {
        json: [{ op: 'add', path: '/instance_info', value }],
        headers,
      });
      await to('active', 'active');
      const report = await runs(service, customer, 'apply');
      expect(report.outcome.kind).toBe('again');
      expect(report.conditions).toContainEqual(
        expect.objectContaining({
          class: 'Blocked',
          actor: 'operator',
          resourceType: 'ironic.lease',
        }),
      );
      expect((await beside.holdings(customer, true)).leases).toHaveLength(1);
      await to('deleted', 'available');
      expect((await runs(service, customer, 'apply')).outcome).toEqual({ kind: 'finished' });
      expect((await beside.holdings(customer, true)).leases).toEqual([]);
    } finally {
      await removeProjects(customer, control);
    }
  });
});
