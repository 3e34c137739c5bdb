import fc from 'fast-check';
import type { Server } from './rows.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let there: TestCloud;
afterEach(() => there.close());

const mine = (project = there.project): string => `all_tenants=1&project_id=${project}`;
const server = (name: string): Server => {
  const [row] = there.cloud.state.compute.servers.where(
    (each) => each.name === name && each.project_id === there.project,
  );
  if (!row) throw new Error(`there is no server ${name}`);
  return row;
};
const listed = async (query: string): Promise<unknown[]> =>
  rows((await there.ask('compute', 'GET', `/servers/detail?${query}`)).json, 'servers').map(
    (row) => row.name,
  );

describe('the Nova of the rehearsal cloud', () => {
  beforeEach(async () => {
    there = await openTestCloud();
    there.cloud.seed.fill(there.project, 'small');
  });

  it("replaces the requested project with the caller's own without all_tenants", async () => {
    expect(await listed(`project_id=${there.project}`)).toEqual([]);
    expect(await listed(mine())).toContain('locked');
  });

  it('hides soft-deleted servers even from a query for their status', async () => {
    expect(await listed(mine())).not.toContain('soft-deleted');
    expect(await listed(`${mine()}&status=SOFT_DELETED`)).toEqual([]);
    expect(await listed(`${mine()}&soft_deleted=true`)).toContain('soft-deleted');
  });

  it('refuses an unknown parameter from 2.75 on, and ignores it below', async () => {
    expect(await there.status('compute', 'GET', `/servers/detail?${mine()}&projekt=x`)).toBe(400);
    expect(
      await there.status('compute', 'GET', `/servers/detail?${mine()}&projekt=x`, {
        headers: { 'OpenStack-API-Version': 'compute 2.60' },
      }),
    ).toBe(200);
  });

  it('accepts a deletion at once and completes it later', async () => {
    const { id } = server('locked');
    expect(await there.status('compute', 'DELETE', `/servers/${id}`)).toBe(204);
    expect(
      at(
        (await there.ask('compute', 'GET', `/servers/${id}`)).json,
        'server.OS-EXT-STS:task_state',
      ),
    ).toBe('deleting');
    there.clock.advance(299);
    expect(await there.status('compute', 'GET', `/servers/${id}`)).toBe(200);
    there.clock.advance(1);
    expect(await there.status('compute', 'GET', `/servers/${id}`)).toBe(404);
  });

  it('ignores every further deletion of a server that hangs in deleting, until its state is reset', async () => {
    const { id } = server('server-0');
    const injected = there.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      times: 1,
      effect: { does: 'endless' },
    });
    await there.ask('compute', 'DELETE', `/servers/${id}`);
    expect(injected.hits).toBe(1);
    await there.ask('compute', 'DELETE', `/servers/${id}`);
    await there.ask('compute', 'POST', `/servers/${id}/action`, { json: { forceDelete: null } });
    there.clock.advance(3_600_000);
    expect(await there.status('compute', 'GET', `/servers/${id}`)).toBe(200);
    await there.ask('compute', 'POST', `/servers/${id}/action`, {
      json: { 'os-resetState': { state: 'error' } },
    });
    await there.ask('compute', 'DELETE', `/servers/${id}`);
    there.clock.advance(300);
    expect(await there.status('compute', 'GET', `/servers/${id}`)).toBe(404);
  });

  it('answers 204 for a server with disable_terminate and does nothing', async () => {
    const row = server('server-0');
    row.disable_terminate = true;
    expect(await there.status('compute', 'DELETE', `/servers/${row.id}`)).toBe(204);
    there.clock.advance(3_600_000);
    expect(
      at(
        (await there.ask('compute', 'GET', `/servers/${row.id}`)).json,
        'server.OS-EXT-STS:task_state',
      ),
    ).toBeNull();
  });

  it('deletes the ports that Nova created, unbinds other ports, and follows delete_on_termination for volumes', async () => {
    const { ports } = there.cloud.state.network;
    const { volumes } = there.cloud.state.storage;
    const handmade = ports.where((row) => row.device_id === server('on-a-handmade-port').id)[0];
    const made = ports.where((row) => row.device_id === server('locked').id)[0];
    const [kept, taken] = ['data-0', 'data-1'].map(
      (name) => volumes.where((row) => row.name === name && row.project_id === there.project)[0],
    );
    if (taken)
      for (const row of there.cloud.state.storage.snapshots.where(
        (each) => each.volume_id === taken.id,
      ))
        there.cloud.state.storage.snapshots.delete(row.id);
    for (const name of ['on-a-handmade-port', 'locked', 'server-0'])
      await there.ask('compute', 'DELETE', `/servers/${server(name).id}`);
    there.clock.advance(300);
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
          const { json } = await there.ask('compute', 'GET', path);
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
    expect(await there.status('compute', 'GET', `/os-quota-sets/${there.project}`)).toBe(200);
    await there.ask('identity', 'DELETE', `/projects/${there.project}`);
    expect(await there.status('compute', 'GET', `/os-quota-sets/${there.project}`)).toBe(400);
    expect(await there.status('compute', 'DELETE', `/os-quota-sets/${there.project}`)).toBe(202);
    expect(there.cloud.store.count(there.project)['nova.quota']).toBeUndefined();
  });

  it('lists server groups in pages by offset, without a filter by project', async () => {
    expect(
      await there.status(
        'compute',
        'GET',
        `/os-server-groups?all_projects=1&project_id=${there.project}`,
      ),
    ).toBe(400);
    const first = rows(
      (await there.ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1')).json,
      'server_groups',
    );
    expect(first.map((row) => row.project_id)).toEqual([there.project]);
    expect(
      rows(
        (await there.ask('compute', 'GET', '/os-server-groups?all_projects=1&limit=1&offset=1'))
          .json,
        'server_groups',
      ),
    ).toEqual([]);
  });

  it('allows an administrator to remove the flavor access of a deleted project, but not to add it', async () => {
    const [flavor] = there.cloud.state.compute.flavors.where((row) => !row.is_public);
    await there.ask('identity', 'DELETE', `/projects/${there.project}`);
    const accessAction = (name: string) =>
      there.status('compute', 'POST', `/flavors/${flavor?.id}/action`, {
        json: { [name]: { tenant: there.project } },
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
    there = await openTestCloud({ reclaimInterval: 3600 });
    there.cloud.seed.fill(there.project, 'tiny');
    const { id } = server('server-0');
    await there.ask('compute', 'DELETE', `/servers/${id}`);
    there.clock.advance(60_000);
    expect(await listed(mine())).not.toContain('server-0');
    expect(await listed(`${mine()}&soft_deleted=true`)).toContain('server-0');
    await there.ask('compute', 'POST', `/servers/${id}/action`, { json: { forceDelete: null } });
    there.clock.advance(300);
    expect(await listed(`${mine()}&soft_deleted=true`)).not.toContain('server-0');
  });
});
