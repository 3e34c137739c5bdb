import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stringify } from 'yaml';
import * as z from 'zod';
import { type OperationShape, OperationsShape } from '../../lib/cli/shapes.ts';
import { until } from '../engine/engine-store.ts';
import { type Postgresql, startPostgresql } from '../engine/postgresql.ts';
import { PropagatorProcess } from './propagator.ts';
import { ReliabilityFixture } from './reliability-fixture.ts';

const Opened = z.looseObject({ opened: z.string() });
const Planned = z.looseObject({ digest: z.string().optional() });
const HOUR_SECONDS = 3600;
const SHORT_SECONDS = 20;
/** Fields that change with each change of a row, and are never written back. */
const VOLATILE = new Set(['updated', 'updated_at', 'actions', 'revision_number']);
const SERVICES = ['nova', 'cinder', 'neutron', 'glance', 'swift', 'keystone'];

interface Account {
  readonly type: 'project' | 'domain';
  readonly id: string;
}

/**
 * Two processes on one PostgreSQL database. The deletions of a project and of a domain are canceled
 * through the other process after the first one was killed in the window. The windows of a second
 * project and a second domain end.
 */
describe('recovery windows of two processes on one PostgreSQL server, one of which is killed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-window-'));
  const policy = join(folder, 'policy.yaml');
  let postgresql: Postgresql;
  let fixture: ReliabilityFixture;
  let kept: readonly Account[];
  let gone: readonly Account[];
  /** Projects of the kept and of the gone accounts. */
  let keptProjects: string[];
  let goneProjects: string[];
  let before: unknown;
  let others: unknown;
  let other: PropagatorProcess;

  beforeAll(async () => {
    postgresql = await startPostgresql();
    fixture = await ReliabilityFixture.open(1);
    const { seed, state } = fixture.cloud;
    const keptDomain = seed.makeDomain('kept');
    const projectIn = (domain: string, name: string, parent = domain): string =>
      seed.fill(seed.makeProject(domain, name, parent), 'tiny').projectId;
    const shop = projectIn(keptDomain, 'shop');
    const alone = seed.makeProject(keptDomain, 'alone');
    const disabled = state.identity.projects.get(alone);
    if (disabled) disabled.enabled = false;
    const [keptProject = ''] = fixture.targets(1);
    keptProjects = [keptProject, shop, projectIn(keptDomain, 'leaf', shop), alone];
    others = fixture.others();
    // Resources that other projects share with these projects are removed with them.
    const [goneProject = ''] = fixture.targets(1);
    const goneDomain = seed.makeDomain('gone');
    const top = projectIn(goneDomain, 'top');
    goneProjects = [goneProject, top, projectIn(goneDomain, 'below', top)];
    kept = [
      { type: 'project', id: keptProject },
      { type: 'domain', id: keptDomain },
    ];
    gone = [
      { type: 'project', id: goneProject },
      { type: 'domain', id: goneDomain },
    ];
    const on = {
      'project.disabled': { action: 'suspend', mode: 'enforce' },
      'project.enabled': { action: 'resume', mode: 'enforce' },
    };
    const rules = [keptDomain, goneDomain].map((domain) => ({ match: { domain }, on }));
    writeFileSync(policy, stringify({ version: 1, rules }));
    const store = { DATABASE_URL: await postgresql.createDatabase() };
    const begin = () =>
      new PropagatorProcess(store, fixture.cloud.credentials, {
        PROPAGATOR_POLICY: policy,
        PROPAGATOR_TOKEN_CACHE_TIME: '1s',
      });
    const first = begin();
    other = begin();
    fixture.processes.push(first, other);
    await fixture.recorded(first);
    await other.ready();
    before = stateOf(keptProjects);
    const windows = [
      ...kept.map((account) => ({ account, seconds: HOUR_SECONDS })),
      ...gone.map((account) => ({ account, seconds: SHORT_SECONDS })),
    ];
    for (const { account, seconds } of windows) await requestDeletion(first, account, seconds);
    const isLocked = () => state.compute.servers.rows(keptProject).some(({ locked }) => locked);
    await until('the first server is locked', isLocked, 120);
    await first.end('SIGKILL');
    await begin().ready();
  });
  afterAll(async () => {
    await PropagatorProcess.killAll();
    await fixture?.close();
    await postgresql?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Every field of the projects in Keystone and in the services. */
  const stateOf = (projects: readonly string[]): unknown => {
    const { store, state } = fixture.cloud;
    const rows = projects.map((id) => [
      state.identity.projects.get(id),
      state.identity.projects.get(state.identity.projects.get(id)?.domain_id ?? ''),
      state.accounts.get(`AUTH_${id}`),
      state.images.images.where(({ owner }) => owner === id),
      SERVICES.map((service) => Object.entries(store.rows(service, id))),
      store.resources(id),
    ]);
    const plain = (key: string, value: unknown): unknown => {
      if (VOLATILE.has(key)) return undefined;
      return value instanceof Map || value instanceof Set ? [...value] : value;
    };
    return JSON.parse(JSON.stringify(rows, plain));
  };
  /** All resources of the cloud except those of the gone projects. */
  const otherResources = () =>
    fixture.others().filter(({ owner }) => !goneProjects.includes(owner));

  async function requestDeletion(
    process: PropagatorProcess,
    { type, id }: Account,
    recoverForSeconds: number,
  ): Promise<void> {
    const client = await process.client();
    const planned = await client.post(`/v1/${type}s/${id}/plan`, {}, Opened);
    let digest: string | undefined;
    await until(
      `the plan of ${type} ${id}`,
      async () => {
        ({ digest } = await client.get(`/v1/operations/${planned.opened}/plan`, Planned));
        return digest !== undefined;
      },
      120,
    );
    const body = { digest, reason: 'contract ended', recoverForSeconds, remindBeforeSeconds: [10] };
    await client.post(`/v1/operations/${planned.opened}/approve`, body, Opened);
  }
  /** The operations about exactly this account, as the other process shows them. */
  async function operationsOf({ type, id }: Account, action: string): Promise<OperationShape[]> {
    const client = await other.client();
    const path = `/v1/operations?${type}=${id}`;
    const { operations } = await client.get(path, OperationsShape);
    return operations.filter(
      ({ operation }) => operation.action === action && operation.scope.id === id,
    );
  }
  /** Waits until an operation of this action has ended in the state. */
  async function ended(
    account: Account,
    action: string,
    state: string,
    seconds: number,
  ): Promise<void> {
    let last: OperationShape[] = [];
    const hasEnded = async () => {
      last = await operationsOf(account, action);
      return last.some(({ operation }) => operation.state === state);
    };
    await until(`${action} of the ${account.type}`, hasEnded, seconds).catch((error: unknown) => {
      const states = last.map(({ operation, tasks, waitsOn }) => ({
        state: operation.state,
        tasks: tasks.map((task) => `${task.service} ${task.state}`),
        waitsOn: waitsOn.map(({ on }) => on),
      }));
      throw new Error(`${error}; ${JSON.stringify(states)}\n${other.log.slice(-20).join('\n')}`);
    });
  }
  /** The accepted deletions of an account in Keystone. */
  const deletions = ({ type, id }: Account) =>
    fixture.cloud.calls.filter(
      ({ method, path, status }) =>
        method === 'DELETE' && path.endsWith(`/v3/${type}s/${id}`) && status === 204,
    );

  it('suspend the accounts in the other process, and a cancellation there restores every field', async () => {
    for (const account of kept) await ended(account, 'suspend', 'finished', 180);
    const { state } = fixture.cloud;
    for (const { id } of kept) expect(state.identity.projects.get(id)?.enabled).toBe(false);
    const withServers = keptProjects.filter((id) => state.compute.servers.rows(id).length > 0);
    expect(withServers).toHaveLength(3);
    for (const id of withServers)
      expect(state.compute.servers.rows(id).some(({ locked }) => locked)).toBe(true);
    const client = await other.client();
    for (const account of kept) {
      const [view] = await operationsOf(account, 'cleanup');
      expect(view).toMatchObject({
        operation: { state: 'recoverable' },
        resources: { removed: 0 },
      });
      const path = `/v1/operations/${view?.operation.id}/cancel`;
      await client.post(path, { reason: 'the customer has paid' }, z.unknown());
    }
    for (const account of kept) {
      await ended(account, 'resume', 'finished', 180);
      await ended(account, 'cleanup', 'canceled', 10);
      expect(deletions(account)).toEqual([]);
    }
    expect(stateOf(keptProjects)).toEqual(before);
  });

  it('end once although two processes handle the end, and no other account changes', async () => {
    for (const account of gone) {
      await ended(account, 'cleanup', 'finished', 240);
      const cleanups = await operationsOf(account, 'cleanup');
      expect(cleanups).toHaveLength(1);
      const { recovery, startedAt } = cleanups[0]?.operation ?? {};
      expect(recovery?.reminders).toEqual([
        expect.objectContaining({ sentAt: expect.any(Number) }),
      ]);
      expect(recovery?.reminders[0]?.sentAt).toBeLessThan(startedAt ?? 0);
      expect(deletions(account)).toHaveLength(1);
    }
    for (const id of goneProjects) expect(deletions({ type: 'project', id })).toHaveLength(1);
    expect(fixture.left(goneProjects)).toEqual([]);
    expect(otherResources()).toEqual(others);
    expect(stateOf(keptProjects)).toEqual(before);
    expect(fixture.cloud.state.sideEffects).toEqual([]);
  });
});
