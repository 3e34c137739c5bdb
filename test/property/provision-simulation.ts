import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import { lifecycleStep } from '../../lib/handlers/lifecycle.ts';
import { runTask } from '../../lib/handlers/task.ts';
import type { LifecycleRequest } from '../../lib/operation/model.ts';
import { openProvision } from '../../lib/operation/provision.ts';
import { Policy } from '../../lib/policy/schema.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import {
  defineProvision,
  defineService,
  defineType,
  type ProvisionItem,
} from '../../lib/task/service.ts';
import { CONTROL, SIBLING, SuspendSimulation, TARGET } from './suspend-simulation.ts';

export { CONTROL, SIBLING, TARGET } from './suspend-simulation.ts';

/** A network or, with `network`, a subnet. The service accepts two of one name. */
export interface Net {
  readonly id: string;
  readonly owner: ProjectId;
  readonly name: string;
  readonly network?: string;
}
/** The wanted resources of the profile of the target project. */
export interface NetsSection {
  readonly cores?: number | undefined;
  readonly networks: readonly string[];
}

const policyOf = (section: NetsSection, reconcile: boolean): Policy =>
  Policy.parse({
    version: 1,
    rules: [
      {
        match: {},
        on: {
          'project.created': { action: 'provision', profile: 'p', mode: 'enforce', reconcile },
          'project.disabled': { action: 'suspend', mode: 'enforce' },
          'project.enabled': { action: 'resume', mode: 'enforce' },
        },
      },
    ],
    profiles: { p: { nets: section } },
  });

/** The limit of a project without its own. */
const DEFAULT_CORES = 10;
/** The milliseconds after an unclear answer in which the service still creates the resource. */
const LATE_MILLIS = 90_000;

/**
 * A service that provisions: limits, networks, and a subnet in each network. All listings ignore
 * their filter, and the other projects have networks of the same names.
 */
export class ProvisionSimulation extends SuspendSimulation {
  readonly section: NetsSection;
  nets: Net[];
  readonly cores = new Map<string, number>();
  /** Writes to the service, by their effect. */
  writes = 0;
  /** The next creations whose answer is lost, although the service creates the resource later. */
  unclear = 0;
  #late: { readonly at: number; readonly net: Net }[] = [];
  #number = 0;

  constructor(section: NetsSection, reconcile = false) {
    super([]);
    this.section = section;
    this.policy = policyOf(section, reconcile);
    this.nets = section.networks.flatMap((name) =>
      [SIBLING, CONTROL].map((owner) => ({ id: `${owner}-${name}`, owner, name })),
    );
    this.services.push(
      defineService({
        name: 'nets',
        catalogTypes: ['nets'],
        resourceTypes: [this.#netType()],
        provision: this.#provision(),
      }),
    );
  }

  #listed(): Net[] {
    this.call();
    const due = this.#late.filter(({ at }) => at <= this.engine.time);
    this.#late = this.#late.filter((one) => !due.includes(one));
    this.nets.push(...due.map(({ net }) => net));
    return [...this.nets];
  }

