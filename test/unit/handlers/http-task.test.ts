import { createServer, type Server } from 'node:http';
import * as z from 'zod';
import { ServiceName } from '../../../events/ids.ts';
import type { Message } from '../../../events/index.ts';
import { createApi } from '../../../lib/api/api.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { runHttpTask } from '../../../lib/handlers/http-task.ts';
import { apiAccess, changeBy } from '../../api-tokens.ts';
import { listen, readBody } from '../../cloud/http.ts';
import { deleted, Simulation, TARGET } from '../../property/simulation.ts';

const STALL_TIMEOUT = 600_000;
const ReceivedRequest = z.object({
  type: z.literal('service.requested'),
  data: z.looseObject({ taskId: z.string(), phase: z.string(), project: z.string() }),
});
type ReceivedRequest = z.infer<typeof ReceivedRequest>;

/** A simulation with an HTTP plugin. */
class RemoteSimulation extends Simulation {
  readonly received: ReceivedRequest[] = [];
  /** The status and the body with which the plugin answers. */
  answer: (received: ReceivedRequest) => { status: number; json?: unknown } = () => ({
    status: 202,
  });
  #server: Server | undefined;
  #url = '';

  static async open(): Promise<RemoteSimulation> {
    const simulation = new RemoteSimulation({
      resources: [1, 0, 0],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    await simulation.#listen();
    return simulation;
  }

  async #listen(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const received = ReceivedRequest.parse(
        JSON.parse((await readBody(request)).toString('utf8')),
      );
      this.received.push(received);
      const { status, json } = this.answer(received);
      response.writeHead(status).end(json === undefined ? undefined : JSON.stringify(json));
    });
    this.#url = `http://127.0.0.1:${await listen(this.#server, 0)}/tasks`;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  override get deps() {
    return {
      ...super.deps,
      httpPlugins: [ServiceName.parse('cmdb')],
      stallTimeoutMillis: STALL_TIMEOUT,
    };
  }

  override async handle(message: Message, deps = this.deps): Promise<void> {
    if (message.type !== 'service.requested' || message.data.service !== 'cmdb')
      return super.handle(message, deps);
    return runHttpTask({ name: 'cmdb', url: this.#url }, [{ message, receiveCount: 1 }], {
      ...this.deps,
      ...deps,
    });
  }

  get task() {
    return [...this.engine.tasks.values()].find(({ service }) => service === 'cmdb');
  }

  /**
   * Delivers the messages that are due, one by one, and the messages that follow directly. Stops
   * before a message if `isEnough` is true.
   */
  async deliver(isEnough: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.engine.waiting.find(({ dueAt }) => dueAt <= this.engine.time);
      if (!next || isEnough()) return;
      await this.handle(next.message);
      this.engine.removeDelivered(next);
    }
  }

  async wait(seconds: number): Promise<void> {
    this.engine.time += seconds * 1000;
    await this.deliver();
  }

  async report(json: unknown, taskId: string = this.task?.id ?? ''): Promise<number> {
    const app = createApi({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
    const path = `/v1/tasks/${encodeURIComponent(taskId)}/report`;
    const answer = await app.request(`http://127.0.0.1${path}`, changeBy('cmdb', json));
    return answer.status;
  }
}

let simulation: RemoteSimulation;
beforeEach(async () => {
  simulation = await RemoteSimulation.open();
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
});
afterEach(() => simulation.close());

const countsOf = (left: number) => ({ 'cmdb.asset': { listed: 1, gone: 1 - left, left } });
const finished = (phase: string, left = 0) => ({
  type: 'service.finished',
  phase,
  data: { result: 'finished', counts: countsOf(left) },
});
const waitsOn = async () => {
  const app = createApi({ ...simulation.deps, ...apiAccess, health: () => ({ ok: true }) });
  const answer = await app.request(
    `http://127.0.0.1/v1/operations/${simulation.task?.operationId}`,
  );
  return OperationShape.parse(await answer.json()).waitsOn.filter(({ on }) =>
    on.startsWith('cmdb'),
  );
};
/** Phase plan has ended, Keystone has confirmed the deletion, and phase apply is requested. */
const untilApply = async (): Promise<void> => {
  await simulation.deliver();
  expect(await simulation.report(finished('plan', 1))).toBe(202);
  await simulation.wait(2);
  expect(simulation.task).toMatchObject({ state: 'requested', phase: 'apply' });
};

describe('an HTTP plugin', () => {
  it.each(['plan', 'apply'])(
    'may report before the coordinator has handled its answer 202: %s',
    async (phase) => {
      if (phase === 'apply') {
        await simulation.deliver();
        await simulation.report(finished('plan', 1));
        await simulation.deliver();
        simulation.engine.time += 2000;
      }
      const received = simulation.received.length;
      await simulation.deliver(() => simulation.received.length > received);
      expect(simulation.task?.phase).toBe(phase);
      expect(await simulation.report(finished(phase, phase === 'plan' ? 1 : 0))).toBe(202);
      await simulation.deliver();
      expect(simulation.task).toMatchObject(
        phase === 'plan'
          ? { state: 'pending', counts: { 'cmdb.asset': { found: 1, left: 1 } } }
          : { state: 'finished', counts: { 'cmdb.asset': { found: 1, removed: 1, left: 0 } } },
      );
    },
  );

  it('is finished if its answer is a report of the end', async () => {
    simulation.answer = ({ data: { phase } }) => ({
      status: 200,
      json: finished(phase, phase === 'plan' ? 1 : 0),
    });
    await simulation.settle();
    expect(simulation.received.map(({ data }) => [data.phase, data.project])).toEqual([
      ['plan', TARGET],
      ['apply', TARGET],
    ]);
    expect(simulation.task).toMatchObject({
      state: 'finished',
      counts: { 'cmdb.asset': { found: 1, removed: 1, left: 0 } },
    });
    expect([...simulation.engine.operations.values()]).toMatchObject([{ state: 'finished' }]);
  });

  it('is named and called again if it does not report, and needs an operator after the stall timeout', async () => {
    await simulation.deliver();
    expect(await waitsOn()).toMatchObject([
      { on: 'cmdb: cmdb was called and has not reported yet', actor: 'none' },
    ]);
    await simulation.wait(59);
    expect(simulation.received.length).toBe(1);
    // The second call is due after 60 s. It is delayed by a quarter of this time without progress.
    await simulation.wait(1);
    await simulation.wait(15);
    expect(simulation.received.length).toBe(2);
    for (let waited = 0; waited < STALL_TIMEOUT + 150_000; waited += 10_000)
      await simulation.wait(10);
    expect(await waitsOn()).toMatchObject([
      { actor: 'operator', advice: expect.stringContaining('/v1/tasks/op-') },
    ]);
    expect(await simulation.report(finished('plan'))).toBe(202);
    await simulation.deliver();
    expect(simulation.task).toMatchObject({ state: 'requested', phase: 'apply' });
    expect(await waitsOn()).toMatchObject([{ actor: 'none' }]);
  });

  it.each([
    ['500', { status: 500 }, 'answered 500'],
    ['a body that is no report', { status: 200, json: { ok: true } }, 'cmdb: '],
    [
      'the end of phase plan in phase apply',
      { status: 200, json: finished('plan') },
      'the report is about phase plan',
    ],
    [
      'an end with resources left',
      { status: 200, json: finished('apply', 1) },
      'its own counts show resources that are left (1)',
    ],
  ])('is not finished by %s', async (_title, answer, reason) => {
    simulation.answer = ({ data: { phase } }) =>
      phase === 'plan' ? { status: 200, json: finished(phase, 1) } : answer;
    await simulation.deliver();
    await simulation.wait(2);
    expect(simulation.task).toMatchObject({
      state: 'requested',
      phase: 'apply',
      counts: { 'cmdb.asset': { left: 1 } },
    });
    expect(await waitsOn()).toMatchObject([{ on: expect.stringContaining(reason) }]);
    simulation.answer = ({ data: { phase } }) => ({ status: 200, json: finished(phase) });
    await simulation.settle();
    expect(simulation.task).toMatchObject({ state: 'finished' });
  });

  it('may not send a contradictory or unexpected report, or a report for another service', async () => {
    await untilApply();
    const before = simulation.task;
    expect(await simulation.report(finished('apply', 1))).toBe(409);
    expect(await simulation.report(finished('plan'))).toBe(409);
    expect(await simulation.report({ type: 'service.progressed', phase: 'apply', data: {} })).toBe(
      400,
    );
    expect(await simulation.report(finished('apply'), `${before?.operationId}/middle/one`)).toBe(
      403,
    );
    expect(await simulation.report(finished('apply'), `${before?.operationId}/cmdb/two`)).toBe(404);
    await simulation.deliver();
    expect(simulation.task).toEqual(before);
    expect(await simulation.report(finished('apply'))).toBe(202);
    await simulation.deliver();
    expect(simulation.task).toMatchObject({ state: 'finished' });
    expect(await simulation.report(finished('apply'))).toBe(409);
  });

  it('reports the remaining resources and the time of the next call', async () => {
    await untilApply();
    const asset = {
      class: 'Blocked',
      message: '1 asset is under audit',
      actor: 'operator',
      count: 1,
    };
    const data = { counts: countsOf(1), conditions: [asset], again: { afterSeconds: 30 } };
    expect(await simulation.report({ type: 'service.progressed', phase: 'apply', data })).toBe(202);
    await simulation.deliver();
    expect(await waitsOn()).toMatchObject([
      { on: 'cmdb: 1 asset is under audit', actor: 'operator' },
    ]);
    const received = simulation.received.length;
    await simulation.wait(29);
    expect(simulation.received.length).toBe(received);
    await simulation.wait(1);
    expect(simulation.received.length).toBe(received + 1);
  });
});
