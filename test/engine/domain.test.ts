import { jest } from '@jest/globals';
import * as z from 'zod';
import type { ApiClient } from '../../lib/cli/client.ts';
import { type OperationShape, OperationsShape, PlanShape } from '../../lib/cli/shapes.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { PropagatorProcess } from '../reliability/propagator.ts';
import { until } from './engine-store.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';

jest.setTimeout(240_000);

/** Processes of a busy machine. An idle one needs a fraction. */
const SECONDS = 120;
const Opened = z.object({ opened: z.string() });

/** The deletion of a whole domain by two processes that share one PostgreSQL database. */
describe('Two processes on one PostgreSQL server', () => {
  let postgresql: Postgresql;
  let cloud: RehearsalCloud;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    cloud = await startCloud();
  });
  afterEach(() => PropagatorProcess.killAll());
  afterAll(async () => {
    await cloud?.close();
    await postgresql?.stop();
  });

  it('delete a domain after one process was killed, and wait for the end of a hold on a project', async () => {
    const { seed, state, store } = cloud;
    const [domain, other] = [seed.makeDomain('customer'), seed.makeDomain('neighbor')];
    const top = seed.makeProject(domain, 'top');
    const middle = seed.makeProject(domain, 'middle', top);
    const leaf = seed.makeProject(domain, 'leaf', middle);
    const [held, single] = [seed.makeProject(domain, 'held'), seed.makeProject(domain, 'single')];
    const projects = [top, middle, leaf, held, single];
    const neighbor = seed.makeProject(other, 'single');
    for (const id of [...projects, neighbor]) seed.fill(id, 'tiny');
    const user = seed.makeUser(domain, 'ann');
    seed.makeGroup(domain, 'staff', [user]);
    state.identity.roles.add({
      id: 'role-of-domain',
      name: 'keeper',
      implies: [],
      domain_id: domain,
    });
    state.identity.providers.add({ id: 'provider-of-domain', domain_id: domain });
    const [heldBefore, neighborBefore] = [store.resources(held), store.resources(neighbor)];
    const slow = { does: 'slow', milliseconds: 50 } as const;
    const slowed = cloud.faults.inject({ service: 'cinder', method: 'DELETE', effect: slow });

    const place = { DATABASE_URL: await postgresql.createDatabase() };
    const [first, second] = [0, 1].map(() => new PropagatorProcess(place, cloud.credentials));
    if (!first || !second) throw new TypeError('two processes were started');
    const clients = await Promise.all([first.client(), second.client()]);
    const [client, survivor] = clients;
    const plan = await planOf(domain, client);
    expect(plan.projects.map(({ id }) => id).indexOf(leaf)).toBeLessThan(
      plan.projects.map(({ id }) => id).indexOf(top),
    );
    expect(idsOf(plan, 'nova.server')).toEqual(
      state.compute.servers
        .where(({ project_id }) => projects.includes(project_id))
        .map(({ id }) => id)
        .toSorted(),
    );
    expect(idsOf(plan, 'keystone.user')).toContain(user);
    expect(idsOf(plan, 'keystone.role')).toEqual(['role-of-domain']);
    const hold = { project: held, reason: 'evidence' };
    await client.post('/v1/holds', hold, z.unknown());
    const approval = { digest: plan.digest };
    await survivor.post(`/v1/operations/${plan.id}/approve`, approval, Opened);

    await until('a removal in Cinder', () => slowed.hits > 0, SECONDS);
    expect(await first.end('SIGKILL')).toMatchObject({ signal: 'SIGKILL' });
    slowed.clear();
    await until(
      'the domain waits by name, and the others are deleted',
      async () =>
        [top, single].every((id) => state.identity.projects.get(id) === undefined) &&
        (await operationOf(domain, survivor))?.waitsOn.some(({ on }) =>
          /^project held .*evidence/.test(on),
        ) === true,
      SECONDS,
    );
    expect(store.resources(held)).toEqual(heldBefore);
    expect(state.identity.projects.get(domain)).toMatchObject({ enabled: true });
    await survivor.delete(`/v1/holds/project/${held}`, z.unknown());
    await until(
      'the end',
      async () => (await operationOf(domain, survivor))?.operation.endedAt !== undefined,
      SECONDS,
    );
    const ended = await operationOf(domain, survivor);
    expect(ended).toMatchObject({ operation: { state: 'finished' } });
    expect(state.identity.projects.get(domain)).toBeUndefined();
    for (const id of projects) expect([id, store.resources(id)]).toEqual([id, []]);
    expect(state.identity.users.get(user)).toBeUndefined();
    expect(state.identity.roles.get('role-of-domain')).toBeUndefined();
    expect(state.identity.providers.get('provider-of-domain')).toBeUndefined();
    expect(store.resources(neighbor)).toEqual(neighborBefore);
    expect(state.identity.projects.get(other)).toMatchObject({ enabled: true });
  });
});

const idsOf = ({ pages }: PlanShape, type: string): string[] =>
  pages
    .filter(({ resourceType }) => resourceType === type)
    .flatMap(({ resources }) => resources.map(({ id }) => id))
    .toSorted();

async function planOf(domain: string, client: ApiClient): Promise<PlanShape> {
  const { opened } = await client.post(`/v1/domains/${domain}/plan`, {}, Opened);
  const shown = () => client.get(`/v1/operations/${opened}/plan?resources=true`, PlanShape);
  await until('the digest of the plan', async () => (await shown()).digest !== undefined, SECONDS);
  return shown();
}

async function operationOf(domain: string, client: ApiClient): Promise<OperationShape | undefined> {
  const { operations } = await client.get(`/v1/operations?domain=${domain}`, OperationsShape);
  return operations.find(
    ({ operation }) => operation.scope.type === 'domain' && operation.action === 'cleanup',
  );
}
