import { ProjectId } from '../../../events/ids.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { type RunReport, runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { defineService, defineType, type ServiceApi } from '../../../lib/task/service.ts';
import { contextOf } from '../task/context.ts';
import { NETWORK, type ScriptedCloud, sendJson, startScriptedCloud } from './scripted-cloud.ts';

const PROJECT = ProjectId.parse('target');
const PLAIN = 'plain name';
/** Only ids that no URL and no header can carry. */
const UNSAFE = ["');alert(1)//…", '..', 'a/', '/a', 'a//b', 'a/../b', ' /./é'];

let cloud: ScriptedCloud;
beforeEach(async () => {
  cloud = await startScriptedCloud();
  cloud.script = (_request, response) => response.writeHead(204).end();
});
afterEach(() => cloud.close());

type Send = (api: ServiceApi, id: string) => Promise<unknown>;
const sendIdInPath: Send = (api, id) =>
  api.request('DELETE', `/networks/${encodeURIComponent(id)}`);
const sendIdInHeader: Send = (api, id) =>
  api.request('DELETE', '/networks', { headers: { 'x-name': id === PLAIN ? id : `${id} ` } });

/** Cleans up resources with these ids through the real client of the service. */
async function cleanUp(
  { name, catalogTypes }: Pick<(typeof SERVICES)[number], 'name' | 'catalogTypes'>,
  ids: Set<string>,
  send: Send,
  isBatch = false,
): Promise<RunReport> {
  const api = await cloud
    .connect()
    .api({ ...NETWORK, name, catalogTypes: [...catalogTypes, 'network'] }, 'RegionOne');
  if (!api) throw new Error(`no API of ${name}`);
  const remove = async (id: string) => {
    await send(api, id);
    ids.delete(id);
    return { kind: 'gone' } as const;
  };
  const resource = defineType<string>({
    name: 'resource',
    list: async () => [...ids],
    id: (id) => id,
    owner: () => PROJECT,
    remove,
    ...(isBatch
      ? {
          batch: { maxItems: 10, remove: (all: readonly string[]) => Promise.all(all.map(remove)) },
        }
      : {}),
  });
  const service = defineService({ name, catalogTypes, resourceTypes: [resource] });
  return runProjectCleanup({
    service,
    context: { ...contextOf(), api },
    phase: 'apply',
    confirmation: Confirmation.fromAnswers(PROJECT, [0, 9], 1),
    deadline: 60_000,
  });
}

const serviceRequests = () => cloud.requests.filter(({ path }) => !path.startsWith('/identity'));

describe.each(SERVICES.map((service) => [service.name, service] as const))(
  '%s',
  (name, service) => {
    const ways: readonly (readonly [string, Send])[] = [
      // Swift reads every path unchanged.
      ...(name === 'swift' ? [] : [['a URL', sendIdInPath] as const]),
      ['a header', sendIdInHeader],
    ];

    it.each(ways)(
      'does not finish with a resource whose name cannot be in %s, names it, and removes the others',
      async (_, send) => {
        for (const unsafe of UNSAFE) {
          const before = serviceRequests().length;
          const ids = new Set([unsafe, PLAIN]);
          const report = await cleanUp(service, ids, send);
          expect([...ids]).toEqual([unsafe]);
          expect(report.outcome).toMatchObject({
            kind: 'failed',
            error: {
              code: `${name}.id.hidden`,
              class: 'Unsupported',
              advice: expect.stringContaining(JSON.stringify(unsafe).slice(0, -1)),
            },
          });
          expect(report.counts).toEqual({ [`${name}.resource`]: { listed: 2, gone: 1, left: 1 } });
          expect(serviceRequests().length - before).toBe(1);
        }
      },
    );
  },
);

describe('an error that does not name one resource', () => {
  const service = { name: NETWORK.name, catalogTypes: NETWORK.catalogTypes };

  it('does not end the run as finished if it concerns a batch', async () => {
    const ids = new Set(['a//b', PLAIN]);
    const report = await cleanUp(service, ids, sendIdInPath, true);
    expect(report.outcome.kind).toBe('failed');
    expect(ids.has('a//b')).toBe(true);
  });

  it('names the endpoint if the endpoint is wrong, and sends no call', async () => {
    cloud.script = (_request, response) => sendJson(response, 500, {});
    const ids = new Set([PLAIN]);
    const endpoint = `${cloud.origin}/network/../other`;
    const report = await cleanUp(service, ids, (api) =>
      api.request('DELETE', '/networks', { endpoint }),
    );
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'neutron.endpoint.hidden', class: 'Unsupported' },
    });
    expect(serviceRequests()).toEqual([]);
  });
});

it('names the unsafe id, up to the length of a name', async () => {
  const api = await cloud.network();
  const long = `${'x'.repeat(5000)}//`;
  const thrown = await sendIdInPath(api, long).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(PropagatorError);
  expect((thrown as PropagatorError).report.advice.length).toBeLessThan(500);
});
