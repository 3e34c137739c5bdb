import {
  deleted,
  failure,
  type StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';
import { ALL_RESOURCES, eachSimulation } from './each-simulation.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});

interface Shown {
  readonly id: string;
  readonly digest: string;
  readonly resources: number;
  readonly [field: string]: unknown;
}
const plan = async (): Promise<Shown> => {
  const { status, body } = await simulation.call('POST', `/v1/projects/${TARGET}/plan`, {});
  expect(status).toBe(202);
  await simulation.settle();
  const shown = await simulation.call('GET', `/v1/operations/${body.opened}/plan?resources=true`);
  expect(shown.status).toBe(200);
  return shown.body as Shown;
};
const approve = (
  { id, digest }: Pick<Shown, 'id' | 'digest'>,
  by: Parameters<StatefulSimulation['call']>[3] = 'ann',
) => simulation.call('POST', `/v1/operations/${id}/approve`, { digest }, by);

describe('the plan of a project', () => {
  it('lists every resource that a service lists, and changes nothing', async () => {
    const shown = await plan();
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(shown).toMatchObject({
      state: 'observed',
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      // The secrets of the vault need a token on the project, which a plan does not take.
      resources: 10,
      services: expect.arrayContaining([
        expect.objectContaining({ service: 'vault', unlisted: ['vault.secret'] }),
      ]),
      approvals: [],
      approvalsNeeded: 1,
      allowedDrift: 10,
    });
    const ids = (shown.pages as { resourceType: string; resources: { id: string }[] }[]).flatMap(
      ({ resourceType, resources }) => resources.map(({ id }) => `${resourceType} ${id}`),
    );
    const expected = simulation.cloud
      .of(TARGET)
      .filter(({ resourceType }) => resourceType !== 'vault.secret')
      .map(({ resourceType, id }) => `${resourceType} ${id}`);
    expect(ids.toSorted()).toEqual(expected.toSorted());
  });

  it('has the same digest at each reading, and another digest when the project has changed', async () => {
    const first = await plan();
    const again = await simulation.call('GET', `/v1/operations/${first.id}/plan`);
    expect(again.body.digest).toBe(first.digest);
    simulation.cloud.make('compute.server', TARGET);
    expect((await plan()).digest).not.toBe(first.digest);
  });

  it('ends, and names the reasons for a refusal of Keystone and a service that cannot be listed', async () => {
    simulation.cloud.projects.set('child', { name: 'child', enabled: false, parentId: TARGET });
    simulation.cloud.broken.set('network', failure('Transient'));
    const shown = await plan();
    expect(shown).toMatchObject({
      state: 'observed',
      resources: 8,
      keystoneCheck: { refusals: [{ message: expect.stringContaining('1 project is') }] },
      unreachable: [
        { service: 'network', message: 'it could not be listed: it does not feel well' },
      ],
    });
    const unlisted = (shown.services as { service: string; unlisted: string[] }[]).map(
      ({ service, unlisted: types }) => [service, types],
    );
    expect(unlisted).toContainEqual(['network', []]);
    expect(unlisted).toContainEqual(['vault', ['vault.secret']]);
    expect(simulation.engine.deadLetterList).toEqual([]);
  });

  it('does not block a deletion in Keystone', async () => {
    await simulation.call('POST', `/v1/projects/${TARGET}/plan`, {});
    simulation.cloud.delete(TARGET);
    await simulation.handle(deleted('project', TARGET));
    await simulation.settle();
    const ends = [...simulation.engine.operations.values()].map(({ action, state }) => [
      action,
      state,
    ]);
    expect(ends).toEqual([
      ['plan', 'refused'],
      ['cleanup', 'unverified'],
    ]);
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });
});

describe('the approval of a plan', () => {
  it('carries out the plan to its end', async () => {
    const shown = await plan();
    expect(await approve(shown)).toMatchObject({ status: 202 });
    expect(simulation.operation.plan).toMatchObject({
      of: shown.id,
      digest: shown.digest,
      approvals: [{ by: 'ann' }],
    });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });

  it.each([
    [
      'with another digest',
      (shown: Shown) => approve({ ...shown, digest: 'a'.repeat(64) }),
      'you read another plan',
    ],
    [
      'of a project that was renamed',
      (shown: Shown) => {
        simulation.cloud.projects.set(TARGET, { name: 'bank', enabled: true });
        return approve(shown);
      },
      'renamed',
    ],
    [
      'in mode observe',
      (shown: Shown) => {
        simulation.mode = 'observe';
        return approve(shown);
      },
      'the mode is observe',
    ],
    [
      'of what Keystone would refuse now',
      (shown: Shown) => {
        simulation.cloud.projects.set('child', { name: 'child', enabled: false, parentId: TARGET });
        return approve(shown);
      },
      '1 project is',
    ],
  ])('%s is refused, and nothing changes', async (_, send, because) => {
    const shown = await plan();
    const answer = await send(shown);
    expect(answer).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining(because) } },
    });
    await simulation.settle();
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect(simulation.engine.operations.size).toBe(1);
  });

  it('is refused if the project was disabled when the plan was made and is enabled now', async () => {
    simulation.cloud.enable(TARGET, false);
    const shown = await plan();
    simulation.cloud.enable(TARGET, true);
    expect(await approve(shown)).toMatchObject({ status: 409 });
  });

  it('has one effect, even if two approvals arrive at the same moment', async () => {
    const shown = await plan();
    const answers = await Promise.all([approve(shown), approve(shown, 'bob')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
    await simulation.settle();
    expect(await approve(shown, 'bob')).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('was approved already') } },
    });
    expect(simulation.engine.operations.size).toBe(2);
  });
});