  #netType() {
    return defineType<Net>({
      name: 'net',
      list: async ({ project }) => this.#listed().filter(({ owner }) => owner === project),
      id: ({ id }) => id,
      owner: ({ owner }) => owner,
      remove: async (net) => {
        this.call();
        this.nets = this.nets.filter((one) => one.id !== net.id);
        return { kind: 'gone' };
      },
    });
  }

  #provision() {
    const schema = z.object({ cores: z.number().optional(), networks: z.array(z.string()) });
    return defineProvision<NetsSection>({
      schema,
      summary: [],
      parts: [
        async ({ cores }, { project }) => {
          this.call();
          if (cores === undefined) return [];
          const found = this.cores.get(project) ?? DEFAULT_CORES;
          const state =
            found === cores ? 'as-wanted' : found === DEFAULT_CORES ? 'missing' : 'differs';
          const item = { type: 'quota', name: 'cores', wanted: String(cores), found: `${found}` };
          const make = async () => this.#write(() => this.cores.set(project, cores));
          return [{ ...item, state, make }];
        },
        async ({ networks }, { project }) => {
          const listed = this.#listed();
          return networks.flatMap((name) => this.#compareNetwork(name, listed, project));
        },
      ],
    });
  }

  #compareNetwork(name: string, listed: readonly Net[], project: ProjectId): ProvisionItem[] {
    const own = listed.filter(({ owner }) => owner === project);
    const network = own.find((net) => net.name === name && net.network === undefined);
    const subnet = own.find((net) => net.network === network?.id && network !== undefined);
    const itemOf = (type: string, isThere: boolean, make?: () => Promise<void>) => ({
      type,
      name,
      wanted: name,
      canDuplicate: true,
      state: isThere ? ('as-wanted' as const) : make ? ('missing' as const) : ('waiting' as const),
      make,
    });
    const create = (of: string | undefined) => async () =>
      this.#create({ owner: project, name, ...(of === undefined ? {} : { network: of }) });
    return [
      itemOf('network', network !== undefined, create(undefined)),
      itemOf('subnet', subnet !== undefined, network && create(network.id)),
    ];
  }

  #create(net: Omit<Net, 'id'>): void {
    this.#number += 1;
    const created = { id: `net-${this.#number}`, ...net };
    if (this.unclear === 0) {
      this.#write(() => this.nets.push(created));
      return;
    }
    this.unclear -= 1;
    this.call();
    this.writes += 1;
    this.#late.push({ at: this.engine.time + LATE_MILLIS, net: created });
    throw new PropagatorError({
      code: 'nets.http.504',
      class: 'Transient',
      status: 504,
      message: 'no answer in time',
      advice: 'Wait.',
    });
  }

  /** The process may be killed before the call, or after its effect. */
  #write(effect: () => void): void {
    this.call();
    this.writes += 1;
    effect();
    this.call();
  }

  /** Delivers one message to two processes at the same time, as a queue may. */
  async deliverTwice(choice: number): Promise<void> {
    const due = this.engine.dueMessages();
    const waiting = due[choice % Math.max(1, due.length)];
    if (waiting?.message.type !== 'service.requested') return void (await this.deliver(choice));
    const { message } = waiting;
    const service = this.services.find(({ name }) => name === message.data.service);
    if (!service) return;
    const once = () => runTask(service, [{ message, receiveCount: 1 }], this.deps);
    await Promise.all([once(), once()]);
    this.engine.removeDelivered(waiting);
  }

  /** An administrator types `project provision`. */
  async ask(asked: Partial<LifecycleRequest> = {}): Promise<void> {
    const now = this.engine.time;
    const opened = openProvision({
      scope: { type: 'project', id: TARGET },
      cause: { messageId: `asked-${now}`, eventType: 'requested', at: now },
      allOperations: await this.engine.reads.operationsAbout('project', TARGET),
      mode: 'enforce',
      now,
      protectedBecause: undefined,
      request: { by: 'ann', reason: 'test', ...asked },
    });
    const { operations, messages } = lifecycleStep(opened);
    await this.engine.commit({ operations, messages });
  }

  /** The resources of a project, without the ids that the service chose. */
  stateOf(project: ProjectId) {
    const own = this.nets.filter(({ owner }) => owner === project);
    const nameOf = (id: string | undefined) => own.find((net) => net.id === id)?.name;
    return {
      cores: this.cores.get(project),
      networks: own
        .filter(({ network }) => network === undefined)
        .map(({ name }) => name)
        .sort(),
      subnets: own
        .filter(({ network }) => network !== undefined)
        .map(({ network }) => nameOf(network))
        .sort(),
    };
  }

  /** The wanted resources of the profile. */
  get wanted() {
    const networks = [...this.section.networks].sort();
    return { cores: this.section.cores, networks, subnets: networks };
  }
}
