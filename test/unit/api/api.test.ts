import * as z from 'zod';
import { createApi } from '../../../lib/api/api.ts';
import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { apiAccess, changeBy } from '../../api-tokens.ts';
import { deleted, Simulation, TARGET } from '../../property/simulation.ts';

function createTestApi(
  engine = new SteppedEngine(),
  isHealthy = true,
  mode: 'observe' | 'enforce' = 'enforce',
) {
  const app = createApi({
    ...new Simulation({ resources: [0, 0, 0], lingers: 0, failures: 0, failWith: 'Transient' })
      .deps,
    ...apiAccess,
    engine,
    mode,
    health: () => ({ ok: isHealthy, relay: isHealthy ? 'connected' : 'away' }),
    now: () => engine.time,
  });
  const call = async (path: string, init?: RequestInit) => {
    const answer = await app.request(`http://127.0.0.1:8787${path}`, init);
    return {
      status: answer.status,
      body: z.record(z.string(), z.unknown()).parse(await answer.json()),
    };
  };
  const post = (path: string, body: string) => call(path, changeBy('ann', body));
  return { engine, app, call, post };
}

async function simulateFinishedCleanup(): Promise<Simulation> {
  const simulation = new Simulation({
    resources: [2, 1, 1],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
  await simulation.settle();
  return simulation;
}

describe('the HTTP API', () => {
  it('is healthy only when the database answers and every part is healthy', async () => {
    expect((await createTestApi().call('/healthz')).status).toBe(200);
    expect(await createTestApi(new SteppedEngine(), false).call('/healthz')).toMatchObject({
      status: 503,
      body: { ok: false, relay: 'away' },
    });
    const brokenEngine = new SteppedEngine();
    brokenEngine.health = () => Promise.reject(new Error('gone'));
    expect(await createTestApi(brokenEngine).call('/healthz')).toMatchObject({
      status: 503,
      body: { ok: false, database: 'does not answer' },
    });
  });

  it('accepts requests on loopback only, by the name of the Host header', async () => {
    const { app } = createTestApi();
    expect((await app.request('http://attacker.example/v1/operations')).status).toBe(403);
    expect((await app.request('http://localhost:8787/v1/operations')).status).toBe(200);
    expect((await app.request('http://[::1]:8787/v1/operations')).status).toBe(200);
  });

  it('shows an operation with its counts of found, removed and left resources', async () => {
    const { engine } = await simulateFinishedCleanup();
    const { call } = createTestApi(engine);
    const [operation] = [...engine.operations.values()];
    const { status, body } = await call(`/v1/operations/${operation?.id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      operation: { state: 'finished' },
      resources: { found: 4, removed: 4, left: 0 },
      waitsOn: [],
      tasks: [{ service: 'first' }, { service: 'middle' }, { service: 'last' }],
    });
    expect(await call('/v1/operations?state=finished')).toMatchObject({
      body: { operations: [{ operation: { id: operation?.id } }] },
    });
    expect(await call('/v1/operations?state=running')).toMatchObject({ body: { operations: [] } });
  });

  it.each([
    ['GET', '/v1/operations?state=nonsense', undefined, 400],
    ['GET', '/v1/operations/..%2f..', undefined, 400],
    ['GET', '/v1/operations/op-000000000000', undefined, 404],
    ['GET', '/v1/nothing', undefined, 404],
    ['POST', '/v1/dead-letters/redrive', '{}', 400],
    ['POST', '/v1/dead-letters/redrive', 'no json', 400],
    ['POST', '/v1/operations/op-000000000000/release', '{"reason":"x"}', 404],
    ['POST', '/v1/operations/op-000000000000/cancel', '{"reason":"x"}', 404],
    ['POST', '/v1/operations/op-000000000000/rerun', '{"reason":"x"}', 404],
    ['POST', '/v1/operations/op-000000000000/approve', `{"digest":"${'0'.repeat(64)}"}`, 404],
    ['POST', '/v1/operations/op-000000000000/release', '{}', 400],
    ['POST', '/v1/notifications', '', 400],
  ])('%s %s with %s is answered %i with a reason', async (method, path, body, status) => {
    const init = method === 'GET' ? {} : changeBy('ann', body);
    const answer = await createTestApi().call(path, init);
    expect(answer).toMatchObject({
      status,
      body: { error: { code: expect.any(String), message: expect.any(String) } },
    });
  });

  it('carries out an observed operation after its release in mode enforce', async () => {
    const simulation = new Simulation({
      resources: [1, 1, 1],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
      mode: 'observe',
    });
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle();
    const path = `/v1/operations/${[...simulation.engine.operations.keys()][0]}/release`;
    expect(
      await createTestApi(simulation.engine, true, 'observe').post(path, '{"reason":"checked"}'),
    ).toMatchObject({ status: 409 });
    expect(simulation.resources(TARGET)).toBe(3);
    expect(await createTestApi(simulation.engine).post(path, '{"reason":"checked"}')).toMatchObject(
      {
        status: 202,
      },
    );
    await simulation.settle({ ...simulation.deps, mode: 'enforce' });
    expect(
      [...simulation.engine.operations.values()].map(({ state, cause }) => [state, cause.note]),
    ).toEqual([
      ['observed', undefined],
      ['finished', 'released by ann: checked'],
    ]);
    expect(simulation.resources(TARGET)).toBe(0);
  });
});
