import { ProjectId } from '../../events/ids.ts';
import type { Blocker, Removal, ServiceApi } from '../../lib/cleanup/service.ts';
import { PropagatorError } from '../../lib/errors.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import type { Act } from '../../lib/operation/model.ts';
import { Died } from './fates.ts';
import type { Described } from './living-service.ts';

export interface Thing {
  readonly kind: string;
  readonly id: string;
  readonly owner: string;
  /** Listings that still show it after its deletion was accepted. */
  lingers: number;
  deleting: boolean;
  /** It was not there when the cleanup began. */
  readonly isLate: boolean;
}

interface Project {
  readonly name: string;
  enabled: boolean;
  readonly parentId?: string;
}

const no = (status: 403 | 404, message: string): PropagatorError =>
  new PropagatorError({
    code: `keystone.http.${status}`,
    class: status === 403 ? 'Denied' : 'Gone',
    message,
    advice: 'See to it in Keystone.',
    status,
  });

const bound = new PropagatorError({
  code: 'keystone.login.bound',
  class: 'Denied',
  message: 'an application credential gives no token on another project or on the system',
  advice: 'Let the propagator log in with a password instead.',
});

/** What Keystone and the services hold, who may see it, and what must never happen. */
export class LivingCloud {
  things: Thing[] = [];
  readonly projects = new Map<string, Project>([
    ['victim', { name: 'shop', enabled: true }],
    ['bystander', { name: 'bank', enabled: true }],
    ['cleaner', { name: 'cleaner', enabled: true }],
  ]);
  readonly users = new Set(['gone-user', 'other-user']);
  /** Roles that the propagator has now, as `project/role`. */
  readonly roles = new Set<string>();
  keystoneAway = false;
  /** It logs in with an application credential, which gives no token on another project. */
  isBound = false;
  /** Types in the catalog beside those of the services. */
  readonly moreTypes: string[] = [];
  /** By service: what its listings answer instead. */
  readonly broken = new Map<string, PropagatorError>();
  /** By kind, likewise. */
  readonly brokenKinds = new Map<string, PropagatorError>();
  /** By service: what stands in the way of every removal. */
  readonly blocks = new Map<string, Blocker>();
  /** Services that have left the catalog. */
  readonly lacking = new Set<string>();
  /** What acts answer instead of doing it, one after another. */
  readonly refusals: Partial<Record<Act['what'], PropagatorError[]>> = {};
  refuseSecondRole = false;
  /** The next act is cut off after its first call. */
  powerCut = false;
  /** Somebody does something in the moment before the next removal. */
  beforeRemoval: (() => void) | undefined;
  /** Nothing is ever held up: whoever waits for a kind goes ahead of none of it. */
  isCalm = false;
  /** Rows of everybody are shown, whatever is asked for. */
  ignoresFilters = false;
  /** Projects that the services were told of when they were asked about a user. */
  readonly asked: string[] = [];
  readonly violations: string[] = [];
  readonly #described: readonly Described[];
  #made = 0;

  constructor(described: readonly Described[]) {
    this.#described = described;
  }

  make(kind: string, owner: string, id = `late-${++this.#made}`, lingers = 0): void {
    this.things.push({ kind, owner, id, lingers, deleting: false, isLate: id.startsWith('late-') });
  }

  of(owner: string, service = ''): Thing[] {
    return this.things.filter((thing) => thing.owner === owner && thing.kind.startsWith(service));
  }

  /** Class C shows what belongs to the project of the token, and nothing else. */
  list(kind: string, which: 'A' | 'C' | 'D', owner: string, tokenOn: string): Thing[] {
    const [service = ''] = kind.split('.');
    const broken = this.broken.get(service) ?? this.brokenKinds.get(kind);
    if (broken) throw broken;
    if (which === 'C') this.#mustCount(tokenOn);
    for (const thing of this.things) if (thing.kind === kind && thing.deleting) thing.lingers -= 1;
    this.things = this.things.filter((thing) => !thing.deleting || thing.lingers >= 0);
    const mine = (thing: Thing) => (which === 'C' ? thing.owner === tokenOn : this.ignoresFilters || thing.owner === owner);
    return this.things.filter((thing) => thing.kind === kind && mine(thing));
  }

