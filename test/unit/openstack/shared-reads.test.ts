import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceApi, SilenceWatch } from '../../../lib/task/service.ts';
import { type ScriptedCloud, sendJson, startScriptedCloud } from './scripted-cloud.ts';

let cloud: ScriptedCloud;
/** An API that makes one call at a time, so that a second call waits for a slot. */
let api: ServiceApi;
/** The responses that the cloud has not sent yet, by path. */
let openResponses: Map<string, ServerResponse>;

beforeEach(async () => {
  cloud = await startScriptedCloud();
  openResponses = new Map();
  cloud.script = ({ path }, response) => openResponses.set(path, response);
  api = await cloud.network({ concurrency: { neutron: 1 } });
});
afterEach(() => cloud.close());

const sent = (path: string): number =>
  cloud.requests.filter((request) => request.path === `/network${path}`).length;

/** Waits until a request for the path has arrived. Returns its response, which is not sent yet. */
async function openResponseAt(path: string): Promise<ServerResponse> {
  for (;;) {
    const response = openResponses.get(`/network${path}`);
    if (response) return response;
    await delay(1);
  }
}

async function answer(path: string, body: unknown): Promise<void> {
  const response = await openResponseAt(path);
  openResponses.delete(`/network${path}`);
  sendJson(response, 200, body);
}

function apiWith(watch: SilenceWatch): ServiceApi {
  if (!api.withWatch) throw new Error('the API cannot be watched');
  return api.withWatch(watch);
}

const watchOf = (controller: AbortController) => {
  const watch = {
    signal: controller.signal,
    answers: 0,
    answered: () => {
      watch.answers += 1;
    },
  };
  return watch;
};

it('two operations share a read that neither has sent, and each counts its answer', async () => {
  const busy = api.request('GET', '/busy');
  await openResponseAt('/busy');
  const watches = [watchOf(new AbortController()), watchOf(new AbortController())];
  const reads = watches.map((watch) => apiWith(watch).request('GET', '/zones'));
  await answer('/busy', {});
  await busy;
  await answer('/zones', { zones: [1] });
  for (const read of reads) expect(await read).toMatchObject({ json: { zones: [1] } });
  expect(sent('/zones')).toBe(1);
  expect(watches.map(({ answers }) => answers)).toEqual([1, 1]);
});

it('a read that was sent before a removal does not answer a read after it', async () => {
  const before = api.request('GET', '/zones');
  await openResponseAt('/zones');
  const removal = api.request('DELETE', '/zones/1');
  const after = api.request('GET', '/zones');
  await answer('/zones', { zones: [1] });
  await answer('/zones/1', {});
  await removal;
  await answer('/zones', { zones: [] });
  expect((await before).json).toEqual({ zones: [1] });
  expect((await after).json).toEqual({ zones: [] });
  expect(sent('/zones')).toBe(2);
});

it.each<[string, Parameters<ServiceApi['request']>]>([
  ['query', ['GET', '/zones', { query: { project_id: 'b' } }]],
  ['headers', ['GET', '/zones', { headers: { 'x-auth-sudo-project-id': 'b' } }]],
  ['accepted statuses', ['GET', '/zones', { accept: [404] }]],
  ['method', ['PUT', '/zones']],
])('reads with another %s are not shared', async (_what, second) => {
  const busy = api.request('GET', '/busy');
  await openResponseAt('/busy');
  const first = api.request('GET', '/zones', { query: { project_id: 'a' } });
  const other = api.request(...second);
  await answer('/busy', {});
  await answer('/zones', { n: 1 });
  await answer('/zones', { n: 2 });
  await busy;
  expect([(await first).json, (await other).json]).toEqual([{ n: 1 }, { n: 2 }]);
});

it('if the first operation aborts, the second still gets an answer', async () => {
  const busy = api.request('GET', '/busy');
  await openResponseAt('/busy');
  const controller = new AbortController();
  const first = apiWith(watchOf(controller)).request('GET', '/zones');
  const second = apiWith(watchOf(new AbortController())).request('GET', '/zones');
  controller.abort(new Error('canceled'));
  await answer('/busy', {});
  await busy;
  await answer('/zones', { zones: [] });
  await expect(first).rejects.toThrow('canceled');
  expect((await second).json).toEqual({ zones: [] });
});

it('an abort of the second operation ends its read at once, and not that of the first', async () => {
  const busy = api.request('GET', '/busy');
  await openResponseAt('/busy');
  const controller = new AbortController();
  const first = api.request('GET', '/zones');
  const second = apiWith(watchOf(controller)).request('GET', '/zones');
  controller.abort(new Error('canceled'));
  await expect(second).rejects.toThrow('canceled');
  expect(sent('/zones')).toBe(0);
  await answer('/busy', {});
  await busy;
  await answer('/zones', { zones: [] });
  expect((await first).json).toEqual({ zones: [] });
});

it('both operations get the error of a shared read', async () => {
  const busy = api.request('GET', '/busy');
  await openResponseAt('/busy');
  const reads = [api.request('GET', '/zones'), api.request('GET', '/zones')];
  const outcomes = Promise.allSettled(reads);
  await answer('/busy', {});
  await busy;
  sendJson(await openResponseAt('/zones'), 403, {});
  expect((await outcomes).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(sent('/zones')).toBe(1);
});
