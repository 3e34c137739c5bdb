import fc from 'fast-check';
import type { Server } from './rows.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
afterEach(() => testCloud.close());

const mine = (project = testCloud.project): string => `all_tenants=1&project_id=${project}`;
const server = (name: string): Server => {
  const [row] = testCloud.cloud.state.compute.servers.where(
    (each) => each.name === name && each.project_id === testCloud.project,
  );
  if (!row) throw new Error(`there is no server ${name}`);
  return row;
};
const listed = async (query: string): Promise<unknown[]> =>
  rows((await testCloud.ask('compute', 'GET', `/servers/detail?${query}`)).json, 'servers').map(
    (row) => row.name,
  );

describe('the Nova of the rehearsal cloud', () => {
  beforeEach(async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
  });

  it("replaces the requested project with the caller's own without all_tenants", async () => {
    expect(await listed(`project_id=${testCloud.project}`)).toEqual([]);
    expect(await listed(mine())).toContain('locked');
  });

  it('hides soft-deleted servers even from a query for their status', async () => {
    expect(await listed(mine())).not.toContain('soft-deleted');
    expect(await listed(`${mine()}&status=SOFT_DELETED`)).toEqual([]);
    expect(await listed(`${mine()}&soft_deleted=true`)).toContain('soft-deleted');
  });

  it('refuses an unknown parameter from 2.75 on, and ignores it below', async () => {
    expect(await testCloud.status('compute', 'GET', `/servers/detail?${mine()}&projekt=x`)).toBe(
      400,
    );
    expect(
      await testCloud.status('compute', 'GET', `/servers/detail?${mine()}&projekt=x`, {
        headers: { 'OpenStack-API-Version': 'compute 2.60' },
      }),
    ).toBe(200);
  });

  it('accepts a deletion at once and completes it later', async () => {
    const { id } = server('locked');
    expect(await testCloud.status('compute', 'DELETE', `/servers/${id}`)).toBe(204);
    expect(
      at(
        (await testCloud.ask('compute', 'GET', `/servers/${id}`)).json,
        'server.OS-EXT-STS:task_state',
      ),
    ).toBe('deleting');
    testCloud.clock.advance(299);
    expect(await testCloud.status('compute', 'GET', `/servers/${id}`)).toBe(200);
    testCloud.clock.advance(1);
    expect(await testCloud.status('compute', 'GET', `/servers/${id}`)).toBe(404);
  });

  it('ignores every further deletion of a server that hangs in deleting, until its state is reset', async () => {
    const { id } = server('server-0');
    const injected = testCloud.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      times: 1,
      effect: { does: 'endless' },
    });
    await testCloud.ask('compute', 'DELETE', `/servers/${id}`);
    expect(injected.hits).toBe(1);
    await testCloud.ask('compute', 'DELETE', `/servers/${id}`);
    await testCloud.ask('compute', 'POST', `/servers/${id}/action`, {
      json: { forceDelete: null },
    });
    testCloud.clock.advance(3_600_000);
    expect(await testCloud.status('compute', 'GET', `/servers/${id}`)).toBe(200);
    await testCloud.ask('compute', 'POST', `/servers/${id}/action`, {
      json: { 'os-resetState': { state: 'error' } },
    });
    await testCloud.ask('compute', 'DELETE', `/servers/${id}`);
    testCloud.clock.advance(300);
    expect(await testCloud.status('compute', 'GET', `/servers/${id}`)).toBe(404);
  });

  it('answers 204 for a server with disable_terminate and does nothing', async () => {
    const row = server('server-0');
    row.disable_terminate = true;
    expect(await testCloud.status('compute', 'DELETE', `/servers/${row.id}`)).toBe(204);
    testCloud.clock.advance(3_600_000);
    expect(
      at(
        (await testCloud.ask('compute', 'GET', `/servers/${row.id}`)).json,
        'server.OS-EXT-STS:task_state',
      ),
    ).toBeNull();
  });

  it('deletes the ports that Nova created, unbinds other ports, and follows delete_on_termination for volumes', async () => {
    const { ports } = testCloud.cloud.state.network;
    const { volumes } = testCloud.cloud.state.storage;
    const handmade = ports.where((row) => row.device_id === server('on-a-handmade-port').id)[0];
    const made = ports.where((row) => row.device_id === server('locked').id)[0];
    const [kept, taken] = ['data-0', 'data-1'].map(
      (name) =>
        volumes.where((row) => row.name === name && row.project_id === testCloud.project)[0],
    );
    if (taken)
      for (const row of testCloud.cloud.state.storage.snapshots.where(
        (each) => each.volume_id === taken.id,
      ))
        testCloud.cloud.state.storage.snapshots.delete(row.id);
    for (const name of ['on-a-handmade-port', 'locked', 'server-0'])
      await testCloud.ask('compute', 'DELETE', `/servers/${server(name).id}`);
    testCloud.clock.advance(300);
    expect(ports.get(handmade?.id ?? '')?.device_id).toBe('');
    expect(ports.get(made?.id ?? '')).toBeUndefined();
    expect(volumes.get(kept?.id ?? '')?.status).toBe('available');
    expect(volumes.get(taken?.id ?? '')).toBeUndefined();
  });

  it('lists every server exactly once with any page size, with a link after each full page', async () => {
    const all = (await listed(`${mine()}&soft_deleted=true`)).toSorted();
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: all.length + 1 }), async (limit) => {
        const seen: unknown[] = [];
        for (
          let path: string | undefined =
            `/servers/detail?${mine()}&soft_deleted=true&limit=${limit}`;
          path;
        ) {
          const { json } = await testCloud.ask('compute', 'GET', path);
          const page = rows(json, 'servers');
          seen.push(...page.map((row) => row.name));
          const href: unknown = at(json, 'servers_links.0.href');
          expect(typeof href === 'string').toBe(page.length === limit);
          path = typeof href === 'string' ? href.slice(href.indexOf('/servers/')) : undefined;
        }
        expect(seen.toSorted()).toEqual(all);
      }),
      { numRuns: 10 },
    );
  });

  it('sets quotas of an existing project only, and deletes those of any project', async () => {
    expect(await testCloud.status('compute', 'GET', `/os-quota-sets/${testCloud.project}`)).toBe(
      200,
    );
    await testCloud.ask('identity', 'DELETE', `/projects/${testCloud.project}`);
    expect(await testCloud.status('compute', 'GET', `/os-quota-sets/${testCloud.project}`)).toBe(
      400,
    );
    expect(await testCloud.status('compute', 'DELETE', `/os-quota-sets/${testCloud.project}`)).toBe(
      202,
    );
    expect(testCloud.cloud.store.count(testCloud.project)['nova.quota']).toBeUndefined();
  });

  it('lists server groups in pages by offset, without a filter by project', async () => {
    expect(
      await testCloud.status(
        'compute',
        'GET',
        `/os-server-groups?all_projects=1&project_id=${testCloud.project}`,
      ),
    ).toBe(400);
    const first = rows(
      (await testCloud.ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1')).json,
      'server_groups',
    );
    expect(first.map((row) => row.project_id)).toEqual([testCloud.project]);
    expect(
      rows(
        (await testCloud.ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1&offset=1'))
          .json,
        'server_groups',
      ),
    ).toEqual([]);
  });

  it('allows an administrator to remove the flavor access of a deleted project, but not to add it', async () => {
    const [flavor] = testCloud.cloud.state.compute.flavors.where((row) => !row.is_public);
    await testCloud.ask('identity', 'DELETE', `/projects/${testCloud.project}`);
    const accessAction = (name: string) =>
      testCloud.status('compute', 'POST', `/flavors/${flavor?.id}/action`, {
        json: { [name]: { tenant: testCloud.project } },
      });
    expect([
      await accessAction('removeTenantAccess'),
      await accessAction('removeTenantAccess'),
      await accessAction('addTenantAccess'),
    ]).toEqual([200, 404, 400]);
  });
});

describe('a Nova with a reclaim interval', () => {
  it('hides deleted servers until they are deleted by force', async () => {
    testCloud = await openTestCloud({ reclaimInterval: 3600 });
    testCloud.cloud.seed.fill(testCloud.project, 'tiny');
    const { id } = server('server-0');
    await testCloud.ask('compute', 'DELETE', `/servers/${id}`);
    testCloud.clock.advance(60_000);
    expect(await listed(mine())).not.toContain('server-0');
    expect(await listed(`${mine()}&soft_deleted=true`)).toContain('server-0');
    await testCloud.ask('compute', 'POST', `/servers/${id}/action`, {
      json: { forceDelete: null },
    });
    testCloud.clock.advance(300);
    expect(await listed(`${mine()}&soft_deleted=true`)).not.toContain('server-0');
  });
});
