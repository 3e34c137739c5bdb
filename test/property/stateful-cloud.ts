import { DomainId, ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Cloud } from '../../lib/openstack/cloud.ts';
import {
  checkKeystone,
  factsForDomainDeletion,
  type Permission,
} from '../../lib/operation/keystone-check.ts';
import type { KeystoneAction } from '../../lib/operation/model.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import type { Blocker, Removal, ServiceApi } from '../../lib/task/service.ts';
import { registryWith } from '../registries.ts';
import { ProcessDied } from './chaos-schedule.ts';
import { apiStub, cloudStub, keystoneAway } from './simulation-parts.ts';
import { awaitedOf, type Described } from './stateful-service.ts';

export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly owner: string;
  /** Number of listings that still show it after its deletion was accepted. */
  lingers: number;
  deleting: boolean;
  /** It did not exist when the cleanup began. */
  readonly isLate: boolean;
}

interface Project {
  readonly name: string;
  enabled: boolean;
  readonly parentId?: string;
  readonly immutable?: boolean;
  /** Absent: the domain `default`, which {@link StatefulCloud.isDomainEnabled} describes. */
  readonly domainId?: string;
  readonly tags?: readonly string[];
}
interface Domain {
  readonly name: string;
  enabled: boolean;
  readonly immutable?: boolean;
}

const CLEANER = { userId: 'cleaner-user', ownProject: 'cleaner', isAdmin: true };

const no = (status: 403 | 404, message: string): PropagatorError =>
  new PropagatorError({
    code: `keystone.http.${status}`,
    class: status === 403 ? 'Denied' : 'Gone',
    message,
    advice: 'See to it in Keystone.',
    status,
  });

const noToken = new PropagatorError({
  code: 'keystone.login.project',
  class: 'Denied',
  message: 'Keystone issues no token on the project to the propagator',
  advice: 'Look at it in Keystone.',
});

const bound = new PropagatorError({
  code: 'keystone.login.bound',
  class: 'Denied',
  message: 'an application credential cannot get a token on another project or on the system',
  advice: 'Use a password login for the propagator.',
});

/**
 * The state of Keystone and of the services, the visibility of each resource, and the recorded
 * violations.
 */
export class StatefulCloud {
  resources: Resource[] = [];
  readonly projects = new Map<string, Project>([
    ['target', { name: 'shop', enabled: true }],
    ['control', { name: 'bank', enabled: true }],
    ['cleaner', { name: 'cleaner', enabled: true }],
  ]);
  readonly domains = new Map<string, Domain>();
  /** Users of the domains, by id. */
  readonly domainUsers = new Map<string, string>();
  /** The accounts that were disabled and deleted in Keystone, in this order. */
  readonly events: string[] = [];
  readonly users = new Set(['gone-user', 'other-user']);
  /** Roles that the propagator has now, as `project/role`. */
  readonly roles = new Set<string>();
  /** Tags of every project in Keystone. */
  readonly tags: string[] = [];
  keystoneAway = false;
  /**
   * The propagator logs in with an application credential, which gives no token on another project.
   */
  isBound = false;
  isDomainEnabled = true;
  deletePermission: Permission = { kind: 'granted' };
  /** Types in the catalog in addition to those of the services. */
  readonly moreTypes: string[] = [];
  /** By service: the error that its listings answer instead. */
  readonly broken = new Map<string, PropagatorError>();
  /** The same, by resource type. */
  readonly brokenTypes = new Map<string, PropagatorError>();
  /** By service: the blocker of every removal. */
  readonly blocks = new Map<string, Blocker>();
  /** Services that have left the catalog. */
  readonly lacking = new Set<string>();
  /** Errors that Keystone actions return instead of acting, one after another. */
  readonly refusals: Partial<Record<KeystoneAction['what'], PropagatorError[]>> = {};
  /** Errors that the disabling of a domain returns, one after another. */
  readonly domainRefusals: PropagatorError[] = [];
  /** Types that Keystone does not list after the deletion of a domain. */
  readonly unlistedOfDomain: string[] = [];
  refuseSecondRole = false;
  /** The next Keystone action is interrupted after its first call. */
  powerCut = false;
  /** Called immediately before the next removal, to change the simulated cloud. */
  beforeRemoval: (() => void) | undefined;
  /** Called with each resource that is about to be removed. */
  onRemoval: ((resource: Resource) => void) | undefined;
  /** No removal is ever delayed: a service that waits for a resource type never runs before it. */
  isCalm = false;
  /** Listings ignore the filter, and return the rows of all projects. */
  ignoresFilters = false;
  /** Projects that the services received in a request about a user. */
  readonly asked: string[] = [];
  readonly violations: string[] = [];
  readonly #described: readonly Described[];
  #made = 0;

