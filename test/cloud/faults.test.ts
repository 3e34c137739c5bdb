import { openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let there: TestCloud;
beforeEach(async () => {
  there = await openTestCloud();
  there.cloud.seed.fill(there.project, 'small');
});
afterEach(() => there.close());

const servers = () =>
  there.ask('compute', 'GET', `/servers/detail?all_tenants=1&project_id=${there.project}`);

describe('an injected fault', () => {
  it("refuses with the service's own error as often as it is configured", async () => {
    there.cloud.faults.inject({
      service: 'nova',
      method: 'GET',
      times: 2,
      effect: { does: 'answer', status: 429, retryAfter: 3 },
    });
    const first = await servers();
    expect([first.status, first.headers['retry-after']]).toEqual([429, '3']);
    expect(first.json).toMatchObject({ overLimit: { code: 429 } });
    expect((await servers()).status).toBe(429);
    expect((await servers()).status).toBe(200);
  });

  it('lasts until it is cleared, skips the first calls if configured, and affects only matching calls', async () => {
    const fault = there.cloud.faults.inject({
      service: 'nova',
      path: /servers\/detail/,
      after: 1,
      effect: { does: 'answer', status: 500 },
    });
    expect([(await servers()).status, (await servers()).status, (await servers()).status]).toEqual([
      200, 500, 500,
    ]);
    expect(await there.status('compute', 'GET', '/flavors')).toBe(200);
    expect(fault.hits).toBe(2);
    fault.clear();
    expect((await servers()).status).toBe(200);
  });

  it('truncates a body in two ways: with a matching Content-Length, or with a larger one', async () => {
    there.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'cut-body' } });
    expect(await servers()).toMatchObject({ status: 200, json: undefined });
    there.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'cut-connection' } });
    await expect(servers()).rejects.toThrow();
  });

  it('omits the link to the next page, the owners of the rows, or the filter', async () => {
    there.cloud.faults.inject({
      service: 'nova',
      times: 1,
      effect: { does: 'drop-next', rows: 1 },
    });
    const half = await servers();
    expect(rows(half.json, 'servers')).toHaveLength(1);
    expect(half.json).not.toHaveProperty('servers_links');
    there.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'drop-owner' } });
    expect(rows((await servers()).json, 'servers')[0]).not.toHaveProperty('tenant_id');
    there.cloud.seed.controls();
    there.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'ignore-filter' } });
    expect(new Set(rows((await servers()).json, 'servers').map((row) => row.tenant_id)).size).toBe(
      3,
    );
  });

  it('breaks the connection before or after the effect', async () => {
    const [flavor] = there.cloud.state.compute.flavors.where((row) => !row.is_public);
    const remove = () => there.status('compute', 'DELETE', `/flavors/${flavor?.id}`);
    there.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      times: 1,
      effect: { does: 'reset' },
    });
    await expect(remove()).rejects.toThrow();
    there.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      times: 1,
      effect: { does: 'reset-after' },
    });
    await expect(remove()).rejects.toThrow();
    expect(await remove()).toBe(404);
  });
});

describe('the rehearsal cloud as a whole', () => {
  it('refuses connections to one service, and accepts them again on the same port', async () => {
    await there.cloud.refuse('nova');
    await expect(servers()).rejects.toThrow();
    expect(await there.status('image', 'GET', '/v2/images')).toBe(200);
    await there.cloud.accept('nova');
    expect((await servers()).status).toBe(200);
  });

  it('hides a service from the catalog', async () => {
    const catalog = async (): Promise<string> =>
      (
        await there.ask('identity', 'GET', '/auth/tokens', {
          headers: {
            'X-Subject-Token': there.cloud.state.tokens.issue({
              userId: there.ask.user,
              projectId: there.ask.own,
              domainId: undefined,
              system: false,
              credential: undefined,
              roles: ['admin'],
              methods: [],
              issuedAt: 0,
              expiresAt: Number.MAX_SAFE_INTEGER / 1000,
            }).id,
          },
        })
      ).text;
    expect(await catalog()).toContain('object-store');
    there.cloud.hide('swift');
    expect(await catalog()).not.toContain('object-store');
  });

  it('records every call with its status', async () => {
    there.cloud.calls.length = 0;
    await servers();
    await there.ask('compute', 'GET', '/servers/nope');
    expect(
      there.cloud.calls.map(({ service, method, status }) => `${service} ${method} ${status}`),
    ).toEqual(['nova GET 200', 'nova GET 404']);
  });

  it('holds the same resources for control projects as for the customer, none of them twice', () => {
    const [control] = there.cloud.seed.controls('small', ['production']);
    const resourceTypes = (project: string | undefined) =>
      Object.keys(there.cloud.store.count(project)).filter(
        (resourceType) => resourceType !== 'keystone.project',
      );
    expect(resourceTypes(control?.projectId)).toEqual(resourceTypes(there.project));
    const ids = there.cloud.store
      .resources()
      .map(({ resourceType, id }) => `${resourceType} ${id}`);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
