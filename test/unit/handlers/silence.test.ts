import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import type { Message } from '../../../events/index.ts';
import { runTask } from '../../../lib/handlers/task.ts';
import type { TaskDeps } from '../../../lib/handlers/task-deps.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { operation, requested, task } from '../../engine/samples.ts';
import { type ScriptedCloud, sendJson, startScriptedCloud } from '../openstack/scripted-cloud.ts';

const SILENCE = 300;
const port = z.object({ id: z.string(), project_id: z.string() });

/** Two types of one service: ports in pages, and routers in one answer. */
const service = defineService({
  name: 'neutron',
  catalogTypes: ['network'],
  resourceTypes: ['ports', 'routers'].map((collection) =>
    defineType({
      name: collection.slice(0, -1),
      list: async ({ api }) =>
        (await api.list(`/v2.0/${collection}`, { collection, row: port, paging: 'marker' })).rows,
      id: ({ id }) => id,
      owner: ({ project_id }) => project_id,
      remove: async () => ({ kind: 'gone' }),
    }),
  ),
});

let cloud: ScriptedCloud;
let begun: number;
let closed: number;
beforeEach(async () => {
  cloud = await startScriptedCloud();
  begun = 0;
  closed = 0;
});
afterEach(() => cloud.close());

async function runCount(): Promise<{ reports: Message[]; millis: number }> {
  const reports: Message[] = [];
  const message = requested('neutron');
  const { data } = message;
  const engine = {
    reads: {
      operation: async () => operation({}),
      task: async () => task(data.operationId, 'neutron', { run: data.run }),
    },
    commit: async ({ messages }: { messages: Message[] }) => {
      reports.push(...messages);
      return 'committed';
    },
  };
  const deps = {
    engine,
    cloud: cloud.connect(),
    services: [service],
    concurrency: {},
    mode: 'enforce',
    budgetMillis: 60_000,
    progressMillis: 60_000,
    maxSilenceMillis: SILENCE,
    now: Date.now,
  } as unknown as TaskDeps;
  const startedAt = Date.now();
  const plan = { ...message, data: { ...data, phase: 'plan' as const } };
  await runTask(service, [{ message: plan, receiveCount: 1 }], deps);
  return { reports, millis: Date.now() - startedAt };
}

const countClosed = (response: ServerResponse): void => {
  begun += 1;
  response.on('close', () => {
    closed += 1;
  });
};
/** Sends one byte every 50 ms, for ever. */
function drip(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  const timer = setInterval(() => response.write(' '), 50);
  response.on('close', () => clearInterval(timer));
}

describe('a service in phase plan', () => {
  it.each<[string, (response: ServerResponse) => void]>([
    ['never answers', () => undefined],
    ['sends its answer byte by byte', drip],
  ])(
    'is reported as slow if it %s, and its calls are aborted',
    async (_, answer) => {
      cloud.script = (request, response) => {
        countClosed(response);
        if (request.path.endsWith('/routers')) return sendJson(response, 200, { routers: [] });
        return answer(response);
      };
      const { reports, millis } = await runCount();
      expect(reports).toMatchObject([
        {
          type: 'service.progressed',
          data: { again: { error: { code: 'neutron.slow', class: 'Transient' } } },
        },
      ]);
      expect(millis).toBeGreaterThanOrEqual(SILENCE);
      expect(millis).toBeLessThan(10_000);
      // The open calls are aborted. On a busy machine one call may not have started.
      while (closed < begun) await delay(10);
    },
    30_000,
  );

  it('may take longer while its answers arrive', async () => {
    const pages = 6;
    cloud.script = async (request, response) => {
      if (request.path.endsWith('/routers')) return sendJson(response, 200, { routers: [] });
      await delay(SILENCE / 3);
      const page = Number(request.query.get('marker') ?? 0) + 1;
      const links = page < pages ? [{ rel: 'next', href: `${cloud.origin}/?marker=${page}` }] : [];
      const ports = [{ id: String(page), project_id: 'another' }];
      return sendJson(response, 200, { ports, ports_links: links });
    };
    const { reports, millis } = await runCount();
    expect(millis).toBeGreaterThan(SILENCE);
    expect(reports).toMatchObject([{ type: 'service.finished', data: { result: 'finished' } }]);
  });
});
