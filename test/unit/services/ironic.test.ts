import { ironic } from '../../../lib/services/ironic.ts';
import { ironic as fake, ironicIn, ironicOf, type Node } from '../../cloud/documented/ironic.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(ironic, {
  prepare({ rehearsal, project }) {
    for (const [id, owner, lessee, parent_node] of [
      ['leased-machine', null, project],
      ['owned-machine', project, null],
      ['let-machine', project, 'another-project'],
      ['leased-child', null, project, 'owned-machine'],
    ] as const)
      ironicIn(rehearsal.state).nodes.add({
        id,
        name: id,
        owner,
        lessee,
        provision_state: 'active',
        instance_uuid: null,
        power_state: 'power on',
        ...(parent_node === undefined ? {} : { parent_node }),
      });
  },
  with: [fake],
  listings: /^\/v1/,
  removals: [{ method: 'DELETE' }, { method: 'PATCH' }],
  retained: ['ironic.node'],
});

let fixture: CleanupFixture;
afterEach(() => fixture?.close());
const open = async (documented = fake): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [documented] });
};
const node = (name: string): Node => {
  const [row] = ironicIn(fixture.rehearsal.state).nodes.where(
    (one) => one.name === name && [one.owner, one.lessee].includes(fixture.project),
  );
  if (!row) throw new TypeError(`no node ${name}`);
  return row;
};
const foreignNodes = (): Node[] =>
  ironicIn(fixture.rehearsal.state).nodes.where(
    (row) => ![row.owner, row.lessee].includes(fixture.project),
  );
const changes = () =>
  fixture.rehearsal.calls.filter(({ service, method }) => service === 'ironic' && method !== 'GET');

