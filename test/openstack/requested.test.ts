import { Row, rowsOf, text } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isState, OPERATION_SECONDS } from './driver.ts';

/**
 * The cleanup of an existing project at the request of an administrator. Barbican can be emptied
 * only in this way.
 */
describe('a project whose deletion an administrator requests', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ asked: 'whole', struck: 'simple' }, 'whole');
    await fixture.start({ mode: 'enforce' });
  });
  afterAll(() => fixture.tearDown());

  const ask = (wish: object) =>
    fixture.propagator.api(
      'POST',
      '/v1/operations',
      JSON.stringify({ action: 'cleanup', ...wish }),
    );
  const keystoneHas = async (id: string) => {
    const answer = await fixture.cloud.admin.call('identity', 'GET', `/projects/${id}`, {
      accept: [404],
    });
    return answer.status === 200;
  };
  const nameOf = async (id: string) =>
    text(
      (await fixture.cloud.admin.call('identity', 'GET', `/projects/${id}`)).json,
      'project',
      'name',
    );
  /** Direct roles of the propagator's own user on the customer's projects. */
  const ownRoles = async () => {
    const { admin } = fixture.cloud;
    const { json } = await admin.call(
      'identity',
      'GET',
      `/role_assignments?user.id=${admin.userId}`,
    );
    const ids = fixture.customer.projects.map((project) => project.id);
    return rowsOf(json, 'role_assignments').filter((row) =>
      ids.some((id) => JSON.stringify(Row.parse(row.scope)).includes(id)),
    );
  };

  it('is refused without its name and with a wrong name, and nothing changes', async () => {
    const project = fixture.idOf('asked');
    expect((await ask({ project })).status).toBe(409);
    expect((await ask({ project, name: 'something else' })).status).toBe(409);
    expect(await fixture.propagator.operations({ project })).toEqual([]);
    expect(await ownRoles()).toEqual([]);
  });

  it('is emptied in every service, also Barbican, and then deleted in Keystone; other projects do not change', async () => {
    const project = fixture.idOf('asked');
    const answer = await ask({
      project,
      name: await nameOf(project),
      reason: 'contract ended',
    });
    expect(answer.status).toBe(202);
    const view = await fixture.propagator.operation(
      { project },
      isState('finished', 'unverified', 'held'),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    expect(view.operation.state).toBe('finished');
    expect(await keystoneHas(project)).toBe(false);
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'asked')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'asked');
    expect(after).toEqual(before);
    expect(await ownRoles()).toEqual([]);
    expect(await fixture.propagator.deadLetters()).toEqual([]);
    // Keystone's notification of the deletion, which the propagator caused, opens no other
    // operation.
    expect(await fixture.propagator.operations({ project })).toHaveLength(1);
  });

  it('is emptied after a restart of the killed propagator, which leaves no role of its own', async () => {
    const project = fixture.idOf('struck');
    expect((await ask({ project, name: await nameOf(project) })).status).toBe(202);
    await fixture.propagator.operation(
      { project },
      isState('pre-delete', 'running', 'closing', 'finished'),
      OPERATION_SECONDS,
    );
    await fixture.propagator.kill();
    await fixture.start({ mode: 'enforce' });
    const view = await fixture.propagator.operation(
      { project },
      isState('finished', 'unverified', 'held'),
      OPERATION_SECONDS,
    );
    expect(view.operation.state).toBe('finished');
    expect(await keystoneHas(project)).toBe(false);
    expect(await ownRoles()).toEqual([]);
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'struck')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'asked', 'struck');
    expect(after).toEqual(before);
  });
});
