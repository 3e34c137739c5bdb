import { projectDeleted, sendToQueue } from './broker.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import {
  countsOf,
  describeView,
  isOver,
  isState,
  OPERATION_SECONDS,
  servicesOfLivingProjects,
  unreachableServices,
} from './driver.ts';
import { counts, linesOf } from './snapshot.ts';

/**
 * Resource types that this suite and the propagator count in the same way: one row of the listing
 * is one resource.
 */
const COUNTED_ALIKE = [
  'nova.server',
  'nova.server-group',
  'nova.flavor-access',
  'cinder.volume',
  'cinder.transfer',
  'cinder.group',
  'cinder.group-snapshot',
  'neutron.network',
  'neutron.router',
  'neutron.floating-ip',
  'neutron.port-forwarding',
  'neutron.trunk',
  'neutron.security-group',
  'neutron.address-group',
  'neutron.address-scope',
  'neutron.subnet-pool',
  'neutron.qos-policy',
  'neutron.rbac-policy',
  'neutron.quota',
  'glance.image',
  'glance.metadef-namespace',
  'swift.container',
  'octavia.load-balancer',
  'octavia.quota',
  'designate.zone',
  'designate.ptr-record',
  'designate.zone-transfer-request',
  'designate.zone-import',
  'designate.zone-export',
  'designate.quota',
  'keystone.application-credential',
];

/**
 * Deletes projects in Keystone that hold one resource of every type. The tests run one after the
 * other on one customer.
 */
describe('a customer whose projects hold at least one of every resource type', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ red: 'full', green: 'full', blue: 'full' });
    console.log(
      `populated: ${[...fixture.customer.seconds].map(([part, seconds]) => `${part} ${seconds} s`).join(', ')}`,
    );
  });
  afterAll(() => fixture.tearDown());

  it('has in each project one resource of every type that this cloud supports', () => {
    const resourceTypes = Object.keys(counts(fixture.before, fixture.idOf('red')));
    const isThere = (name = ''): boolean => !fixture.customer.lacking.has(name);
    const wanted = COUNTED_ALIKE.filter(
      (resourceType) => isThere(resourceType) && isThere(resourceType.split('.')[0]),
    );
    expect(resourceTypes).toEqual(expect.arrayContaining(wanted));
    expect(Object.keys(counts(fixture.before, fixture.idOf('green')))).toEqual(resourceTypes);
    expect(Object.keys(counts(fixture.before, fixture.idOf('blue')))).toEqual(resourceTypes);
  });

  it('a project that is deleted in mode observe is counted, and nothing changes', async () => {
    await fixture.start({ mode: 'observe' });
    const red = fixture.idOf('red');
    await fixture.deleteProject('red');
    const view = await fixture.propagator.operation(
      { project: red },
      isState('observed'),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    const now = await fixture.snapshot(true);
    const held = (lines: string[]) =>
      lines.filter(
        (line) => !line.startsWith('keystone.') || line.startsWith('keystone.application-'),
      );
    expect(held(linesOf(now, red))).toEqual(held(linesOf(fixture.before, red)));
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'red');
    expect(after).toEqual(before);
    const listed = counts(fixture.before, red);
    const reported = countsOf(view);
    const alike = COUNTED_ALIKE.filter((resourceType) => listed[resourceType] !== undefined);
    expect(
      Object.fromEntries(
        alike.map((resourceType) => [resourceType, reported[resourceType]?.found]),
      ),
    ).toEqual(
      Object.fromEntries(alike.map((resourceType) => [resourceType, listed[resourceType]])),
    );
    await fixture.propagator.stop();
  });

  it('a project that is deleted in mode enforce is emptied completely, and the others do not change', async () => {
    await fixture.start({ mode: 'enforce' });
    const green = fixture.idOf('green');
    const deletedAt = await fixture.deleteProject('green');
    const view = await fixture.propagator.operation({ project: green }, isOver, OPERATION_SECONDS);
    console.log(
      `emptied in ${((view.operation.endedAt ?? Number.NaN) - deletedAt) / 1000} s\n${describeView(view)}`,
    );
    // The other services are not only emptied but verified. Which services list a project only
    // while it exists depends on the cloud.
    const blind = (await servicesOfLivingProjects(fixture.cloud)).map(({ service }) => service);
    expect(unreachableServices(view).filter((service) => !blind.includes(service))).toEqual([]);
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'green')).toEqual([]);
    // The project `red` was deleted while the propagator was in mode observe, so its resources
    // still exist.
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'green', 'red');
    expect(after).toEqual(before);
    expect(counts(now, fixture.idOf('red'))['nova.server']).toBe(
      counts(fixture.before, fixture.idOf('red'))['nova.server'],
    );
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('a propagator that is killed five times during one operation loses no notification and finishes the operation', async () => {
    const red = fixture.idOf('red');
    const about = { project: red };
    const enforce = () => fixture.start({ mode: 'enforce' });
    // The notification arrives while no propagator runs.
    await fixture.propagator.kill();
    await sendToQueue(fixture.propagator.queue, [projectDeleted(red)]);
    const removed =
      (wanted: number) =>
      (view: { operation: { mode: string; state: string }; resources: { removed: number } }) =>
        view.operation.mode === 'enforce' &&
        (view.resources.removed >= wanted ||
          ['finished', 'unverified'].includes(view.operation.state));
    const moments: string[] = [];
    for (const wanted of [0, 1, 20, 60]) {
      await enforce();
      const view = await fixture.propagator.operation(about, removed(wanted), OPERATION_SECONDS);
      await fixture.propagator.kill();
      moments.push(
        `${view.operation.state}, ${view.resources.removed} of ${view.resources.found} removed`,
      );
    }
    console.log(`killed at: before it received the notification; ${moments.join('; ')}`);
    await enforce();
    const view = await fixture.propagator.operation(
      about,
      (now) => now.operation.mode === 'enforce' && isOver(now),
      OPERATION_SECONDS,
    );
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'red')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'green', 'red');
    expect(after).toEqual(before);
    // Two operations: one was only observed, and one was carried out. A crash never opens another
    // one.
    expect((await fixture.propagator.operations(about)).map((one) => one.operation.state)).toEqual([
      view.operation.state,
      'observed',
    ]);
    const left = Object.entries(countsOf(view)).filter(([, count]) => count.left > 0);
    expect(
      left
        .map(([resourceType]) => resourceType)
        .filter((resourceType) => resourceType !== 'cinder.default-type'),
    ).toEqual([]);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('the remaining projects of a disabled and deleted domain are emptied, and the other domain does not change', async () => {
    const { admin } = fixture.cloud;
    const { domainId } = fixture.customer;
    const path = `/domains/${domainId}`;
    await admin.call('identity', 'PATCH', path, { json: { domain: { enabled: false } } });
    await admin.call('identity', 'DELETE', path);
    const blue = fixture.idOf('blue');
    await fixture.propagator.operation({ project: blue }, isOver, OPERATION_SECONDS);
    const domain = await fixture.propagator.operation(
      { domain: domainId },
      isOver,
      OPERATION_SECONDS,
    );
    expect(domain.operation.children.length).toBeGreaterThan(0);
    const now = await fixture.snapshot(true);
    for (const name of ['red', 'green', 'blue']) {
      expect(await fixture.remainingResources(now, name)).toEqual([]);
    }
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'green', 'red', 'blue');
    expect(after).toEqual(before);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
  });

  it('is still empty after a further wait and further listings', async () => {
    const now = await fixture.snapshot(true);
    for (const name of ['red', 'green', 'blue'])
      expect(await fixture.remainingResources(now, name)).toEqual([]);
  });
});
