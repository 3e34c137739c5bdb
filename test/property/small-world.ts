import type { ProjectId } from '../../events/ids.ts';
import { ProjectId as parseProjectId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { type CoordinatePorts, coordinate } from '../../functions/coordinate.ts';
import { type ServicePorts, serve } from '../../functions/service.ts';
import { defineKind, defineService, type Service, type ServiceApi } from '../../lib/cleanup/service.ts';
import type { Delivery } from '../../lib/engine/port.ts';
import { PropagatorError } from '../../lib/errors.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { MemoryEngine } from '../memory.ts';

export const VICTIM = parseProjectId.parse('victim');
export const BYSTANDER = parseProjectId.parse('bystander');

interface Held {
  id: string;
  owner: string | undefined;
  /** Listings that still show it after its deletion was accepted. */
  lingers: number;
  deleting: boolean;
}

export interface WorldOptions {
  /** Things of the victim in each service: before, middle, after. */
  readonly things: readonly [number, number, number];
  readonly lingers: number;
  /** Calls of the middle service that fail before one succeeds. */
  readonly failures: number;
  readonly failWith: 'Transient' | 'Unexpected';
  readonly mode?: 'observe' | 'enforce';
}

/** Three services in memory, `first` before `middle` before `last`, each holding things of a victim and of a bystander. */
export class SmallWorld {
  readonly engine = new MemoryEngine();
  readonly held = new Map<string, Held[]>();
  readonly services: Service[];
  alive = new Set<string>([BYSTANDER]);
  keystoneAway = false;
  /** What must never happen: a thing that went while something before it was still there. */
  readonly wrongOrder: string[] = [];
  #failures: number;
  readonly #options: WorldOptions;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.#failures = options.failures;
    const names = ['first', 'middle', 'last'];
    for (const [index, name] of names.entries()) {
      const of = (owner: ProjectId, count: number) =>
        Array.from({ length: count }, (_, n): Held => ({ id: `${owner}-${n}`, owner, lingers: options.lingers, deleting: false }));
      this.held.set(name, [...of(VICTIM, options.things[index] ?? 0), ...of(BYSTANDER, 2)]);
    }
    this.services = names.map((name, index) =>
      defineService({ name, catalogTypes: [name], after: names.slice(0, index), kinds: [this.#kind(name, names.slice(0, index))] }),
    );
  }

  #kind(service: string, before: readonly string[]) {
    return defineKind<Held>({
      name: 'thing',
      list: async () => {
        this.#fail(service);
        const things = this.held.get(service) ?? [];
        for (const thing of things) if (thing.deleting) thing.lingers -= 1;
        this.held.set(
          service,
          things.filter((thing) => !thing.deleting || thing.lingers >= 0),
        );
        return [...(this.held.get(service) ?? [])];
      },
      id: (row) => row.id,
      owner: (row) => row.owner,
      remove: async (row) => {
        this.#fail(service);
        if (before.some((name) => this.of(name, VICTIM).length > 0)) this.wrongOrder.push(`${service}/${row.id}`);
        row.deleting = true;
        return { is: 'accepted' };
      },
    });
  }

  #fail(service: string): void {
    if (service !== 'middle' || this.#failures <= 0) return;
    this.#failures -= 1;
    throw new PropagatorError({
      code: 'middle.http.500',
      class: this.#options.failWith,
      message: 'it does not feel well',
      advice: 'Wait.',
    });
  }

  of(service: string, owner: string): Held[] {
    return (this.held.get(service) ?? []).filter((thing) => thing.owner === owner);
  }

  things(owner: string): number {
    return [...this.held.keys()].reduce((sum, service) => sum + this.of(service, owner).length, 0);
  }

  get ports(): CoordinatePorts & ServicePorts {
    const unused = () => Promise.reject(new Error('not in this world'));
    const api = (service: string): ServiceApi => ({
      service,
      region: 'one',
      endpoint: '',
      ownProject: 'cleaner',
      request: unused,
      list: unused,
    });
    const cloud: Cloud = {
      keystone: {
        show: async (type, id) => {
          if (this.keystoneAway)
            throw new PropagatorError({ code: 'keystone.http.503', class: 'Transient', message: 'away', advice: 'Wait.' });
          if (!this.alive.has(id) || type !== 'project') return { is: 'absent' };
          return { is: 'present', account: { type, id: parseProjectId.parse(id), enabled: true } };
        },
        projects: unused,
        domains: unused,
        users: unused,
        members: unused,
        groupMembers: unused,
      },
      acts: {
        missingRoles: async () => [],
        enter: unused,
        leave: unused,
        disable: unused,
        delete: unused,
        children: async () => 0,
      },
      ownProject: async () => ({ id: 'cleaner', name: 'cleaner', domainId: 'default' }),
      catalog: async () => [],
      regionsOf: async () => ['one'],
      api: async (service) => api(service.name),
      close: async () => {},
    };
    return {
      engine: this.engine,
      cloud,
      services: this.services,
      mode: this.#options.mode ?? 'enforce',
      graceMillis: 0,
      apartMillis: 2000,
      protectedIds: { projects: [], domains: [] },
      protection: async () => ({ projects: [], domains: [], ownProject: 'cleaner' }),
      limits: { apartMillis: 2000, patienceMillis: 3_600_000, mostAttempts: 5, mostThings: 1000, mostOperationsAnHour: 100 },
      optedIn: [],
      remotes: [],
      concurrency: {},
      budgetMillis: 60_000,
      progressMillis: 400,
      now: () => this.engine.time,
    };
  }

  /** Delivers what is due, and what becomes due, until nothing waits, at most so many times. */
  async settle(ports = this.ports, times = 100): Promise<void> {
    for (let n = 0; n < times && this.engine.waiting.length > 0; n += 1)
      for (const waiting of this.engine.due()) await this.handle(waiting.message, ports).then(() => this.engine.take(waiting));
  }

  /** Hands one message to the function that it is routed to. */
  async handle(message: Message, ports = this.ports): Promise<void> {
    const deliveries: Delivery[] = [{ message, receiveCount: 1 }];
    if (message.type !== 'service.requested') return coordinate(deliveries, ports);
    const service = this.services.find((one) => one.name === message.data.service);
    if (service) await serve(service, deliveries, ports);
  }
}

export const deleted = (id: ProjectId, messageId = 'm-1'): Message => ({
  type: 'account.project.deleted',
  data: { account: { type: 'project', id }, cause: { messageId, eventType: 'identity.project.deleted', at: 0 } },
});
