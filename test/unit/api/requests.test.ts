import { DomainId, ProjectId, UserId } from '../../../events/ids.ts';
import type { Action, Scope } from '../../../lib/operation/model.ts';
import { EVERY_CLASS, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(EVERY_CLASS);
});
afterEach(() => {
  simulation.expectOthersUntouched();
  expect(simulation.cloud.of(TARGET)).toHaveLength(12);
});
const post = (path: string, body: unknown) => simulation.call('POST', path, body);
const PROJECT: Scope = { type: 'project', id: ProjectId.parse(TARGET) };
const DOMAIN: Scope = { type: 'domain', id: DomainId.parse('customers') };
const USER: Scope = { type: 'user', id: UserId.parse('ann'), projects: [] };
const startAdvice = (what: string, change: string): string =>
  `No command starts a ${what}. The propagator starts it when Keystone shows that the ${change}.`;

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
  ])('is answered 400 with a reason for %s', async (_, body) => {
    const answer = await post('/v1/operations', body);
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { code: 'api.input', message: expect.any(String) } },
    });
    expect(simulation.engine.operations.size).toBe(0);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('opens no operation while Keystone does not answer', async () => {
    simulation.cloud.keystoneAway = true;
    expect(await simulation.ask()).toMatchObject({
      status: 503,
      body: { error: { code: 'keystone.http.503', advice: 'Wait.' } },
    });
    expect(simulation.engine.operations.size).toBe(0);
  });

  it('opens no operation while the project of the cleaner is unknown', async () => {
    const protection = () => Promise.reject(new Error('password hunter2 refused'));
    Object.defineProperty(simulation, 'deps', { value: { ...simulation.deps, protection } });
    const answer = await simulation.ask();
    expect(answer.status).toBe(500);
    expect(JSON.stringify(answer.body)).not.toContain('hunter2');
    expect(simulation.engine.operations.size).toBe(0);
  });

  it('returns the id of the opened operation, which has the name and the reason of the request', async () => {
    const { body } = await simulation.ask({ name: 'shop', by: 'carol', reason: 'ticket 4711' });
    const view = await simulation.call('GET', `/v1/operations/${body.opened}`);
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
    await simulation.ask();
    await simulation.until(() => simulation.engine.tasks.size > 0);
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
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
    await simulation.ask();
    const { id, version } = simulation.operation;
    expect(await post(`/v1/operations/${id}/release`, body)).toMatchObject({
      status,
      body: { error: { message: expect.any(String) } },
    });
    expect(simulation.operation.version).toBe(version);
  });

  it('has one effect if the request is sent twice', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 1 };
    await simulation.ask();
    await simulation.settle();
    expect(simulation.state).toBe('held');
    await Promise.all([simulation.release(), simulation.release()]);
    expect(await simulation.until(() => simulation.state === 'pre-delete')).toBe(true);
    expect(
      await simulation.until(
        () =>
          !simulation.engine.waiting.some(({ message }) => message.type === 'operation.released'),
      ),
    ).toBe(true);
    expect(simulation.operation).toMatchObject({
      state: 'pre-delete',
      keystoneAction: { what: 'assign-role', number: 1 },
    });
  });
});

describe('POST /v1/operations/:id/release', () => {
  it.each<[Action, Scope, string]>([
    ['suspend', PROJECT, `Type: propagator project suspend ${TARGET} --reason "…"`],
    ['resume', USER, startAdvice('resume of a user', 'user is enabled')],
  ])(
    'refuses an observed %s of %j, and names the way to start one',
    async (action, scope, advice) => {
      await simulation.ask();
      const { id } = simulation.operation;
      const state = 'observed' as const;
      const observed = { ...simulation.operation, action, scope, state, request: undefined };
      simulation.engine.operations.set(id, observed);
      expect(await post(`/v1/operations/${id}/release`, { reason: 'go on' })).toMatchObject({
        status: 409,
        body: {
          error: {
            message: `the ${action} was only observed, and a release carries out only a cleanup`,
            advice,
          },
        },
      });
      expect(simulation.engine.operations.get(id)).toEqual(observed);
    },
  );
});

describe('POST /v1/operations/:id/rerun', () => {
  it('opens nothing without a plan when the settings require two approvers', async () => {
    await simulation.ask();
    const { id } = simulation.operation;
    await post(`/v1/operations/${id}/cancel`, { reason: 'by mistake' });
    expect(await simulation.until(() => simulation.state === 'canceled')).toBe(true);
    simulation.approvalRules = {
      twoApprovers: { domain: true, resources: 0, tags: [] },
      drift: { resources: 0, percent: 0 },
    };
    const answer = await post(`/v1/operations/${id}/rerun`, { reason: 'go on', name: 'shop' });
    expect(answer).toMatchObject({
      status: 409,
      body: {
        error: {
          code: 'api.refused',
          message: expect.stringContaining('PROPAGATOR_TWO_APPROVERS'),
          advice: `Type: propagator project plan ${TARGET}`,
        },
      },
    });
    await simulation.settle();
    expect(simulation.operation.id).toBe(id);
    expect(simulation.cloud.projects.get(TARGET)?.enabled).toBe(true);
  });

  it.each<[Action, Scope, string]>([
    ['suspend', PROJECT, `Type: propagator project suspend ${TARGET} --reason "…"`],
    ['resume', PROJECT, `Type: propagator project resume ${TARGET} --reason "…"`],
    ['provision', PROJECT, `Type: propagator project provision ${TARGET} --reason "…"`],
    ['suspend', DOMAIN, startAdvice('suspend of a domain', 'domain is disabled')],
    ['resume', DOMAIN, startAdvice('resume of a domain', 'domain is enabled')],
    ['suspend', USER, startAdvice('suspend of a user', 'user is disabled')],
    ['resume', USER, startAdvice('resume of a user', 'user is enabled')],
    ['provision', USER, startAdvice('provision of a user', 'user is created')],
  ])('refuses a %s of %j, and names the way to start one', async (action, scope, advice) => {
    await simulation.ask();
    const { id } = simulation.operation;
    simulation.engine.operations.set(id, { ...simulation.operation, action, scope });
    expect(await post(`/v1/operations/${id}/rerun`, { reason: 'go on' })).toMatchObject({
      status: 409,
      body: {
        error: {
          message: `${id} is a ${action}, and only a cleanup can be run again`,
          advice,
        },
      },
    });
    expect([...simulation.engine.operations.keys()]).toEqual([id]);
  });
});
