import { createServer, type Server } from 'node:http';
import * as z from 'zod';
import { ServiceName } from '../../../events/ids.ts';
import type { Message } from '../../../events/index.ts';
import { api } from '../../../lib/api/api.ts';
import { OperationShape } from '../../../lib/cli/shapes.ts';
import { runHttpTask } from '../../../lib/handlers/http-task.ts';
import { apiAccess, changeBy } from '../../api-tokens.ts';
import { listen, readBody } from '../../cloud/http.ts';
import { deleted, SmallWorld, TARGET } from '../../property/small-world.ts';

const PATIENCE = 600_000;
const Asked = z.object({
  type: z.literal('service.requested'),
  data: z.looseObject({ taskId: z.string(), phase: z.string(), project: z.string() }),
});
type Asked = z.infer<typeof Asked>;

/** A small world with a service of the operator's own, which is asked over HTTP. */
class RemoteWorld extends SmallWorld {
  readonly asked: Asked[] = [];
  /** What it answers, and with which status. */
  answer: (asked: Asked) => { status: number; json?: unknown } = () => ({ status: 202 });
  #server: Server | undefined;
  #url = '';

  static async open(): Promise<RemoteWorld> {
    const world = new RemoteWorld({
      resources: [1, 0, 0],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    await world.#listen();
    return world;
  }

  async #listen(): Promise<void> {
    this.#server = createServer(async (request, response) => {
      const asked = Asked.parse(JSON.parse((await readBody(request)).toString('utf8')));
      this.asked.push(asked);
      const { status, json } = this.answer(asked);
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
      stallTimeoutMillis: PATIENCE,
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
   * What is due now is delivered, and what comes of it at once, one by one; nothing that waits.
   * Stops before a message when told to.
   */
  async turn(enough: () => boolean = () => false): Promise<void> {
    for (;;) {
      const next = this.engine.waiting.find(({ dueAt }) => dueAt <= this.engine.time);
      if (!next || enough()) return;
      await this.handle(next.message);
      this.engine.take(next);
    }
  }

  async wait(seconds: number): Promise<void> {
    this.engine.time += seconds * 1000;
    await this.turn();
  }

  async report(json: unknown, taskId: string = this.task?.id ?? ''): Promise<number> {
    const app = api({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
    const path = `/v1/tasks/${encodeURIComponent(taskId)}/report`;
    const answer = await app.request(`http://127.0.0.1${path}`, changeBy('cmdb', json));
    return answer.status;
  }
}

let world: RemoteWorld;
beforeEach(async () => {
  world = await RemoteWorld.open();
  await world.engine.commit({ messages: [deleted(TARGET)] });
});
afterEach(() => world.close());

const one = (left: number) => ({ 'cmdb.asset': { listed: 1, gone: 1 - left, left } });
const finished = (phase: string, left = 0) => ({
  type: 'service.finished',
  phase,
  data: { result: 'finished', counts: one(left) },
});
const waitsOn = async () => {
  const app = api({ ...world.deps, ...apiAccess, health: () => ({ ok: true }) });
  const answer = await app.request(`http://127.0.0.1/v1/operations/${world.task?.operationId}`);
  return OperationShape.parse(await answer.json()).waitsOn.filter(({ on }) =>
    on.startsWith('cmdb'),
  );
};
/** Counted, and asked to remove: Keystone is asked a second time meanwhile. */
const untilClean = async (): Promise<void> => {
  await world.turn();
  expect(await world.report(finished('plan', 1))).toBe(202);
  await world.wait(2);
  expect(world.task).toMatchObject({ state: 'requested', phase: 'apply' });
};

describe('a service of the operator that is asked over HTTP', () => {
  it.each(['plan', 'apply'])(
    'may report before anybody has read that it will: %s',
    async (phase) => {
      if (phase === 'apply') {
        await world.turn();
        await world.report(finished('plan', 1));
        await world.turn();
        world.engine.time += 2000;
      }
      const asked = world.asked.length;
      await world.turn(() => world.asked.length > asked);
      expect(world.task?.phase).toBe(phase);
      expect(await world.report(finished(phase, phase === 'plan' ? 1 : 0))).toBe(202);
      await world.turn();
      expect(world.task).toMatchObject(
        phase === 'plan'
          ? { state: 'pending', counts: { 'cmdb.asset': { found: 1, left: 1 } } }
          : { state: 'finished', counts: { 'cmdb.asset': { found: 1, removed: 1, left: 0 } } },
      );
    },
  );

  it('is finished when it says so in its answer', async () => {
    world.answer = ({ data: { phase } }) => ({
      status: 200,
      json: finished(phase, phase === 'plan' ? 1 : 0),
    });
    await world.settle();
    expect(world.asked.map(({ data }) => [data.phase, data.project])).toEqual([
      ['plan', TARGET],
      ['apply', TARGET],
    ]);
    expect(world.task).toMatchObject({
      state: 'finished',
      counts: { 'cmdb.asset': { found: 1, removed: 1, left: 0 } },
    });
    expect([...world.engine.operations.values()]).toMatchObject([{ state: 'finished' }]);
  });

  it('is waited for, by name, asked again, and after the patience the operator must look', async () => {
    await world.turn();
    expect(await waitsOn()).toMatchObject([
      { on: 'cmdb: cmdb was asked and has not reported yet', actor: 'none' },
    ]);
    await world.wait(59);
    expect(world.asked.length).toBe(1);
    // The minute is over; the next question waits a quarter of the time that nothing moved.
    await world.wait(1);
    await world.wait(15);
    expect(world.asked.length).toBe(2);
    for (let waited = 0; waited < PATIENCE + 150_000; waited += 10_000) await world.wait(10);
    expect(await waitsOn()).toMatchObject([
      { actor: 'operator', advice: expect.stringContaining('/v1/tasks/op-') },
    ]);
    expect(await world.report(finished('plan'))).toBe(202);
    await world.turn();
    expect(world.task).toMatchObject({ state: 'requested', phase: 'apply' });
    expect(await waitsOn()).toMatchObject([{ actor: 'none' }]);
  });

  it.each([
    ['500', { status: 500 }, 'answered 500'],
    ['something else than a report', { status: 200, json: { ok: true } }, 'cmdb: '],
    [
      'the end of a survey to the order to remove',
      { status: 200, json: finished('plan') },
      'the report is about phase plan',
    ],
    [
      'an end with resources left',
      { status: 200, json: finished('apply', 1) },
      '1 resources are left by its own count',
    ],
  ])('is not finished by %s', async (_title, answer, reason) => {
    world.answer = ({ data: { phase } }) =>
      phase === 'plan' ? { status: 200, json: finished(phase, 1) } : answer;
    await world.turn();
    await world.wait(2);
    expect(world.task).toMatchObject({
      state: 'requested',
      phase: 'apply',
      counts: { 'cmdb.asset': { left: 1 } },
    });
    expect(await waitsOn()).toMatchObject([{ on: expect.stringContaining(reason) }]);
    world.answer = ({ data: { phase } }) => ({ status: 200, json: finished(phase) });
    await world.settle();
    expect(world.task).toMatchObject({ state: 'finished' });
  });

  it('may not report what contradicts the question, nor what was not asked, nor for another service', async () => {
    await untilClean();
    const before = world.task;
    expect(await world.report(finished('apply', 1))).toBe(409);
    expect(await world.report(finished('plan'))).toBe(409);
    expect(await world.report({ type: 'service.progressed', phase: 'apply', data: {} })).toBe(400);
    expect(await world.report(finished('apply'), `${before?.operationId}/middle/one`)).toBe(403);
    expect(await world.report(finished('apply'), `${before?.operationId}/cmdb/two`)).toBe(404);
    await world.turn();
    expect(world.task).toEqual(before);
    expect(await world.report(finished('apply'))).toBe(202);
    await world.turn();
    expect(world.task).toMatchObject({ state: 'finished' });
    expect(await world.report(finished('apply'))).toBe(409);
  });

  it('says what is left and when it wants to be asked again', async () => {
    await untilClean();
    const asset = {
      class: 'Blocked',
      message: '1 asset is under audit',
      actor: 'operator',
      count: 1,
    };
    const data = { counts: one(1), conditions: [asset], again: { afterSeconds: 30 } };
    expect(await world.report({ type: 'service.progressed', phase: 'apply', data })).toBe(202);
    await world.turn();
    expect(await waitsOn()).toMatchObject([
      { on: 'cmdb: 1 asset is under audit', actor: 'operator' },
    ]);
    const asked = world.asked.length;
    await world.wait(29);
    expect(world.asked.length).toBe(asked);
    await world.wait(1);
    expect(world.asked.length).toBe(asked + 1);
  });
});
