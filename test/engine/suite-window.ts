import type { Account } from '../../events/account.ts';
import type { OperationId } from '../../events/ids.ts';
import type { WorkerEngine } from '../../lib/engine/port.ts';
import { coordinate } from '../../lib/handlers/coordinate.ts';
import { runTask } from '../../lib/handlers/task.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import type { Operation } from '../../lib/operation/model.ts';
import { Policy } from '../../lib/policy/schema.ts';
import { DOMAIN, DomainRecoverySimulation } from '../property/domain-recovery-simulation.ts';
import type { SimulationDeps } from '../property/simulation-parts.ts';
import { CONTROL, SIBLING, TARGET } from '../property/suspend-simulation.ts';
import { until } from './engine-store.ts';

/** A busy machine. An idle one needs a tenth. */
const SECONDS = 180;
const LONG_WINDOW = 600;
const SHORT_WINDOW = 3;

/** The simulated cloud, with a propagator on a real engine and on the clock of this machine. */
class CloudOnEngine extends DomainRecoverySimulation {
  readonly #on: WorkerEngine;

  constructor(on: WorkerEngine) {
    super(['on', 'off']);
    this.#on = on;
    this.policy = Policy.parse({
      version: 1,
      rules: [
        {
          on: {
            'project.disabled': { action: 'suspend', mode: 'enforce' },
            'project.enabled': { action: 'resume', mode: 'enforce' },
          },
        },
      ],
    });
  }

  override get deps(): SimulationDeps {
    return this.depsOn(this.#on);
  }

  /** The propagator of another process on the same store. */
  depsOn(engine: WorkerEngine): SimulationDeps {
    const deps = super.deps;
    const confirmationIntervalMillis = 100;
    return {
      ...deps,
      engine,
      confirmationIntervalMillis,
      limits: { ...deps.limits, confirmationIntervalMillis },
      tokenCacheMillis: 0,
      now: Date.now,
    };
  }

  /**
   * Keystone announces nothing: the operations find every change themselves. Only the inventory has
   * the deleted accounts.
   */
  override async announce(): Promise<void> {}
  override async publish(account: Account, change: string): Promise<void> {
    if (change !== 'deleted') return;
    const record = { account, seenAt: 1, deletedAt: Date.now(), members: undefined };
    await this.#on.commit({ accounts: [record] });
  }

  /** The newest operation of this action about an account. */
  async newest(action: Operation['action'], type: 'project' | 'domain', id: string) {
    const all = await this.#on.reads.operationsAbout(type, id);
    return all
      .filter((one) => one.action === action)
      .toSorted((a, b) => b.openedAt - a.openedAt)[0];
  }

  async untilEnded(action: Operation['action'], type: 'project' | 'domain', id: string) {
    await until(
      `the end of the ${action} of ${type} ${id}`,
      async () => {
        const found = await this.newest(action, type, id);
        return found !== undefined && hasEnded(found);
      },
      SECONDS,
    );
  }

  override async plan(): Promise<{ id: string; digest: string }> {
    const { json } = await this.request('POST', `/v1/domains/${DOMAIN}/plan`);
    await until(
      'the end of the plan',
      async () =>
        (await this.#on.reads.operation(json.opened as OperationId))?.state === 'observed',
      SECONDS,
    );
    const shown = await this.request('GET', `/v1/operations/${json.opened}/plan`);
    return shown.json as { id: string; digest: string };
  }

  get seen() {
    return {
      machines: [TARGET, SIBLING, CONTROL].map((owner) => this.shown(owner)),
      projects: structuredClone([...this.projects]),
      domains: [...this.domains],
    };
  }
}

/** Tests the recovery window of a deletion, with one or more processes on one store. */
export function windowSuite(open: () => Promise<WorkerEngine>, processes: number): void {
  describe('a deletion with a recovery window', () => {
    const engines: WorkerEngine[] = [];
    let cloud: CloudOnEngine;
    beforeAll(async () => {
      for (let n = 0; n < processes; n += 1) engines.push(await open());
      const [first] = engines;
      if (!first) throw new TypeError('no process was started');
      cloud = new CloudOnEngine(first);
      await first.commit({ accounts: [...cloud.engine.accounts.values()] });
      for (const engine of engines) {
        const deps = cloud.depsOn(engine);
        await engine.work('coordinate', { concurrency: 2 }, (all) => coordinate(all, deps));
        for (const service of cloud.services)
          await engine.work(`service-${service.name}`, { concurrency: 1 }, (all) =>
            runTask(service, all, deps),
          );
      }
    }, 120_000);
    afterAll(async () => {
      for (const engine of engines) await engine.close();
    }, 120_000);

    const cancel = async (type: 'project' | 'domain', id: string): Promise<void> => {
      const found = await cloud.newest('cleanup', type, id);
      const path = `/v1/operations/${found?.id}/cancel`;
      expect(await cloud.post(path, { reason: 'goes on' })).toMatchObject({ status: 202 });
    };
    const isOff = (owner: typeof TARGET): boolean =>
      cloud.shown(owner).every(({ state }) => state === 'off');

    it(
      'of a project is taken back, and carried out at the end of another window',
      async () => {
        const before = cloud.seen;
        expect(await cloud.requestDeletion(LONG_WINDOW)).toMatchObject({ status: 202 });
        await cloud.untilEnded('suspend', 'project', TARGET);
        expect(cloud.projects.get(TARGET)).toMatchObject({ enabled: false });
        expect(isOff(TARGET)).toBe(true);
        await cancel('project', TARGET);
        await cloud.untilEnded('resume', 'project', TARGET);
        expect(cloud.seen).toEqual(before);

        expect(await cloud.requestDeletion(SHORT_WINDOW)).toMatchObject({ status: 202 });
        await cloud.untilEnded('cleanup', 'project', TARGET);
        expect(await cloud.newest('cleanup', 'project', TARGET)).toMatchObject({
          state: 'finished',
        });
        expect(cloud.shown(TARGET)).toEqual([]);
        expect([...cloud.projects.keys()]).toEqual([SIBLING, CONTROL]);
        expect(cloud.shown(SIBLING)).toEqual(before.machines[1]);
      },
      2 * SECONDS * 1000,
    );

    it(
      'of a domain is taken back, and carried out at the end of another window',
      async () => {
        const before = cloud.seen;
        expect(await cloud.requestDomainDeletion(LONG_WINDOW)).toMatchObject({ status: 202 });
        await cloud.untilEnded('suspend', 'domain', DOMAIN);
        expect(cloud.domains.get(DOMAIN)).toBe(false);
        expect(isOff(SIBLING)).toBe(true);
        await cancel('domain', DOMAIN);
        await cloud.untilEnded('resume', 'domain', DOMAIN);
        expect(cloud.seen).toEqual(before);

        expect(await cloud.requestDomainDeletion(SHORT_WINDOW)).toMatchObject({ status: 202 });
        await cloud.untilEnded('cleanup', 'domain', DOMAIN);
        expect(await cloud.newest('cleanup', 'domain', DOMAIN)).toMatchObject({
          state: 'finished',
        });
        expect(cloud.domains.has(DOMAIN)).toBe(false);
        expect([...cloud.projects.keys()]).toEqual([CONTROL]);
        expect(cloud.shown(CONTROL)).toEqual(before.machines[2]);
      },
      2 * SECONDS * 1000,
    );
  });
}
