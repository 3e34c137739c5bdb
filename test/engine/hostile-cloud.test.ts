import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { jest } from '@jest/globals';
import * as z from 'zod';
import type { EmbeddedPropagator } from '../../lib/app/embedded.ts';
import type { ApiClient } from '../../lib/cli/client.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { deleteProject } from '../cloud/keystone-projects.ts';
import { type Started, startPropagator } from '../cloud/propagator.ts';
import { type CloudProxy, type Effect, type ProxyRule, startProxy } from '../cloud/proxy/proxy.ts';
import { SECRET_PART, TEXTS_WITH_SECRET } from '../unit/shared/secrets.ts';
import { until } from './engine-store.ts';

jest.setTimeout(300_000);

const SERVICES = ['nova', 'cinder', 'neutron', 'glance', 'swift'] as const;

type Row = Readonly<Record<string, unknown>>;

let cloud: RehearsalCloud;
let proxy: CloudProxy;
let propagator: EmbeddedPropagator;
let client: ApiClient;
let stop: Started['stop'];
let domain: string;
let control: string;
/** A foreign host that records each request that reaches it. */
let foreign: Server;
const reached: (string | undefined)[] = [];

beforeAll(async () => {
  foreign = createServer((request, response) => {
    reached.push(request.url);
    response.end('{}');
  });
  await new Promise<void>((resolve) => foreign.listen(0, '127.0.0.1', resolve));
  cloud = await startCloud();
  proxy = await startProxy(cloud.url);
  domain = cloud.seed.makeDomain('customers');
  control = cloud.seed.makeProject(domain, 'control');
  cloud.seed.fill(control, 'tiny');
  const credentials = { ...cloud.credentials, OS_AUTH_URL: proxy.url };
  ({ propagator, client, stop } = await startPropagator({ ...cloud, credentials }));
});
afterAll(async () => {
  await stop();
  await proxy.close();
  await cloud.close();
  foreign.close();
});

const foreignUrl = (): string => `http://127.0.0.1:${(foreign.address() as AddressInfo).port}`;
const rowsIn = (json: unknown): [string, Row[]] | undefined =>
  Object.entries(json ?? {}).find((entry): entry is [string, Row[]] => Array.isArray(entry[1]));
/** Changes the rows of a list. */
const rows = (change: (rows: Row[]) => Row[]): Effect => ({
  does: 'change',
  json(json) {
    if (Array.isArray(json)) return change(json);
    const [key, list] = rowsIn(json) ?? [];
    return key === undefined || list === undefined
      ? json
      : { ...(json as object), [key]: change(list) };
  },
});
/** Adds a link to a next page to every list. */
const nextPage = (url: () => string): Effect => ({
  does: 'change',
  json(json) {
    const [key] = rowsIn(json) ?? [];
    if (key === undefined || Array.isArray(json)) return json;
    const links = { next: url(), [`${key}_links`]: [{ rel: 'next', href: url() }] };
    return { ...(json as object), ...links };
  },
});
const answer = (status: number, text: string, headers: Record<string, string> = {}): Effect => ({
  does: 'answer',
  status,
  text,
  headers: { 'content-type': 'application/json', ...headers },
});
const nested = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
const IDS = ['..', '../servers', '.', 'a/b', 'a?force=true', 'a#b', '%2e%2e', 'a\nb', '', 7, null];

