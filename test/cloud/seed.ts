import { grant } from './keystone-grants.ts';
import { hex } from './resource-store.ts';
import type { Project, User } from './rows.ts';
import { fillCompute, fillIdentity } from './seed-compute.ts';
import { fillImages, fillObjects } from './seed-content.ts';
import { fillNetwork, publicNetwork } from './seed-network.ts';
import { fillStorage } from './seed-storage.ts';
import type { CloudState } from './state.ts';

/**
 * The number of plain resources of a project. Every size except `empty` also has at least one of
 * each special resource.
 */
export interface Size {
  readonly servers: number;
  readonly volumes: number;
  readonly snapshotsPerVolume: number;
  readonly networks: number;
  readonly portsPerNetwork: number;
  readonly securityGroups: number;
  readonly images: number;
  readonly containers: number;
  readonly objectsPerContainer: number;
}

/**
 * `lab`: the size of the bench on the real lab. `large`: the large set of the reference's
 * benchmark.
 */
export const sizes = {
  tiny: {
    servers: 1,
    volumes: 1,
    snapshotsPerVolume: 1,
    networks: 1,
    portsPerNetwork: 1,
    securityGroups: 2,
    images: 1,
    containers: 1,
    objectsPerContainer: 2,
  },
  small: {
    servers: 3,
    volumes: 4,
    snapshotsPerVolume: 1,
    networks: 2,
    portsPerNetwork: 2,
    securityGroups: 3,
    images: 2,
    containers: 2,
    objectsPerContainer: 5,
  },
  lab: {
    servers: 25,
    volumes: 25,
    snapshotsPerVolume: 1,
    networks: 10,
    portsPerNetwork: 2,
    securityGroups: 5,
    images: 5,
    containers: 5,
    objectsPerContainer: 20,
  },
  large: {
    servers: 300,
    volumes: 600,
    snapshotsPerVolume: 2,
    networks: 50,
    portsPerNetwork: 20,
    securityGroups: 200,
    images: 50,
    containers: 20,
    objectsPerContainer: 100,
  },
} as const satisfies Record<string, Size>;
export type SizeName = keyof typeof sizes;

/** A project that was filled, with the member that created its resources. */
export interface Filled {
  readonly projectId: string;
  readonly userId: string;
  readonly project: Project;
  readonly user: User;
}

/**
 * Puts resources into the cloud without API calls and log entries. Only accounts are announced by
 * notifications.
 */
export class Seed {
  readonly #state: CloudState;
  #neighbor: string | undefined;

  constructor(state: CloudState) {
    this.#state = state;
  }

  /** Returns the id of the domain. */
  makeDomain(name: string): string {
    const { id } = this.#add({ name, domain_id: null, parent_id: null, is_domain: true });
    this.#state.notify('identity.domain.created', id, undefined);
    return id;
  }

  /** Returns the id of the project. Without a parent it is directly below the domain. */
  makeProject(domainId: string, name: string, parentId = domainId): string {
    const { id } = this.#add({ name, domain_id: domainId, parent_id: parentId, is_domain: false });
    this.#state.notify('identity.project.created', id, undefined);
    return id;
  }

  #add(fields: Pick<Project, 'name' | 'domain_id' | 'parent_id' | 'is_domain'>): Project {
    return this.#state.identity.projects.add({
      ...fields,
      id: hex(),
      enabled: true,
      description: '',
      tags: [],
      options: {},
    });
  }

  /**
   * Creates a user of a domain. With a project, the user is a member of it. Returns the id of the
   * user.
   */
  makeUser(domainId: string, name: string, projectId?: string): string {
    return this.#user(domainId, name, projectId).id;
  }

  #user(domain_id: string, name: string, projectId?: string): User {
    const user = this.#state.identity.users.add({
      id: hex(),
      name,
      domain_id,
      enabled: true,
      password: `rehearsal-${hex()}`,
    });
    this.#state.notify('identity.user.created', user.id, undefined);
    if (projectId !== undefined) this.grant({ user: user.id }, projectId);
    return user;
  }

  makeGroup(domainId: string, name: string, userIds: readonly string[]): string {
    return this.#state.identity.groups.add({
      id: hex(),
      name,
      domain_id: domainId,
      users: new Set(userIds),
    }).id;
  }

  grant(actor: { user: string } | { group: string }, projectId: string, roleName = 'member'): void {
    const [role] = this.#state.identity.roles.where((row) => row.name === roleName);
    if (role) grant(this.#state, { role: role.id, actor, target: { project: projectId } });
  }

  /**
   * Fills a project with at least one of every special resource, and with plain ones according to
   * the size. Resources that two projects share (shared networks, image members) are shared with
   * {@link neighbor}.
   */
  fill(projectId: string, size: SizeName | Size = 'small'): Filled {
    const counts = typeof size === 'string' ? sizes[size] : size;
    const state = this.#state;
    const project = state.identity.projects.get(projectId);
    if (!project) throw new TypeError(`there is no project ${projectId}`);
    const user = this.#user(
      project.domain_id ?? 'default',
      `member-of-${project.name}-${project.id.slice(0, 6)}`,
      projectId,
    );
    const networks = fillNetwork(state, project, counts, this.neighbor());
    const volumes = fillStorage(state, project, user, counts);
    fillCompute(state, project, user, counts, networks, volumes);
    fillImages(state, project, counts, this.neighbor());
    fillObjects(state, project, counts);
    fillIdentity(state, project, user);
    for (const service of state.documented) service.seed(project, user);
    return { projectId, userId: user.id, project, user };
  }

  /** The id of the cloud's external network; it belongs to the admin's project. */
  publicNetwork(): string {
    return publicNetwork(this.#state).id;
  }

  /** Another project, created when it is first needed. */
  neighbor(): string {
    this.#neighbor ??= this.makeProject(this.makeDomain('neighborhood'), 'neighbor');
    return this.#neighbor;
  }

  /**
   * Creates filled projects in a new domain, with the names of the customer's projects. No test may
   * change them.
   */
  controls(
    size: SizeName | Size = 'tiny',
    names: readonly string[] = ['production', 'staging'],
  ): Filled[] {
    const domainId = this.makeDomain('control projects');
    return names.map((name) => this.fill(this.makeProject(domainId, name), size));
  }
}