  constructor(described: readonly Described[]) {
    this.#described = described;
  }

  make(resourceType: string, owner: string, id = `late-${++this.#made}`, lingers = 0): void {
    this.resources.push({
      resourceType,
      owner,
      id,
      lingers,
      deleting: false,
      isLate: id.startsWith('late-'),
    });
  }

  of(owner: string, service = ''): Resource[] {
    return this.resources.filter(
      (resource) => resource.owner === owner && resource.resourceType.startsWith(service),
    );
  }

  /** Class C shows only resources of the token's project. */
  list(resourceType: string, which: 'A' | 'C' | 'D', owner: string, tokenOn: string): Resource[] {
    const [service = ''] = resourceType.split('.');
    const broken = this.broken.get(service) ?? this.brokenTypes.get(resourceType);
    if (broken) throw broken;
    if (which === 'C') this.#mustCount(tokenOn);
    for (const resource of this.resources)
      if (resource.resourceType === resourceType && resource.deleting) resource.lingers -= 1;
    this.resources = this.resources.filter(
      (resource) => !resource.deleting || resource.lingers >= 0,
    );
    const mine = (resource: Resource) =>
      which === 'C' ? resource.owner === tokenOn : this.ignoresFilters || resource.owner === owner;
    return this.resources.filter(
      (resource) => resource.resourceType === resourceType && mine(resource),
    );
  }

  remove(
    resource: Resource,
    which: 'A' | 'C' | 'D',
    tokenOn: string,
    after: readonly string[],
  ): Removal {
    this.beforeRemoval?.();
    this.onRemoval?.(resource);
    const block = this.blocks.get(resource.resourceType.split('.')[0] ?? '');
    if (block) return { kind: 'blocked', ...block };
    if (which === 'C') this.#mustCount(tokenOn);
    const project = this.projects.get(resource.owner);
    if (which === 'D' && !project?.enabled)
      this.violations.push(`${resource.id} was to go with the credentials of the dead`);
    const isActive = this.#isActive(resource.owner);
    if (isActive && !this.#hasRole(resource.owner))
      this.violations.push(`${resource.id} was removed of a project that people work in`);
    const reachable = this.#classesOf(resource.owner, 'A', ...(isActive ? ['C', 'D'] : []));
    const before = reachable.find(
      ({ resourceType, isLate }) =>
        !isLate && after.some((service) => resourceType.startsWith(`${service}.`)),
    );
    if (before)
      this.violations.push(`${resource.resourceType} went while ${before.resourceType} was there`);
    const awaited = this.isCalm
      ? this.of(resource.owner).find(
          ({ resourceType, isLate }) =>
            !isLate && this.#isAwaited(resourceType, resource.resourceType),
        )
      : undefined;
    if (awaited)
      this.violations.push(
        `${resource.resourceType} went while ${awaited.resourceType} was there, which it waits for`,
      );
    resource.deleting = true;
    if (resource.lingers > 0) return { kind: 'accepted' };
    this.resources = this.resources.filter((one) => one !== resource);
    return { kind: 'gone' };
  }

  /** Deletes a project, for any caller: Keystone removes the roles on it, too. */
  delete(id: string): void {
    this.events.push(`deleted ${id}`);
    this.projects.delete(id);
    for (const role of this.roles) if (role.startsWith(`${id}/`)) this.roles.delete(role);
  }

  enable(id: string, enabled: boolean): void {
    const project = this.projects.get(id);
    if (project) project.enabled = enabled;
  }

  #isAwaited(resourceType: string, by: string): boolean {
    const service = this.#described.find(({ name }) => name === by.split('.')[0]);
    return service !== undefined && awaitedOf(service).includes(resourceType);
  }