const ATTACKS: Readonly<Record<string, Effect>> = {
  'pages in a circle': nextPage(() => '/x?marker=same'),
  'a next page on another host': nextPage(() => `${foreignUrl()}/x?marker=other`),
  'rows nested 5,000 levels deep': rows((all) =>
    all.map((row) => ({ ...row, metadata: JSON.parse(nested(5000)) })),
  ),
  'an answer nested 200,000 levels deep': answer(200, `{"servers": ${nested(200_000)}}`),
  'an error nested 200,000 levels deep': answer(500, `{"error": ${nested(200_000)}}`),
  'ids with path characters, and of other types': rows((all) =>
    all.flatMap((row) => [...IDS, 'x'.repeat(70_000)].map((id) => ({ ...row, id, name: id }))),
  ),
  'keys of prototypes': rows((all) => [
    ...all,
    ...all.map(() => JSON.parse('{"__proto__": {"polluted": true}, "id": "__proto__"}')),
  ]),
  'control characters and half characters': rows((all) =>
    all.map((row) => ({ ...row, name: 'a\u0000b\ud800', status: 'X\u0000\u001b[31m' })),
  ),
  'names of 5 MB': rows((all) => all.map((row) => ({ ...row, name: 'x'.repeat(5_000_000) }))),
  'half an answer': answer(200, '{"servers": ['),
  'an error that contains secrets': answer(
    400,
    JSON.stringify({
      badRequest: { message: Object.values(TEXTS_WITH_SECRET).join(' '), code: 400 },
    }),
  ),
  'a redirect to another host': {
    does: 'answer',
    status: 302,
    get headers() {
      return { location: foreignUrl() };
    },
  },
  '404 to every list': answer(404, '{"itemNotFound": {"message": "not found", "code": 404}}'),
  'connections that break': { does: 'reset' },
  'lists that show only their first row': rows((all) => all.slice(0, 1)),
};
const NAMES = Object.keys(ATTACKS);
/** In each batch every service has another attack. All attacks are tried. */
const BATCHES = Array.from({ length: Math.ceil(NAMES.length / SERVICES.length) }, (_, batch) =>
  SERVICES.map(
    (service, n) => [service, NAMES[(batch * SERVICES.length + n) % NAMES.length]] as const,
  ),
);

const Stored = z.object({ stored: z.number() });
const notify = (event: string, id: string) =>
  client.post(
    '/v1/notifications',
    {
      event_type: `identity.project.${event}`,
      message_id: `${id}-${event}`,
      publisher_id: 'identity.host',
      priority: 'INFO',
      timestamp: '2026-03-01 12:00:00.000000',
      payload: { resource_info: id },
    },
    Stored,
  );
/**
 * Read from the store: an attack may occupy this process so long that it closes its own idle
 * connection during a request.
 */
const stateOf = async (id: string): Promise<string | undefined> =>
  (await propagator.engine.reads.operationsAbout('project', id))[0]?.state;

describe('services that answer wrongly on purpose', () => {
  it.each(BATCHES.map((batch, n) => [n + 1, batch] as const))(
    'change no other project, and the project is empty when its operation has finished (batch %i)',
    async (number, batch) => {
      const id = cloud.seed.makeProject(domain, `target-${number}`);
      cloud.seed.fill(id, 'tiny');
      const before = cloud.store.resources(control);
      await notify('created', id);
      const isKnown = async () =>
        (await propagator.engine.reads.account('project', id))?.seenAt !== undefined;
      await until('the project is in the inventory', isKnown, 60);
      const project = cloud.state.identity.projects.get(id);
      if (project === undefined) throw new Error(`there is no project ${id}`);
      const attacks = batch.map(([service, name]) => {
        const { origin } = new URL(cloud.state.bases.get(service) ?? '');
        const rule: ProxyRule = { origin, method: 'GET', effect: ATTACKS[name ?? ''] as Effect };
        return { service, name, active: proxy.add(rule) };
      });
      deleteProject(cloud.state, project, undefined);
      await notify('deleted', id);
      for (const { service, name, active } of attacks)
        await until(`${service} is attacked with ${name}`, () => active.hits > 1, 90);
      await until('the removals may begin', async () => (await stateOf(id)) === 'running', 90);
      const health = await fetch(`http://127.0.0.1:${propagator.port}/healthz`);
      expect(health.status).toBe(200);
      const shown = JSON.stringify(
        await client.get(`/v1/operations?project=${id}`, z.looseObject({})),
      );
      expect(shown).not.toContain(SECRET_PART);
      expect(cloud.store.resources(control)).toEqual(before);
      for (const { active } of attacks) active.remove();

      await until(
        'the operation has finished',
        async () => (await stateOf(id)) === 'finished',
        120,
      );
      expect(cloud.store.resources(id)).toEqual([]);
      expect(cloud.store.resources(control)).toEqual(before);
      expect(reached).toEqual([]);
      expect(Reflect.get({}, 'polluted')).toBeUndefined();
      expect((await propagator.engine.deadLetters({})).length).toBe(0);
    },
  );
});
