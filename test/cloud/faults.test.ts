import { openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
beforeEach(async () => {
  testCloud = await openTestCloud();
  testCloud.cloud.seed.fill(testCloud.project, 'small');
});
afterEach(() => testCloud.close());

const servers = () =>
  testCloud.ask('compute', 'GET', `/servers/detail?all_tenants=1&project_id=${testCloud.project}`);

describe('an injected fault', () => {
  it("refuses with the service's own error as often as it is configured", async () => {
    testCloud.cloud.faults.inject({
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
    const fault = testCloud.cloud.faults.inject({
      service: 'nova',
      path: /servers\/detail/,
      after: 1,
      effect: { does: 'answer', status: 500 },
    });
    expect([(await servers()).status, (await servers()).status, (await servers()).status]).toEqual([
      200, 500, 500,
    ]);
    expect(await testCloud.status('compute', 'GET', '/flavors')).toBe(200);
    expect(fault.hits).toBe(2);
    fault.clear();
    expect((await servers()).status).toBe(200);
  });

  it('truncates a body in two ways: with a matching Content-Length, or with a larger one', async () => {
    testCloud.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'cut-body' } });
    expect(await servers()).toMatchObject({ status: 200, json: undefined });
    testCloud.cloud.faults.inject({
      service: 'nova',
      times: 1,
      effect: { does: 'cut-connection' },
    });
    await expect(servers()).rejects.toThrow();
  });

  it('omits the link to the next page, the owners of the rows, or the filter', async () => {
    testCloud.cloud.faults.inject({
      service: 'nova',
      times: 1,
      effect: { does: 'drop-next', rows: 1 },
    });
    const half = await servers();
    expect(rows(half.json, 'servers')).toHaveLength(1);
    expect(half.json).not.toHaveProperty('servers_links');
    testCloud.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'drop-owner' } });
    expect(rows((await servers()).json, 'servers')[0]).not.toHaveProperty('tenant_id');
    testCloud.cloud.seed.controls();
    testCloud.cloud.faults.inject({ service: 'nova', times: 1, effect: { does: 'ignore-filter' } });
    expect(new Set(rows((await servers()).json, 'servers').map((row) => row.tenant_id)).size).toBe(
      3,
    );
  });

  it('breaks the connection before or after the effect', async () => {
    const [flavor] = testCloud.cloud.state.compute.flavors.where((row) => !row.is_public);
    const remove = () => testCloud.status('compute', 'DELETE', `/flavors/${flavor?.id}`);
    testCloud.cloud.faults.inject({
      service: 'nova',
      method: 'DELETE',
      times: 1,
      effect: { does: 'reset' },
    });
    await expect(remove()).rejects.toThrow();
    testCloud.cloud.faults.inject({
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
    await testCloud.cloud.refuse('nova');
    await expect(servers()).rejects.toThrow();
    expect(await testCloud.status('image', 'GET', '/v2/images')).toBe(200);
    await testCloud.cloud.accept('nova');
    expect((await servers()).status).toBe(200);
  });

  it('hides a service from the catalog', async () => {
    const catalog = async (): Promise<string> =>
      (
        await testCloud.ask('identity', 'GET', '/auth/tokens', {
          headers: {
            'X-Subject-Token': testCloud.cloud.state.tokens.issue({
              userId: testCloud.ask.user,
              projectId: testCloud.ask.own,
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
    testCloud.cloud.hide('swift');
    expect(await catalog()).not.toContain('object-store');
  });

  it('records every call with its status', async () => {
    testCloud.cloud.calls.length = 0;
    await servers();
    await testCloud.ask('compute', 'GET', '/servers/nope');
    expect(
      testCloud.cloud.calls.map(({ service, method, status }) => `${service} ${method} ${status}`),
    ).toEqual(['nova GET 200', 'nova GET 404']);
  });

  it('holds the same resources for control projects as for the customer, none of them twice', () => {
    const [control] = testCloud.cloud.seed.controls('small', ['production']);
    const resourceTypes = (project: string | undefined) =>
      Object.keys(testCloud.cloud.store.count(project)).filter(
        (resourceType) => resourceType !== 'keystone.project',
      );
    expect(resourceTypes(control?.projectId)).toEqual(resourceTypes(testCloud.project));
    const ids = testCloud.cloud.store
      .resources()
      .map(({ resourceType, id }) => `${resourceType} ${id}`);
    expect(new Set(ids).size).toBe(ids.length);
  });
});
