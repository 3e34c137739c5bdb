import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import {
  DeadLettersShape,
  type OperationShape,
  OperationsShape,
  StatusShape,
} from '../../lib/cli/shapes.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { keystone } from '../../lib/services/keystone.ts';
import {
  type Notification,
  type RehearsalCloud,
  type Resource,
  startCloud,
} from '../cloud/cloud.ts';
import { loginOf } from '../cloud/login.ts';
import type { Size } from '../cloud/seed.ts';
import { until } from '../engine/engine-store.ts';
import { clientOf, type PropagatorProcess } from './propagator.ts';

/** Each deletion takes this long, so that a kill interrupts many of them. */
const DELETION_MILLIS = 100;
const RETRY_MILLIS = 100;

const MANY: Size = {
  servers: 4,
  volumes: 6,
  snapshotsPerVolume: 1,
  networks: 3,
  portsPerNetwork: 2,
  securityGroups: 5,
  images: 3,
  containers: 3,
  objectsPerContainer: 10,
};

/** The cloud of a test, its broker, and the resources of the cloud at the start. */
export class ReliabilityFixture {
  readonly cloud: RehearsalCloud;
  /** Processes that receive notifications. A process that is not ready is left out. */
  readonly processes: PropagatorProcess[] = [];
  readonly #domain: string;
  readonly #targets = new Set<string>();
  readonly #undelivered: Notification[] = [];
  readonly #closing = new AbortController();
  readonly #delivering: Promise<void>;

  static async open(controls = 2): Promise<ReliabilityFixture> {
    const cloud = await startCloud();
    for (const service of ['nova', 'cinder', 'neutron', 'glance', 'swift'])
      cloud.faults.add({
        service,
        method: 'DELETE',
        effect: { does: 'slow', milliseconds: DELETION_MILLIS },
      });
    const fixture = new ReliabilityFixture(cloud);
    for (let number = 0; number < controls; number += 1) fixture.#project(`control-${number}`);
    return fixture;
  }

