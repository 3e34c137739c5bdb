import { rowsOf } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { countsOf, describeView, isState, OPERATION_SECONDS } from './driver.ts';

/** Tests the deletion of a user with resources in projects that continue to exist. */
describe('a deleted user', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ shared: 'simple' });
    await fixture.start({ mode: 'enforce' });
  });
  afterAll(() => fixture.tearDown());

  const keypairs = async (user: string) =>
    rowsOf(
      (await fixture.cloud.admin.call('compute', 'GET', `/os-keypairs?user_id=${user}`)).json,
      'keypairs',
    ).length;
  const instances = async (project: string, user: string) => {
    const { json } = await fixture.cloud.admin.call(
      'compute',
      'GET',
      `/os-quota-sets/${project}?user_id=${user}`,
    );
    return JSON.stringify(json).replace(/.*"instances": ?(-?\d+).*/, '$1');
  };

  it('loses keypairs and limits, and the resources that the user created in existing projects do not change', async () => {
    const { admin } = fixture.cloud;
    const { id: user } = fixture.customer.member;
    const colleague = fixture.control.member.id;
    const project = fixture.idOf('shared');
    for (const owner of [user, colleague])
      for (const name of ['laptop', 'build host'])
        await admin.call('compute', 'POST', '/os-keypairs', {
          json: { keypair: { name, type: 'ssh', user_id: owner } },
        });
    await admin.call('compute', 'PUT', `/os-quota-sets/${project}?user_id=${user}`, {
      json: { quota_set: { instances: 7 } },
    });
    await admin.call('identity', 'DELETE', `/users/${user}`);
    const view = await fixture.propagator.operation(
      { user },
      isState('finished'),
      OPERATION_SECONDS,
    );
    console.log(describeView(view));
    expect(await keypairs(user)).toBe(0);
    expect(await keypairs(colleague)).toBe(2);
    expect(await instances(project, user)).not.toBe('7');
    expect(countsOf(view)).toMatchObject({
      'nova.keypair': { removed: 2, left: 0 },
      'nova.user-quota': { removed: 1, left: 0 },
    });
    const now = await fixture.snapshot(true);
    const resources = (lines: string[]) => lines.filter((line) => !line.startsWith('keystone.'));
    const { before, now: after } = fixture.linesOfOtherProjects(now);
    expect(resources(after)).toEqual(resources(before));
    expect(await fixture.propagator.operations({ project })).toEqual([]);
    for (const name of ['laptop', 'build host'])
      await admin.call(
        'compute',
        'DELETE',
        `/os-keypairs/${encodeURIComponent(name)}?user_id=${colleague}`,
      );
  });
});
