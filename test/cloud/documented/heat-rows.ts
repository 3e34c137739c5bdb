import { hex, type Row, type Table, uuid } from '../resource-store.ts';
import type { Project, User } from '../rows.ts';
import type { CloudState } from '../state.ts';

export interface Resource {
  readonly name: string;
  /** The type in the template. */
  readonly type: string;
  readonly physical: string;
  status: string;
  /**
   * Properties in the template: the project of a quota, or the URL at which a server polls its
   * metadata.
   */
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Stack extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly owner: string;
  parent: string | null;
  status: string;
  reason: string;
  readonly hidden: boolean;
  /** `deletion_policy: Retain` in its parent. */
  readonly retained: boolean;
  readonly created: number;
  updated: number | null;
  readonly resources: Resource[];
  readonly registry: Record<string, unknown>;
  /** Why its deletion fails. Nothing of it is removed then. */
  fails?: string;
}
export interface Config extends Row {
  readonly name: string;
  readonly project_id: string;
}
/** Heat stores the owner and does not return it. */
export interface Deployment extends Row {
  readonly config_id: string;
  readonly project_id: string;
}

export interface Tables {
  readonly stacks: Table<Stack>;
  readonly configs: Table<Config>;
  readonly deployments: Table<Deployment>;
}
const inside = new WeakMap<CloudState, Tables>();

/** Returns the tables of a cloud that was started with this service, so that tests can add rows. */
export function heatIn(state: CloudState): Tables {
  const tables = inside.get(state);
  if (!tables) throw new TypeError('this cloud has no Heat');
  return tables;
}

export function openTables(state: CloudState): Tables {
  const owned = { owner: (row: { project_id: string }) => row.project_id };
  const tables = {
    stacks: state.store.table<Stack>('heat.stack', { ...owned, label: (row) => row.name }),
    configs: state.store.table<Config>('heat.software-config', {
      ...owned,
      label: (row) => row.name,
    }),
    deployments: state.store.table<Deployment>('heat.software-deployment', {
      ...owned,
      label: (row) => row.config_id,
    }),
  };
  inside.set(state, tables);
  return tables;
}

/** A resource that is finished. */
export const resource = (
  type: string,
  physical = uuid(),
  more: Partial<Resource> = {},
): Resource => ({
  name: `the-${type.split('::').at(-1)?.toLowerCase()}`,
  type,
  physical,
  status: 'CREATE_COMPLETE',
  ...more,
});

/** A stack with the common fields. */
export const made = (
  owner: Pick<User, 'name'>,
  project_id: string,
  name: string,
  created: number,
  more: Partial<Stack> = {},
): Stack => ({
  id: uuid(),
  name,
  project_id,
  owner: owner.name,
  parent: null,
  status: 'CREATE_COMPLETE',
  reason: 'Stack CREATE completed successfully',
  hidden: false,
  retained: false,
  created,
  updated: null,
  resources: [],
  registry: {},
  ...more,
});

/**
 * Adds at least one resource of every type: a plain stack, one two levels deep, one whose resources
 * are found by name, a hidden one, and one that failed. Also a nested stack that its deleted parent
 * retained, configurations inside and outside of stacks, and a deployment in no stack.
 */
export function seed(
  { stacks, configs, deployments }: Tables,
  project: Project,
  user: User,
  now: number,
): void {
  const add = (name: string, more: Partial<Stack> = {}): Stack =>
    stacks.add(made(user, project.id, name, now, more));
  const config = (name: string): Config =>
    configs.add({ id: uuid(), name, project_id: project.id });
  add('network', {
    resources: [
      resource('OS::Neutron::Net'),
      resource('OS::Heat::RandomString', `network-${hex().slice(0, 12)}`),
    ],
  });
  const template = 'file:///home/user/inner.yaml';
  const group = add('group', { registry: { [template]: template } });
  const middle = add('group-middle', { parent: group.id });
  group.resources.push(resource('OS::Heat::ResourceGroup', middle.id));
  for (const index of ['0', '1']) {
    const member = add(`group-middle-${index}`, {
      parent: middle.id,
      resources: [resource('OS::Heat::RandomString')],
    });
    middle.resources.push(resource(template, member.id, { name: index }));
  }
  add('named', {
    resources: [
      resource('OS::Nova::KeyPair', 'deploy-key'),
      resource('OS::Swift::Container', 'artefacts'),
    ],
  });
  add('hidden', { hidden: true });
  add('half-made', {
    status: 'CREATE_FAILED',
    resources: [resource('OS::Nova::Server', '', { status: 'CREATE_FAILED' })],
  });
  add('kept', { parent: uuid(), retained: true, resources: [resource('OS::Neutron::Net')] });
  add('configured', { resources: [resource('OS::Heat::SoftwareConfig', config('of-a-stack').id)] });
  deployments.add({ id: uuid(), config_id: config('manual').id, project_id: project.id });
}
