import { createServer, type Server } from 'node:http';
import * as z from 'zod';
import { ServiceName } from '../../../events/ids.ts';
import { runHttpTask } from '../../../lib/handlers/http-task.ts';
import type { PluginAction } from '../../../lib/shared/setting-values.ts';
import { listen, readBody } from '../../cloud/http.ts';
import { ProvisionSimulation, TARGET } from '../../property/provision-simulation.ts';

const ReceivedRequest = z.object({
  type: z.literal('service.requested'),
  data: z.looseObject({
    phase: z.string(),
    project: z.string(),
    action: z.string().optional(),
    profile: z.string().optional(),
  }),
});
const CMDB = ServiceName.parse('cmdb');

/** A simulation with an HTTP plugin that reports the end of each run in its answer. */
class PluginSimulation extends ProvisionSimulation {
  readonly received: z.infer<typeof ReceivedRequest>['data'][] = [];
  actions: readonly PluginAction[] = ['suspend', 'resume', 'provision'];
  /** The number of assets that the plugin reports as left in phase `apply`. */
  left = 0;
  #server: Server | undefined;
  #url = '';

  async open(): Promise<this> {
    this.#server = createServer(async (request, response) => {
      const { data } = ReceivedRequest.parse(
        JSON.parse((await readBody(request)).toString('utf8')),
      );
      this.received.push(data);
      const left = data.phase === 'plan' ? 1 : this.left;
      const counts = { 'cmdb.asset': { listed: 1, gone: 1 - left, left } };
      const { phase } = data;
      const report = { type: 'service.finished', phase, data: { result: 'finished', counts } };
      response.writeHead(200).end(JSON.stringify(report));
    });
    this.#url = `http://127.0.0.1:${await listen(this.#server, 0)}/tasks`;
    return this;
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.#server?.close(resolve));
  }

  override get deps() {
    const deps = super.deps;
    return { ...deps, httpPlugins: [CMDB], pluginActions: { cmdb: this.actions } };
  }

  override async deliver(choice: number): Promise<boolean> {
    const due = this.engine.dueMessages();
    const waiting = due[choice % Math.max(1, due.length)];
    const { message } = waiting ?? {};
    if (!waiting || message?.type !== 'service.requested' || message.data.service !== CMDB)
      return super.deliver(choice);
    const plugin = { name: 'cmdb', url: this.#url, actions: this.actions };
    const deps = { ...this.deps, stallTimeoutMillis: 600_000 };
    await runHttpTask(plugin, [{ message, receiveCount: 1 }], deps);
    this.engine.removeDelivered(waiting);
    return true;
  }

  get calls() {
    return this.received.map(({ action, phase }) => `${action ?? 'cleanup'} ${phase}`);
  }

  get task() {
    return [...this.engine.tasks.values()].find(({ service }) => service === CMDB);
  }
}

let simulation: PluginSimulation;
beforeEach(async () => {
  simulation = await new PluginSimulation({ networks: ['default'] }).open();
});
afterEach(() => simulation.close());

describe('an HTTP plugin that declares its actions', () => {
  it('takes part in provision, suspend, resume and cleanup', async () => {
    await simulation.announce('project', 'created');
    await simulation.settle();
    expect(simulation.calls).toEqual(['provision plan', 'provision apply']);
    expect(simulation.received[0]).toMatchObject({ project: TARGET, profile: 'p' });
    simulation.received.length = 0;
    await simulation.set('project', false);
    await simulation.settle();
    expect(simulation.calls).toEqual(['suspend plan', 'suspend apply']);
    simulation.received.length = 0;
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.calls).toEqual(['resume plan', 'resume apply']);
    simulation.received.length = 0;
    await simulation.delete();
    await simulation.settle();
    expect(simulation.calls).toEqual(['cleanup plan', 'cleanup apply']);
    expect(simulation.received.every((data) => !('action' in data))).toBe(true);
    expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual(
      Array(4).fill('finished'),
    );
  });

  it('is called only for cleanups if it declares no action, without the fields of other actions', async () => {
    simulation.actions = [];
    await simulation.announce('project', 'created');
    await simulation.settle();
    await simulation.set('project', false);
    await simulation.settle();
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.received).toEqual([]);
    await simulation.delete();
    await simulation.settle();
    expect(simulation.calls).toEqual(['cleanup plan', 'cleanup apply']);
    expect(simulation.received.some((data) => 'action' in data || 'profile' in data)).toBe(false);
  });

  it('is not called if the declaration was removed after the operation was planned', async () => {
    await simulation.set('project', false);
    for (let n = 0; n < 100 && simulation.received.length === 0; n += 1)
      await simulation.deliver(0);
    simulation.actions = [];
    await simulation.settle();
    expect(simulation.calls).toEqual(['suspend plan']);
    expect(simulation.task).toMatchObject({
      state: 'skipped',
      because: 'PROPAGATOR_REMOTE_SERVICES does not declare that cmdb supports suspend',
    });
  });

  it('is not called for a suspension after Keystone shows the project enabled', async () => {
    await simulation.set('project', false);
    for (let n = 0; n < 100 && simulation.received.length === 0; n += 1)
      await simulation.deliver(0);
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.calls).not.toContain('suspend apply');
  });

  it('cannot end a suspension while its own counts show remaining assets', async () => {
    simulation.left = 1;
    await simulation.set('project', false);
    for (let n = 0; n < 60; n += 1) await simulation.deliver(0);
    expect(simulation.operations('suspend').map(({ state }) => state)).not.toContain('finished');
    simulation.left = 0;
    // After several contradictory reports the task waits for an operator.
    expect(simulation.task?.state).not.toBe('finished');
  });
});
