import { ironic } from '../../../lib/services/ironic.ts';
import { ironic as fake, ironicIn, ironicOf, type Node } from '../../cloud/documented/ironic.ts';
import { uuid } from '../../cloud/world.ts';
import { Stage } from './emptying.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(ironic, {
  with: [fake],
  listings: /^\/v1/,
  removals: [{ method: 'DELETE' }, { method: 'PATCH' }],
  retained: ['ironic.node'],
});

let stage: Stage;
afterEach(() => stage?.close());
const open = async (documented = fake): Promise<void> => {
  stage = await Stage.open({ with: [documented] });
};
const node = (name: string): Node => {
  const [row] = ironicIn(stage.rehearsal.state).nodes.where(
    (one) => one.name === name && [one.owner, one.lessee].includes(stage.project),
  );
  if (!row) throw new TypeError(`no node ${name}`);
  return row;
};
const foreignNodes = (): Node[] =>
  ironicIn(stage.rehearsal.state).nodes.where(
    (row) => ![row.owner, row.lessee].includes(stage.project),
  );
const changes = () =>
  stage.rehearsal.calls.filter(({ service, method }) => service === 'ironic' && method !== 'GET');

describe('Ironic, emptied of one project', () => {
  it('ends its leases, allocations and runbooks, and only reports the machines that it owns', async () => {
    await open();
    const foreign = foreignNodes();
    const before = JSON.stringify(foreign);
    const machines = ironicIn(stage.rehearsal.state).nodes.size;
    await stage.deleteProject();
    const report = await stage.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(stage.left('ironic')).toEqual(['ironic.node theirs']);
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
    expect(ironicIn(stage.rehearsal.state).nodes.size).toBe(machines);
    expect(JSON.stringify(foreign)).toBe(before);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('ends its lease of a foreign machine, and leaves a foreign lease of its own machine', async () => {
    await open();
    const stranger = stage.control.project.id;
    const { nodes } = ironicIn(stage.rehearsal.state);
    const plain = { provision_state: 'available', instance_uuid: null };
    const theirs = nodes.add({
      ...plain,
      id: uuid(),
      name: 'of-them',
      owner: stranger,
      lessee: stage.project,
    });
    const ours = nodes.add({
      ...plain,
      id: uuid(),
      name: 'of-us',
      owner: stage.project,
      lessee: stranger,
    });
    stage.remember();
    expect((await stage.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(theirs).toMatchObject({ owner: stranger, lessee: null });
    expect(ours).toMatchObject({ owner: stage.project, lessee: stranger });
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('lists the leases after the allocations, which reserve nodes', async () => {
    await open();
    const slow = { does: 'slow', milliseconds: 80 } as const;
    stage.rehearsal.faults.inject({
      service: 'ironic',
      method: 'DELETE',
      path: /allocations/,
      effect: slow,
    });
    await stage.clean(ironic);
    const methods = stage.rehearsal.calls
      .filter(({ path }) => /nodes\?.*lessee=|allocations\//.test(path))
      .map(({ method }) => method);
    expect(methods.slice(0, 3)).toEqual(['DELETE', 'DELETE', 'GET']);
  });

  it('changes no runbook without an owner, and is not finished', async () => {
    await open();
    stage.rehearsal.faults.inject({
      service: 'ironic',
      method: 'GET',
      path: /runbooks/,
      effect: { does: 'drop-owner' },
    });
    expect((await stage.clean(ironic)).outcome.kind).toBe('again');
    expect(stage.left('ironic')).toContain('ironic.runbook CUSTOM_BURN_IN');
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('never removes or undeploys a node', async () => {
    await open();
    await stage.clean(ironic);
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
  ])('leaves the lease of a node that is %s, which is up to %s', async (state, actor) => {
    await open();
    node('on-lease').provision_state = state;
    const report = await stage.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    expect(stage.left('ironic')).toEqual(['ironic.lease on-lease', 'ironic.node theirs']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor, message: expect.stringContaining(state) }),
    );
    node('on-lease').provision_state = 'available';
    expect((await stage.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('ironic')).toEqual(['ironic.node theirs']);
  });

  it('leaves the lease of a node that is reserved for an instance', async () => {
    await open();
    node('on-lease').instance_uuid = uuid();
    expect((await stage.clean(ironic)).outcome.kind).toBe('again');
    expect(stage.left('ironic')).toEqual(['ironic.lease on-lease', 'ironic.node theirs']);
  });

  it('leaves an allocation whose node is deployed, with the message of Ironic', async () => {
    await open();
    node('reserved').provision_state = 'active';
    const report = await stage.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    expect(stage.left('ironic')).toEqual([
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
    stage.rehearsal.faults.inject({
      ...fault,
      effect: { does: 'answer', status: 409, message: 'Node x is locked by host y' },
    });
    expect((await stage.clean(ironic)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient' },
    });
    expect((await stage.clean(ironic)).outcome).toEqual({ kind: 'finished' });
  });

  it('lists all pages, although the link to the next page lacks the owner', async () => {
    await open();
    const { nodes } = ironicIn(stage.rehearsal.state);
    for (let n = 0; n < 2300; n += 1) {
      const lessee = n % 2 === 0 ? stage.project : stage.control.project.id;
      nodes.add({
        id: uuid(),
        name: `more-${n}`,
        owner: null,
        lessee,
        provision_state: 'available',
        instance_uuid: null,
      });
    }
    expect((await stage.plan(ironic)).counts).toMatchObject({ 'ironic.lease': { listed: 1152 } });
  });
});

describe('Ironic before runbooks', () => {
  it('is finished without them', async () => {
    await open(ironicOf(82));
    const report = await stage.clean(ironic);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'ironic.runbook',
        class: 'Unsupported',
        actor: 'none',
      }),
    );
    expect(stage.left('ironic')).toEqual(['ironic.node theirs']);
  });

  it('is not changed if it is too old to show the lessee of a node', async () => {
    await open(ironicOf(60));
    await expect(stage.context(ironic)).rejects.toMatchObject({ report: { class: 'Unsupported' } });
  });
});

describe('Ironic, by scope of the token', () => {
  it('is emptied only with a system-scoped token', async () => {
    await open();
    const project = await stage.cloud.api({ ...ironic, scope: 'project' }, 'RegionOne');
    if (!project) throw new TypeError('no Ironic');
    const before = stage.left('ironic');
    // A token on the cleaner's own project sees its own nodes: nothing.
    await stage.clean(ironic, { api: project });
    expect(stage.left('ironic')).toEqual(before);
    expect((await stage.clean(ironic)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('ironic')).toEqual(['ironic.node theirs']);
  });
});