describe('the cleanup of a project in Ironic', () => {
  it('removes leases, allocations and runbooks, and only reports machines that the project owns', async () => {
    await open();
    const foreign = foreignNodes();
    const before = JSON.stringify(foreign);
    const machines = ironicIn(fixture.rehearsal.state).nodes.size;
    await fixture.deleteProject();
    const report = await fixture.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('ironic')).toEqual(['ironic.node theirs']);
    expect(report.counts).toMatchObject({
      'ironic.allocation': { listed: 2, gone: 2 },
      'ironic.runbook': { listed: 1, gone: 1 },
      'ironic.lease': { listed: 2, gone: 2 },
      'ironic.node': { listed: 1, gone: 0, left: 1 },
    });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        actor: 'operator',
        resourceType: 'ironic.node',
        advice: expect.any(String),
      },
    ]);
    expect(ironicIn(fixture.rehearsal.state).nodes.size).toBe(machines);
    expect(JSON.stringify(foreign)).toBe(before);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('ends a lease of a foreign machine, and keeps the lease of another project on a machine of the project', async () => {
    await open();
    const controlProject = fixture.control.project.id;
    const { nodes } = ironicIn(fixture.rehearsal.state);
    const plain = { provision_state: 'available', instance_uuid: null };
    const theirs = nodes.add({
      ...plain,
      id: uuid(),
      name: 'of-them',
      owner: controlProject,
      lessee: fixture.project,
    });
    const ours = nodes.add({
      ...plain,
      id: uuid(),
      name: 'of-us',
      owner: fixture.project,
      lessee: controlProject,
    });
    fixture.rememberControls();
    expect((await fixture.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(theirs).toMatchObject({ owner: controlProject, lessee: null });
    expect(ours).toMatchObject({ owner: fixture.project, lessee: controlProject });
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('ends leases of child nodes, and reports child nodes that the project owns', async () => {
    await open();
    const { nodes } = ironicIn(fixture.rehearsal.state);
    const parent_node = node('theirs').id;
    const plain = { provision_state: 'available', instance_uuid: null, parent_node };
    const child = (name: string, owner: string | null, lessee: string | null): Node =>
      nodes.add({ ...plain, id: uuid(), name, owner, lessee });
    const leased = child('leased-child', null, fixture.project);
    child('owned-child', fixture.project, null);
    const foreign = child('foreign-child', null, fixture.control.project.id);
    fixture.rememberControls();
    expect((await fixture.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(leased.lessee).toBeNull();
    expect(foreign.lessee).toBe(fixture.control.project.id);
    expect(fixture.left('ironic').sort()).toEqual([
      'ironic.node owned-child',
      'ironic.node theirs',
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect((await fixture.plan(ironic)).counts).toMatchObject({ 'ironic.node': { listed: 2 } });
  });

  it('lists the leases after the allocations, which reserve nodes', async () => {
    await open();
    const slow = { does: 'slow', milliseconds: 80 } as const;
    fixture.rehearsal.faults.inject({
      service: 'ironic',
      method: 'DELETE',
      path: /allocations/,
      effect: slow,
    });
    await fixture.clean(ironic);
    const methods = fixture.rehearsal.calls
      .filter(({ path }) => /nodes\?.*lessee=|allocations\//.test(path))
      .map(({ method }) => method);
    expect(methods.slice(0, 3)).toEqual(['DELETE', 'DELETE', 'GET']);
  });

  it('changes no runbook without an owner, and is not finished', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'ironic',
      method: 'GET',
      path: /runbooks/,
      effect: { does: 'drop-owner' },
    });
    expect((await fixture.clean(ironic)).outcome.kind).toBe('again');
    expect(fixture.left('ironic')).toContain('ironic.runbook CUSTOM_BURN_IN');
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('never removes or undeploys a node', async () => {
    await open();
    await fixture.clean(ironic);
    expect(
      changes()
        .filter(({ path }) => /nodes/.test(path))
        .map(({ method }) => method),
    ).toEqual(['PATCH', 'PATCH']);
    expect(changes().filter(({ path }) => /states/.test(path))).toEqual([]);
  });

  it.each([
    ['active', 'operator'],
    ['deploy failed', 'operator'],
    ['rescue', 'operator'],
    ['a state of a later release', 'operator'],
    ['deleting', 'none'],
    ['clean wait', 'none'],
  ])('keeps the lease of a node that is %s, and names the actor %s', async (state, actor) => {
    await open();
    node('on-lease').provision_state = state;
    const report = await fixture.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    expect(fixture.left('ironic')).toEqual(['ironic.lease on-lease', 'ironic.node theirs']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor, message: expect.stringContaining(state) }),
    );
    node('on-lease').provision_state = 'available';
    expect((await fixture.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('ironic')).toEqual(['ironic.node theirs']);
  });

  it('leaves the lease of a node that is reserved for an instance', async () => {
    await open();
    node('on-lease').instance_uuid = uuid();
    expect((await fixture.clean(ironic)).outcome.kind).toBe('again');
    expect(fixture.left('ironic')).toEqual(['ironic.lease on-lease', 'ironic.node theirs']);
  });

  it('leaves an allocation whose node is deployed, with the message of Ironic', async () => {
    await open();
    node('reserved').provision_state = 'active';
    const report = await fixture.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    expect(fixture.left('ironic')).toEqual([
      'ironic.allocation wish',
      'ironic.lease reserved',
      'ironic.node theirs',
    ]);
    const [first] = report.conditions;
    expect(first).toMatchObject({ class: 'Blocked', actor: 'operator' });
    expect(first?.message).toMatch(
      /Cannot remove allocation \S+ for node \S+, because the node is active/,
    );
  });

  it('retries an allocation whose node is locked', async () => {
    await open();
    const fault = { service: 'ironic', method: 'DELETE', path: /allocations/, times: 1 };
    fixture.rehearsal.faults.inject({
      ...fault,
      effect: { does: 'answer', status: 409, message: 'Node x is locked by host y' },
    });
    expect((await fixture.clean(ironic)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient' },
    });
    expect((await fixture.clean(ironic)).outcome).toEqual({ kind: 'finished' });
  });

  it('lists all pages, although the link to the next page lacks the owner', async () => {
    await open();
    const { nodes } = ironicIn(fixture.rehearsal.state);
    for (let n = 0; n < 2300; n += 1) {
      const lessee = n % 2 === 0 ? fixture.project : fixture.control.project.id;
      nodes.add({
        id: uuid(),
        name: `more-${n}`,
        owner: null,
        lessee,
        provision_state: 'available',
        instance_uuid: null,
      });
    }
    expect((await fixture.plan(ironic)).counts).toMatchObject({ 'ironic.lease': { listed: 1152 } });
  });
});

describe('Ironic before runbooks', () => {
  it('is finished without runbooks', async () => {
    await open(ironicOf(82));
    const report = await fixture.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'ironic.runbook',
        class: 'Unsupported',
        actor: 'none',
      }),
    );
    expect(fixture.left('ironic')).toEqual(['ironic.node theirs']);
  });

  it('is not changed if it is too old to show the lessee of a node', async () => {
    await open(ironicOf(60));
    await expect(fixture.context(ironic)).rejects.toMatchObject({
      report: { class: 'Unsupported' },
    });
  });
});

describe('Ironic, by scope of the token', () => {
  it('is emptied only with a system-scoped token', async () => {
    await open();
    const project = await fixture.cloud.api({ ...ironic, scope: 'project' }, 'RegionOne');
    if (!project) throw new TypeError('no Ironic');
    const before = fixture.left('ironic');
    // A token on the cleaner's own project lists only the nodes of that project, which has none.
    await fixture.clean(ironic, { api: project });
    expect(fixture.left('ironic')).toEqual(before);
    expect((await fixture.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('ironic')).toEqual(['ironic.node theirs']);
  });
});