describe('two approvals', () => {
  beforeEach(() => {
    simulation.approvalRules = {
      twoApprovers: { domain: false, resources: 5, tags: [] },
      drift: { resources: 10, percent: 5 },
    };
  });

  it('are given by two persons, and never by the person that requested the plan', async () => {
    const shown = await plan();
    expect(shown).toMatchObject({
      approvalsNeeded: 2,
      twoBecause: 'it lists 10 resources, more than 5',
    });
    expect(await approve(shown, 'ann')).toMatchObject({ status: 409 });
    expect(await approve(shown, 'bob')).toMatchObject({
      status: 202,
      body: { approved: shown.id },
    });
    expect(await approve(shown, 'bob')).toMatchObject({ status: 409 });
    expect(simulation.engine.operations.size).toBe(1);
    expect(await approve(shown, 'carol')).toMatchObject({
      status: 202,
      body: { opened: expect.stringMatching(/^op-/) },
    });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('cannot be avoided by a request without a plan', async () => {
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('begins with a plan') } },
    });
    expect(simulation.engine.operations.size).toBe(0);
  });
});

describe('resources that appear after the plan', () => {
  beforeEach(() => {
    simulation.approvalRules = {
      twoApprovers: { domain: false, resources: undefined, tags: [] },
      drift: { resources: 1, percent: 0 },
    };
  });

  it('are removed while they are not more than allowed', async () => {
    const shown = await plan();
    simulation.cloud.make('compute.server', TARGET);
    await approve(shown);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('hold the operation before the first removal if they are more than allowed; the hold names them', async () => {
    const shown = await plan();
    simulation.cloud.make('compute.server', TARGET, 'new-1');
    simulation.cloud.make('network.port', TARGET, 'new-2');
    await approve(shown);
    await simulation.settle();
    expect(simulation.state).toBe('held');
    expect(simulation.operation.hold).toMatchObject({
      about: 'drift',
      reason: expect.stringMatching(
        /^more resources appeared after the plan op-\w+ than the 1 that may be removed .*compute\.server: 1 \(for example new-1\); network\.port: 1 \(for example new-2\)$/,
      ),
    });
    expect(simulation.left()).toEqual({ ...ALL_RESOURCES, 'compute.server': 3, 'network.port': 3 });
    expect([...simulation.cloud.roles]).toEqual([]);
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('hold an operation that has begun to remove, and are not removed themselves', async () => {
    const shown = await plan();
    await approve(shown);
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    for (const id of ['new-1', 'new-2', 'new-3']) simulation.cloud.make('network.port', TARGET, id);
    await simulation.settle();
    expect(simulation.state).toBe('held');
    expect(simulation.operation.hold).toMatchObject({ about: 'drift' });
    expect(simulation.left()).toEqual({ 'network.port': 2 });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('are removed if a plan cannot list their type', async () => {
    const shown = await plan();
    for (const id of ['new-1', 'new-2', 'new-3']) simulation.cloud.make('vault.secret', TARGET, id);
    await approve(shown);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});
