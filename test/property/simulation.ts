import type { ProjectId } from '../../events/ids.ts';
import { ProjectId as parseProjectId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import { defineService, defineType, type Service } from '../../lib/task/service.ts';
import { required } from '../dependencies.ts';
import {
  cloudStub,
  handleMessage,
  keystoneAway,
  type SimulationDeps,
  simulationDeps,
} from './simulation-parts.ts';

export const TARGET = parseProjectId.parse('target');
export const CONTROL = parseProjectId.parse('control');

interface Held {
  id: string;
  owner: string | undefined;
  /** Number of listings that still show it after its deletion was accepted. */
  lingers: number;
  deleting: boolean;
}

export interface SimulationOptions {
  /** Resources of the target project in each service: first, middle, last. */
  readonly resources: readonly [number, number, number];
  readonly lingers: number;
  /** Calls of the middle service that fail before one succeeds. */
  readonly failures: number;
  readonly failWith: 'Transient' | 'Unexpected';
  readonly mode?: 'observe' | 'enforce';
}

/**
 * Three services in memory, `first` before `middle` before `last`. Each holds resources of a target
 * project and of a control project.
 */
export class Simulation {
  readonly engine = new SteppedEngine();
  readonly held = new Map<string, Held[]>();
  readonly services: Service[];
  alive = new Set<string>([CONTROL]);
  keystoneAway = false;
  /** Called after each accepted removal. */
  onRemoval: ((service: string) => Promise<void>) | undefined;
  /**
   * Must stay empty: a resource that was removed while a resource that goes before it still
   * existed.
   */
  readonly wrongOrder: string[] = [];
  #failures: number;
  readonly #options: SimulationOptions;

  constructor(options: SimulationOptions) {
    this.#options = options;
    this.#failures = options.failures;
    const names = ['first', 'middle', 'last'];
    for (const [index, name] of names.entries()) {
      const of = (owner: ProjectId, count: number) =>
        Array.from(
          { length: count },
          (_, n): Held => ({
            id: `${owner}-${n}`,
            owner,
            lingers: options.lingers,
            deleting: false,
          }),
        );
      this.held.set(name, [...of(TARGET, options.resources[index] ?? 0), ...of(CONTROL, 2)]);
    }
    this.services = names.map((name, index) =>
      defineService({
        name,
        catalogTypes: [name],
        dependsOn: [required(...names.slice(0, index))],
        resourceTypes: [this.#resourceType(name, names.slice(0, index))],
      }),
    );
  }

  #resourceType(service: string, before: readonly string[]) {
    return defineType<Held>({
      name: 'resource',
      list: async () => {
        this.#fail(service);
        const resources = this.held.get(service) ?? [];
        for (const resource of resources) if (resource.deleting) resource.lingers -= 1;
        this.held.set(
          service,
          resources.filter((resource) => !resource.deleting || resource.lingers >= 0),
        );
        return [...(this.held.get(service) ?? [])];
      },
      id: (row) => row.id,
      owner: (row) => row.owner,
      remove: async (row) => {
        this.#fail(service);
        if (before.some((name) => this.of(name, TARGET).length > 0))
          this.wrongOrder.push(`${service}/${row.id}`);
        row.deleting = true;
        await this.onRemoval?.(service);
        return { kind: 'accepted' };
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
    return (this.held.get(service) ?? []).filter((resource) => resource.owner === owner);
  }

  resources(owner: string): number {
    return [...this.held.keys()].reduce((sum, service) => sum + this.of(service, owner).length, 0);
  }

  get deps(): SimulationDeps {
    const stub = cloudStub(this.services);
    const cloud: Cloud = {
      ...stub,
      keystone: {
        ...stub.keystone,
        show: async (type, id) => {
          if (this.keystoneAway) throw keystoneAway();
          if (!this.alive.has(id) || type !== 'project') return { kind: 'absent' };
          return {
            kind: 'present',
            account: { type, id: parseProjectId.parse(id), enabled: true },
          };
        },
      },
    };
    const deps = simulationDeps(this.engine, cloud, this.services);
    return { ...deps, mode: this.#options.mode ?? 'enforce' };
  }

  /**
   * Delivers due messages, and those that become due, until none waits. Stops after `times`
   * iterations.
   */
  async settle(deps = this.deps, times = 100): Promise<void> {
    for (let n = 0; n < times && this.engine.waiting.length > 0; n += 1)
      for (const waiting of this.engine.dueMessages())
        await this.handle(waiting.message, deps).then(() => this.engine.removeDelivered(waiting));
  }

  async handle(message: Message, deps = this.deps): Promise<void> {
    await handleMessage(message, deps);
  }
}

export const deleted = (id: ProjectId, messageId = 'm-1'): Message => ({
  type: 'account.project.deleted',
  data: {
    account: { type: 'project', id },
    cause: { messageId, eventType: 'identity.project.deleted', at: 0 },
  },
});
