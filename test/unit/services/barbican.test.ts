import { barbican } from '../../../lib/services/barbican.ts';
import { barbicanIn, barbican as fake, type Secret } from '../../cloud/documented/barbican.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

// No row of Barbican names its owner: see the service file.
testServiceContract(barbican, { with: [fake], asynchronous: false, ownerInRow: false });

let fixture: CleanupFixture;
afterEach(() => fixture?.close());
const open = async (documented = fake): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [documented] });
  await fixture.grantCleaner();
};
const addSecret = (more: Partial<Secret> = {}): Secret => {
  const { secrets, state } = barbicanIn(fixture.rehearsal.state);
  const plain = {
    id: uuid(),
    name: 'more',
    project_id: fixture.project,
    creator_id: 'somebody',
    isPrivate: false,
    consumers: [],
  };
  return secrets.add({ ...plain, created_at: state.clock.now(), ...more });
};
const callsOf = (method: string, path: RegExp) =>
  fixture.rehearsal.calls.filter(
    (call) => call.service === 'barbican' && call.method === method && path.test(call.path),
  );
const quotaOf = (project: string) => barbicanIn(fixture.rehearsal.state).quotas.get(project);

describe('the cleanup of an existing project in Barbican', () => {
  it('removes orders, containers and secrets in this order, also private secrets and secrets with consumers', async () => {
    await open();
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'barbican.order': { listed: 2, gone: 2, left: 0 },
      'barbican.container': { listed: 2, gone: 2, left: 0 },
      'barbican.secret': { listed: 3, gone: 3, left: 0 },
      'barbican.project-quota': { listed: 1, gone: 1, left: 0 },
    });
    expect(fixture.left('barbican')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    const order = callsOf('DELETE', /v1/).map((call) => call.path.split('/')[2]);
    expect(order).toEqual([...order].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)));
  });

  it('lists each secret once over many pages', async () => {
    await open();
    for (let n = 0; n < 247; n += 1) addSecret({ created_at: 1000 });
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'barbican.secret': { listed: 250, gone: 250, left: 0 } });
    expect(fixture.left('barbican')).toEqual([]);
    expect(callsOf('DELETE', /secrets/)).toHaveLength(250);
    // Three pages, a page with the two rows that moved to another page during the listing, and an
    // empty list.
    expect(callsOf('GET', /secrets/)).toHaveLength(5);
    expect(callsOf('GET', /secrets.*sort=created/)).toHaveLength(5);
  });

  it('removes nothing with a token on another project', async () => {
    await open();
    const own = await fixture.cloud.ownProject();
    addSecret({ project_id: own.id });
    fixture.rememberControls();
    const before = fixture.left('barbican');
    const projectApi = await fixture.cloud.api(barbican, 'RegionOne');
    const report = await fixture.preDelete(barbican, { projectApi });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'barbican.secret', class: 'Unexpected' }),
    );
    expect(fixture.left('barbican')).toEqual(
      before.filter((resource) => !resource.includes('quota')),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('finishes although an expired secret remains, which no call shows or removes', async () => {
    await open();
    addSecret({ name: 'expired', expires_at: fixture.rehearsal.state.clock.now() - 1 });
    expect((await fixture.preDelete(barbican)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('barbican')).toEqual(['barbican.secret expired']);
    expect(barbican.releases.join(' ')).toContain('expired secrets');
  });

  it('rejects a list with a reference that contains no id', async () => {
    await open();
    addSecret({ id: '????' });
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Unexpected', service: 'barbican' },
    });
    expect(callsOf('DELETE', /secrets/)).toEqual([]);
    expect(
      fixture.left('barbican').filter((resource) => resource.startsWith('barbican.secret')),
    ).toHaveLength(4);
  });

  it('also uses an endpoint that contains the version', async () => {
    await open({ ...fake, endpoint: { type: 'key-manager', path: '/v1' } });
    expect((await fixture.preDelete(barbican)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('barbican')).toEqual([]);
  });

  it('stops and reports to the operator when a removal is refused', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'barbican',
      method: 'DELETE',
      path: /secrets/,
      effect: { does: 'answer', status: 403 },
    });
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
    expect(fixture.left('barbican')).toContain('barbican.secret private-key');
  });
});

describe('the quota of a project in Barbican', () => {
  const refuse = (method: string) =>
    fixture.rehearsal.faults.inject({
      service: 'barbican',
      method,
      path: /project-quotas/,
      effect: { does: 'answer', status: 403 },
    });

  it('is left and reported if only the role key-manager:service-admin can read it', async () => {
    await open();
    refuse('GET');
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      {
        resourceType: 'barbican.project-quota',
        class: 'Unsupported',
        message: expect.stringContaining('key-manager:service-admin'),
      },
    ]);
    expect(fixture.left('barbican')).toEqual(['barbican.project-quota project quota']);
  });

  it('is left and reported if Barbican refuses its removal', async () => {
    await open();
    refuse('DELETE');
    const report = await fixture.preDelete(barbican);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      { resourceType: 'barbican.project-quota', class: 'Unsupported', actor: 'operator' },
    ]);
    expect(fixture.left('barbican')).toEqual(['barbican.project-quota project quota']);
  });

  it('is removed after the project is deleted; the other types are reported as unreachable, with advice on the listener', async () => {
    await open();
    await fixture.deleteProject();
    const report = await fixture.clean(barbican);
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('secret store'),
    });
    expect(quotaOf(fixture.project)).toBeUndefined();
    expect(quotaOf(fixture.control.project.id)).toBeDefined();
    expect(
      report.conditions.filter(({ advice }) => advice?.includes('barbican-keystone-listener')),
    ).toHaveLength(3);
    expect(callsOf('GET', /secrets|containers|orders/)).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});

const ORDER: readonly (string | undefined)[] = [
  'orders',
  'containers',
  'secrets',
  'project-quotas',
];