  #isDomainEnabled(project: string): boolean {
    const { domainId } = this.projects.get(project) ?? {};
    return domainId === undefined
      ? this.isDomainEnabled
      : (this.domains.get(domainId)?.enabled ?? false);
  }

  /** Users can work in the project: it and its domain are enabled. */
  #isActive(id: string): boolean {
    const { domainId } = this.projects.get(id) ?? {};
    if (domainId !== undefined && !this.#isDomainEnabled(id)) return false;
    return this.projects.get(id)?.enabled === true;
  }

  #childrenOf = (id: string) =>
    [...this.projects].flatMap(([child, { name, parentId }]) =>
      parentId === id ? [{ id: child, name }] : [],
    );

  #hasRole = (project: string): boolean =>
    [...this.roles].some((role) => role.startsWith(`${project}/`));

  #mustCount(tokenOn: string): void {
    if (tokenOn === 'cleaner') return;
    if (!this.#isActive(tokenOn) || !this.#hasRole(tokenOn))
      throw no(403, 'the token does not count any more');
  }

  #answer(what: KeystoneAction['what']): void {
    if (this.keystoneAway) throw keystoneAway();
    const refusal = this.refusals[what]?.shift();
    if (refusal) throw refusal;
  }

  #cut(): void {
    if (this.powerCut) throw new ProcessDied();
  }

  #classesOf(owner: string, ...which: string[]): Resource[] {
    return this.of(owner).filter(({ resourceType }) => {
      const [service, name = ''] = resourceType.split('.');
      return which.includes(
        this.#described.find((one) => one.name === service)?.resourceTypes?.[name] ?? '',
      );
    });
  }

  readonly port: Cloud = {
    ...cloudStub([]),
    keystone: {
      show: async (type, id) => {
        if (this.keystoneAway) throw keystoneAway();
        const shown = this.projects.get(id);
        const domain = this.domains.get(id);
        if (type === 'domain' && domain)
          return { kind: 'present', account: { type, id: DomainId.parse(id), ...domain } };
        if (type === 'user' && this.users.has(id))
          return { kind: 'present', account: { type: 'user', id, enabled: true } as never };
        if (type !== 'project' || !shown) return { kind: 'absent' };
        const { name, enabled } = shown;
        const { domainId, parentId, tags = [] } = shown;
        const account = {
          type,
          id: ProjectId.parse(id),
          name,
          enabled,
          tags: [...this.tags, ...tags],
          ...(domainId === undefined ? {} : { domainId: DomainId.parse(domainId) }),
          ...(parentId === undefined ? {} : { parentId: ProjectId.parse(parentId) }),
        };
        return { kind: 'present', account };
      },
      eachPage: async () => {},
      projects: async (domainId) =>
        [...this.projects]
          .filter(([, project]) => domainId !== undefined && project.domainId === domainId)
          .map(([id, { name, enabled, parentId }]) => ({
            type: 'project' as const,
            id: ProjectId.parse(id),
            name,
            enabled,
            domainId,
            ...(parentId === undefined ? {} : { parentId: ProjectId.parse(parentId) }),
          })),
      domains: async () => [],
      users: async () => [],
      members: async () => [],
      groupMembers: async () => [],
    },
    projectAdmin: {
      missingRoles: async (project) =>
        ['admin', 'keeper'].filter((role) => !this.roles.has(`${project}/${role}`)),
      assignRoles: async (project, roles) => {
        this.#answer('assign-role');
        for (const role of roles) {
          if (!this.projects.has(project)) throw no(404, 'no such project');
          if (this.refuseSecondRole && role === 'keeper') throw no(403, 'not this role');
          this.roles.add(`${project}/${role}`);
          this.#cut();
        }
        if (this.isBound) throw bound;
      },
      revokeRoles: async (project, roles) => {
        this.#answer('revoke-role');
        for (const role of roles) {
          this.roles.delete(`${project}/${role}`);
          this.#cut();
        }
      },
      disable: async (project) => {
        this.#answer('disable');
        const left = this.projects.get(project)?.enabled ? this.#classesOf(project, 'C', 'D') : [];
        if (left.length > 0)
          this.violations.push(`disabled while ${left[0]?.resourceType} was there`);
        if (this.#childrenOf(project).some(({ id }) => this.projects.get(id)?.enabled))
          throw no(403, 'its subtree contains enabled projects');
        this.enable(project, false);
        this.events.push(`disabled ${project}`);
        this.#cut();
      },
      enable: async (project) => {
        this.#answer('enable');
        this.enable(project, true);
        this.#cut();
      },
      delete: async (project) => {
        this.#answer('delete');
        if (this.#childrenOf(project).length > 0) throw no(403, 'it has projects below it');
        const [left] = this.projects.has(project) ? this.#classesOf(project, 'A') : [];
        if (left) this.violations.push(`deleted while ${left.resourceType} was there`);
        if (this.#isActive(project)) this.violations.push('deleted while it was enabled');
        this.delete(project);
        this.#cut();
      },
      checkDeletion: async (id, how) => {
        const shown = this.projects.get(id);
        if (!shown) throw no(404, 'no such project');
        const facts = {
          project: { id, enabled: shown.enabled, immutable: shown.immutable === true },
          domain: {
            id: shown.domainId ?? 'default',
            enabled: this.#isDomainEnabled(id),
            immutable: false,
          },
          children: this.#childrenOf(id),
          login: { ...CLEANER, isProjectBound: this.isBound },
          updatePermission: undefined,
          revokeRolePermission: undefined,
          deletePermission: this.deletePermission,
        };
        return checkKeystone(how?.deletedWithDomain ? factsForDomainDeletion(facts) : facts);
      },
    },
    domainAdmin: {
      contents: async (id) => {
        const rows = [...this.domainUsers].flatMap(([user, of]) =>
          of === id ? [{ id: user, name: user }] : [],
        );
        const resourceType = ResourceTypeName.parse('keystone.user');
        return { resources: [{ resourceType, rows }], check: { refusals: [], unknown: [] } };
      },
      disable: async (id) => {
        const refusal = this.domainRefusals.shift();
        if (refusal) throw refusal;
        this.#answer('disable');
        const domain = this.domains.get(id);
        if (domain) domain.enabled = false;
        this.events.push(`disabled ${id}`);
        this.#cut();
      },
      enable: async (id) => {
        this.#answer('enable');
        const domain = this.domains.get(id);
        if (domain) domain.enabled = true;
        this.events.push(`enabled ${id}`);
        this.#cut();
      },
      delete: async (id) => {
        this.#answer('delete');
        if (this.domains.get(id)?.enabled) throw no(403, 'disable it first');
        // Keystone deletes the projects of the domain as well.
        for (const [project, { domainId }] of this.projects)
          if (domainId === id)
            this.violations.push(`${id} was deleted with its project ${project}`);
        this.domains.delete(id);
        for (const [user, of] of this.domainUsers) if (of === id) this.domainUsers.delete(user);
        this.events.push(`deleted ${id}`);
        this.#cut();
        return this.unlistedOfDomain;
      },
    },
    registry: async () => {
      const types = [...this.#described.map(({ name }) => name), ...this.moreTypes];
      return registryWith(types.filter((type) => !this.lacking.has(type)));
    },
    api: async ({ name }, region, projectApi): Promise<ServiceApi | undefined> => {
      if (this.lacking.has(name)) return undefined;
      if (projectApi && this.isBound) throw bound;
      if (projectApi && !this.#isDomainEnabled(projectApi)) throw noToken;
      if (projectApi) this.#mustCount(projectApi);
      return apiStub(name, { region, ownProject: projectApi });
    },
  };
}
