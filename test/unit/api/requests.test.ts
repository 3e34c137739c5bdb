import { EVERY_CLASS, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => {
  world.expectOthersUntouched();
  expect(world.cloud.of(TARGET)).toHaveLength(12);
});
const post = (path: string, body: unknown) => world.call('POST', path, body);

describe('POST /v1/operations', () => {
  it.each([
    ['no JSON', 'cleanup please'],
    ['nothing', ''],
    ['no project', { action: 'cleanup', name: 'shop' }],
    ['another action', { action: 'delete', project: TARGET, name: 'shop' }],
    ['an empty id', { action: 'cleanup', project: '', name: 'shop' }],
    ['an id that is too long', { action: 'cleanup', project: 'x'.repeat(65), name: 'shop' }],
    ['an id with a NUL', { action: 'cleanup', project: 'a\0', name: 'shop' }],
    ['an empty name', { action: 'cleanup', project: TARGET, name: '' }],
    ['an empty reason', { action: 'cleanup', project: TARGET, name: 'shop', reason: '' }],
    [
      'an endless reason',
      { action: 'cleanup', project: TARGET, name: 'shop', reason: 'x'.repeat(1001) },
    ],
  ])('with %s is answered 400 with a reason', async (_, body) => {
    const answer = await post('/v1/operations', body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'api.input', message: expect.any(String) } },
    });
    expect(world.engine.operations.size).toBe(0);
    expect(world.engine.waiting).toEqual([]);
  });

  it('opens no operation while Keystone does not answer', async () => {
    world.cloud.keystoneAway = true;
    expect(await world.ask()).toMatchObject({
      status: 503,
      body: { error: { code: 'keystone.http.503', advice: 'Wait.' } },
    });
    expect(world.engine.operations.size).toBe(0);
  });

  it('opens no operation while the project of the cleaner is unknown', async () => {
    const protection = () => Promise.reject(new Error('password hunter2 refused'));
    Object.defineProperty(world, 'deps', { value: { ...world.deps, protection } });
    const answer = await world.ask();
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
    expect(world.engine.operations.size).toBe(0);
  });

  it('returns the id of the opened operation, which has the name and the reason of the request', async () => {
    const { body } = await world.ask({ name: 'shop', by: 'carol', reason: 'ticket 4711' });
    const view = await world.call('GET', `/v1/operations/${body.opened}`);
    expect(view.body).toMatchObject({
      operation: {
        state: 'confirming',
        scope: { type: 'project', id: TARGET, name: 'shop' },
        request: { by: 'carol', reason: 'ticket 4711', enabled: true },
        cause: { eventType: 'requested', note: 'carol: ticket 4711' },
      },
      waitsOn: [{ on: "Keystone's answer" }],
    });
  });

  it('shows the counting services after the answer of Keystone, and no wait for a second answer', async () => {
    await world.ask();
    await world.until(() => world.engine.tasks.size > 0);
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({
      waitsOn: [{ on: expect.stringMatching(/^the count of compute, network, vault, booking$/) }],
    });
  });
});

describe('POST /v1/operations/:id/release', () => {
  it.each([
    ['without a reason', {}, 400],
    ['with an empty one', { reason: '' }, 400],
    ['of what is not held', { reason: 'x' }, 409],
  ])('%s is refused', async (_, body, status) => {
    await world.ask();
    const { id, version } = world.operation;
    expect(await post(`/v1/operations/${id}/release`, body)).toMatchObject({
      status,
      body: { error: { message: expect.any(String) } },
    });
    expect(world.operation.version).toBe(version);
  });

  it('that is sent twice has an effect once', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 1 };
    await world.ask();
    await world.settle();
    expect(world.state).toBe('held');
    await Promise.all([world.release(), world.release()]);
    expect(await world.until(() => world.state === 'pre-delete')).toBe(true);
    expect(
      await world.until(
        () => !world.engine.waiting.some(({ message }) => message.type === 'operation.released'),
      ),
    ).toBe(true);
    expect(world.operation).toMatchObject({
      state: 'pre-delete',
      keystoneAction: { what: 'assign-role', number: 1 },
    });
  });
});
