import { grant } from './keystone-grants.ts';
import type { Group, Project, User } from './rows.ts';
import { fillCompute, fillIdentity } from './seed-compute.ts';
import { fillImages, fillObjects } from './seed-content.ts';
import { fillNetwork, type Networks, publicNetwork } from './seed-network.ts';
import { fillStorage } from './seed-storage.ts';
import type { CloudState } from './state.ts';
import { hex } from './world.ts';

/** How many of the plain things a project gets; every awkward kind is there at least once in each size but `empty`. */
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

/** `lab`: what the real lab's bench uses; `large`: the large set of the reference's benchmark. */
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

/** A project that was filled, with who belongs to it. */
export interface Filled {
  readonly project: Project;
  readonly user: User;
  readonly networks: Networks;
}

/** Puts things straight into the cloud: quick, without a call and without a log entry. Only accounts are announced. */
export class Seed {
  readonly #state: CloudState;
  #neighbours: { user: User; project: Project } | undefined;

  constructor(state: CloudState) {
    this.#state = state;
  }

  makeDomain(name: string): Project {
    const domain = this.#state.identity.projects.add({
      id: hex(),
      name,
      domain_id: null,
      parent_id: null,
      is_domain: true,
      enabled: true,
      description: '',
      tags: [],
      options: {},
    });
    this.#state.notify('identity.domain.created', domain.id, undefined);
    return domain;
  }

  makeProject(domain: Pick<Project, 'id'>, name: string, parent?: Pick<Project, 'id'>): Project {
    const project = this.#state.identity.projects.add({
      id: hex(),
      name,
      domain_id: domain.id,
      parent_id: parent?.id ?? domain.id,
      is_domain: false,
      enabled: true,
      description: '',
      tags: [],
      options: {},
    });
    this.#state.notify('identity.project.created', project.id, undefined);
    return project;
  }

  /** A user of a domain; with a project, as its member. */
  makeUser(domain: Pick<Project, 'id'>, name: string, project?: Pick<Project, 'id'>): User {
    const user = this.#state.identity.users.add({ id: hex(), name, domain_id: domain.id, enabled: true, password: `rehearsal-${hex()}` });
    this.#state.notify('identity.user.created', user.id, undefined);
    if (project) this.grant({ user: user.id }, project);
    return user;
  }

  makeGroup(domain: Pick<Project, 'id'>, name: string, users: readonly User[]): Group {
    return this.#state.identity.groups.add({ id: hex(), name, domain_id: domain.id, users: new Set(users.map((user) => user.id)) });
  }

  grant(actor: { user: string } | { group: string }, project: Pick<Project, 'id'>, roleName = 'member'): void {
    const [role] = this.#state.identity.roles.where((row) => row.name === roleName);
    if (role) grant(this.#state, { role: role.id, actor, target: { project: project.id } });
  }

  /**
   * Fills a project with at least one of every awkward kind, and plain ones after the size.
   * It needs a neighbour for what crosses a border (shared networks, image members): the bystanders' first project.
   */
  fill(project: Project, size: SizeName | Size = 'small'): Filled {
    const counts = typeof size === 'string' ? sizes[size] : size;
    const state = this.#state;
    const user = this.makeUser({ id: project.domain_id ?? 'default' }, `member-of-${project.name}`, project);
    const neighbour = this.neighbour();
    const networks = fillNetwork(state, project, counts, neighbour.id);
    const volumes = fillStorage(state, project, user, counts);
    fillCompute(state, project, user, counts, networks, volumes);
    fillImages(state, project, counts, neighbour.id);
    fillObjects(state, project, counts);
    fillIdentity(state, project, user);
    return { project, user, networks };
  }

  /** A project of somebody else, made when it is first needed. */
  neighbour(): Project {
    this.#neighbours ??= this.#makeNeighbour();
    return this.#neighbours.project;
  }

  #makeNeighbour() {
    const domain = this.makeDomain('neighbourhood');
    const project = this.makeProject(domain, 'neighbour');
    return { project, user: this.makeUser(domain, 'neighbour', project) };
  }

  /**
   * Two filled projects of a domain of their own, with the names that the customer's projects and things have:
   * what must be untouched in the end.
   */
  bystanders(size: SizeName | Size = 'tiny', names: readonly string[] = ['production', 'staging']): Filled[] {
    const domain = this.makeDomain('bystanders');
    return names.map((name) => this.fill(this.makeProject(domain, name), size));
  }

  /** The cloud's external network, of the admin's project. */
  publicNetwork(): string {
    return publicNetwork(this.#state).id;
  }
}