  remove(thing: Thing, which: 'A' | 'C' | 'D', tokenOn: string, after: readonly string[]): Removal {
    this.beforeRemoval?.();
    const block = this.blocks.get(thing.kind.split('.')[0] ?? '');
    if (block) return { is: 'blocked', ...block };
    if (which === 'C') this.#mustCount(tokenOn);
    const project = this.projects.get(thing.owner);
    if (which === 'D' && !project?.enabled) this.violations.push(`${thing.id} was to go with the credentials of the dead`);
    if (project?.enabled && !this.#hasRole(thing.owner)) this.violations.push(`${thing.id} was removed of a project that people work in`);
    const reachable = this.#classesOf(thing.owner, 'A', ...(project?.enabled ? ['C', 'D'] : []));
    const before = reachable.find(({ kind, isLate }) => !isLate && after.some((service) => kind.startsWith(`${service}.`)));
    if (before) this.violations.push(`${thing.kind} went while ${before.kind} was there`);
    const awaited = this.isCalm ? this.of(thing.owner).find(({ kind, isLate }) => !isLate && this.#isAwaited(kind, thing.kind)) : undefined;
    if (awaited) this.violations.push(`${thing.kind} went while ${awaited.kind} was there, which it waits for`);
    thing.deleting = true;
    if (thing.lingers > 0) return { is: 'accepted' };
    this.things = this.things.filter((one) => one !== thing);
    return { is: 'gone' };
  }

  /** Whoever deletes it: Keystone forgets the roles on it, too. */
  delete(id: string): void {
    this.projects.delete(id);
    for (const role of this.roles) if (role.startsWith(`${id}/`)) this.roles.delete(role);
  }

  enable(id: string, enabled: boolean): void {
    const project = this.projects.get(id);
    if (project) project.enabled = enabled;
  }

  #isAwaited(kind: string, by: string): boolean {
    const [service = '', name = ''] = kind.split('.');
    const awaitedBy = this.#described.find((one) => one.name === service)?.awaitedBy?.[name] ?? [];
    return awaitedBy.includes(by.split('.')[0] ?? '');
  }

  #hasRole = (project: string): boolean => [...this.roles].some((role) => role.startsWith(`${project}/`));

  #mustCount(tokenOn: string): void {
    if (tokenOn === 'cleaner') return;
    if (!this.projects.get(tokenOn)?.enabled || !this.#hasRole(tokenOn)) throw no(403, 'the token does not count any more');
  }

  #answer(what: Act['what']): void {
    if (this.keystoneAway) throw new PropagatorError({ code: 'keystone.http.503', class: 'Transient', message: 'away', advice: 'Wait.' });
    const refusal = this.refusals[what]?.shift();
    if (refusal) throw refusal;
  }

  #cut(): void {
    if (this.powerCut) throw new Died();
  }

  #classesOf(owner: string, ...which: string[]): Thing[] {
    return this.of(owner).filter(({ kind }) => {
      const [service, name = ''] = kind.split('.');
      return which.includes(this.#described.find((one) => one.name === service)?.kinds?.[name] ?? '');
    });
  }

  readonly port: Cloud = {
    keystone: {
      show: async (type, id) => {
        if (this.keystoneAway)
          throw new PropagatorError({ code: 'keystone.http.503', class: 'Transient', message: 'away', advice: 'Wait.' });
        const shown = this.projects.get(id);
        if (type === 'user' && this.users.has(id)) return { is: 'present', account: { type: 'user', id, enabled: true } as never };
        if (type !== 'project' || !shown) return { is: 'absent' };
        const { name, enabled } = shown;
        return { is: 'present', account: { type, id: ProjectId.parse(id), name, enabled } };
      },
      projects: async () => [],
      domains: async () => [],
      users: async () => [],
      members: async () => [],
      groupMembers: async () => [],
    },
    acts: {
      missingRoles: async (project) => ['admin', 'keeper'].filter((role) => !this.roles.has(`${project}/${role}`)),
      enter: async (project, roles) => {
        this.#answer('enter');
        for (const role of roles) {
          if (!this.projects.has(project)) throw no(404, 'no such project');
          if (this.refuseSecondRole && role === 'keeper') throw no(403, 'not this role');
          this.roles.add(`${project}/${role}`);
          this.#cut();
        }
        if (this.isBound) throw bound;
      },
      leave: async (project, roles) => {
        this.#answer('leave');
        for (const role of roles) {
          this.roles.delete(`${project}/${role}`);
          this.#cut();
        }
      },
      disable: async (project) => {
        this.#answer('disable');
        const left = this.projects.get(project)?.enabled ? this.#classesOf(project, 'C', 'D') : [];
        if (left.length > 0) this.violations.push(`disabled while ${left[0]?.kind} was there`);
        this.enable(project, false);
        this.#cut();
      },
      delete: async (project) => {
        this.#answer('delete');
        if ((await this.port.acts.children(ProjectId.parse(project))) > 0) throw no(403, 'it has projects below it');
        const [left] = this.projects.has(project) ? this.#classesOf(project, 'A') : [];
        if (left) this.violations.push(`deleted while ${left.kind} was there`);
        if (this.projects.get(project)?.enabled) this.violations.push('deleted while it was enabled');
        this.delete(project);
        this.#cut();
      },
      children: async (project) => [...this.projects.values()].filter(({ parentId }) => parentId === project).length,
    },
    ownProject: async () => ({ id: 'cleaner', name: 'cleaner', domainId: 'default' }),
    catalog: async () =>
      [...this.#described.map(({ name }) => name), ...this.moreTypes].map((type) => ({ type, name: type, regions: ['one'] })),
    regionsOf: async ({ catalogTypes }) => (this.lacking.has(catalogTypes[0] ?? '') ? [] : ['one']),
    api: async ({ name }, region, onProject): Promise<ServiceApi | undefined> => {
      if (this.lacking.has(name)) return undefined;
      if (onProject && this.isBound) throw bound;
      if (onProject) this.#mustCount(onProject);
      const unused = () => Promise.reject(new Error('not in this world'));
      return { service: name, region, endpoint: '', ownProject: onProject ?? 'cleaner', request: unused, list: unused };
    },
    close: async () => {},
  };
}