  private constructor(cloud: RehearsalCloud) {
    this.cloud = cloud;
    this.#domain = cloud.seed.makeDomain('customers');
    // Repeats a notification until a process has stored it, as a broker does.
    cloud.onNotification((notification) => this.#undelivered.push(notification));
    this.#delivering = this.#deliver();
  }

  #project(name: string): string {
    const id = this.cloud.seed.makeProject(this.#domain, name);
    this.cloud.seed.fill(id, MANY);
    return id;
  }

  /** Creates projects that a test will delete. Returns their ids. */
  targets(count: number): string[] {
    const made = Array.from({ length: count }, () => this.#project(`target-${this.#targets.size}`));
    for (const id of made) this.#targets.add(id);
    return made;
  }

  /** The resources of these projects in all services. */
  left(targets: readonly string[]): Resource[] {
    return targets.flatMap((id) => this.cloud.store.resources(id));
  }

  /**
   * All resources of the cloud that no target owns. The `default` security group of the
   * propagator's own project is left out, because Neutron creates it when the groups are listed.
   */
  others(): Resource[] {
    const { identity } = this.cloud.state;
    const [own] = identity.projects.where(({ name }) => name === 'admin');
    const isOwnGroup = ({ resourceType, label, owner }: Resource) =>
      owner === own?.id && resourceType === 'neutron.security-group' && label === 'default';
    const others = this.cloud.store.resources().filter(({ owner }) => !this.#targets.has(owner));
    expect(others.filter(isOwnGroup).length).toBeLessThanOrEqual(1);
    return others.filter((resource) => !isOwnGroup(resource));
  }

  /** The processes that are ready. */
  apis(): string[] {
    return this.processes.flatMap(({ api }) => (api === undefined ? [] : [api]));
  }

  /**
   * Waits until the names and members of all projects are recorded, as on a cloud that has run for
   * a while.
   */
  async recorded(process: PropagatorProcess): Promise<void> {
    const client = await process.client();
    const counted = async () => (await client.get('/v1/status', StatusShape)).accounts;
    await until(
      'the inventory',
      async () => (await counted()) > 0 && this.#undelivered.length === 0,
      150,
    );
  }

  /**
   * Waits until every earlier notification is stored. The propagator holds the deletion of a
   * project that it has never seen alive.
   */
  async #takenIn(): Promise<void> {
    await until(
      'the notifications of the new projects',
      async () => {
        const [api] = this.apis();
        if (api === undefined || this.#undelivered.length > 0) return false;
        const { queues } = await clientOf(api).get('/v1/status', StatusShape);
        const { ready = 0, delayed = 0, active = 0 } = queues.ingest ?? {};
        return ready + delayed + active === 0;
      },
      150,
    );
  }

  /**
   * Deletes in Keystone, as an administrator does. Each notification of the deletion is delivered
   * twice.
   */
  async deleteInKeystone(targets: readonly string[]): Promise<void> {
    await this.#takenIn();
    const listening = this.cloud.onNotification((again) => this.#undelivered.push(again));
    const admin = connectCloud(loginOf(this.cloud.credentials));
    const api = await admin.api(keystone, 'RegionOne');
    for (const id of targets) await api?.request('DELETE', `/v3/projects/${id}`);
    await admin.close();
    listening();
  }

  /** All operations of these projects; `undefined` while no process answers. */
  async operations(targets: readonly string[]): Promise<OperationShape[] | undefined> {
    const [api] = this.apis();
    if (api === undefined) return undefined;
    const { operations } = await clientOf(api).get('/v1/operations', OperationsShape);
    return operations.filter(({ operation }) => targets.includes(operation.scope.id));
  }

  async finished(targets: readonly string[], seconds = 240): Promise<void> {
    let last: OperationShape[] | undefined;
    const all = async () => {
      if (this.left(targets).length > 0 || this.#undelivered.length > 0) return false;
      last = await this.operations(targets).catch(() => undefined);
      return (
        last !== undefined &&
        last.length >= targets.length &&
        last.every(({ operation }) => operation.state === 'finished')
      );
    };
    await until('every operation has finished', all, seconds).catch((error: unknown) => {
      const states = last?.map(({ operation, tasks, waitsOn }) => ({
        state: operation.state,
        tasks: tasks
          .filter(({ state }) => state !== 'finished')
          .map(({ service, state }) => `${service} ${state}`),
        waitsOn: waitsOn.map(({ on }) => on),
      }));
      const logged = this.processes.at(-1)?.log.slice(-20).join('\n');
      throw new Error(
        `${error}; left: ${this.left(targets).length}; ${JSON.stringify(states)}\n${logged}`,
      );
    });
  }

  /**
   * Expects one operation for each target, no resource of a target, no dead letter, and no other
   * change.
   */
  async verify(targets: readonly string[], before: readonly Resource[]): Promise<void> {
    const operations = (await this.operations(targets)) ?? [];
    expect(operations.map(({ operation }) => operation.scope.id).toSorted()).toEqual(
      targets.toSorted(),
    );
    expect(this.left(targets)).toEqual([]);
    expect(this.others()).toEqual(before);
    expect(this.cloud.state.sideEffects).toEqual([]);
    const [api = ''] = this.apis();
    const { deadLetters } = await clientOf(api).get('/v1/dead-letters', DeadLettersShape);
    expect(deadLetters).toEqual([]);
  }

  /** How often the cloud accepted the deletion of one address more than once. */
  doubledRemovals(): string[] {
    const seen = new Map<string, number>();
    for (const { service, method, path, status } of this.cloud.calls)
      if (method === 'DELETE' && status >= 200 && status < 300)
        seen.set(`${service} ${path}`, (seen.get(`${service} ${path}`) ?? 0) + 1);
    return [...seen].filter(([, times]) => times > 1).map(([address]) => address);
  }

  removals(): number {
    return this.cloud.calls.filter(({ method }) => method === 'DELETE').length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#delivering;
    await this.cloud.close();
  }

  async #deliver(): Promise<void> {
    for (let attempt = 0; !this.#closing.signal.aborted; attempt += 1) {
      const [next] = this.#undelivered;
      const apis = this.apis();
      const api = apis[attempt % Math.max(1, apis.length)];
      const taken =
        next !== undefined &&
        api !== undefined &&
        (await clientOf(api)
          .post('/v1/notifications', next, z.object({ stored: z.number() }))
          .then(
            () => true,
            () => false,
          ));
      if (taken) this.#undelivered.shift();
      else await delay(RETRY_MILLIS);
    }
  }
}

/** Random numbers from 0 to 1, equal for equal seeds (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
