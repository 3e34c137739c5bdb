import type { CloudClock } from './clock.ts';
import type { DocumentedFront } from './documented.ts';
import type { Call } from './http.ts';
import type { RoleAssignment } from './notifications.ts';
import type { Options } from './options.ts';
import type {
  ApplicationCredential,
  Assignment,
  Attachment,
  Backup,
  Credential,
  Flavor,
  Group,
  GroupSnapshot,
  Image,
  Keypair,
  Limit,
  Message,
  Namespace,
  NetworkRow,
  Project,
  QuotaRow,
  Role,
  Server,
  ServerGroup,
  Snapshot,
  Transfer,
  Trust,
  User,
  Volume,
  VolumeGroup,
  VolumeType,
} from './rows.ts';
import type { Account } from './swift-state.ts';
import type { Tokens } from './tokens.ts';
import type { Row, World } from './world.ts';

const nobody = (): undefined => undefined;
const projectId = (row: { project_id: string }): string => row.project_id;
const name = (row: { name: string }): string => row.name;
const id = (row: Row): string => row.id;
const owned = { owner: projectId, label: name };
const network = {
  owner: projectId,
  label: (row: NetworkRow): string => String(row.name ?? row.id),
};
/** A user's own limits within a project are not a resource of the project. */
const quota = {
  owner: (row: Row): string | undefined => (row.id.includes('/') ? undefined : row.id),
  label: (): string => 'quota',
};

/** The tables of every service, registered in the world. */
export function tables(world: World) {
  return {
    identity: {
      projects: world.table<Project>('keystone.project', { owner: nobody, label: name }),
      users: world.table<User>('keystone.user', { owner: nobody, label: name }),
      groups: world.table<Group>('keystone.group', { owner: nobody, label: name }),
      roles: world.table<Role>('keystone.role', { owner: nobody, label: name }),
      assignments: world.table<Assignment>('keystone.assignment', { owner: nobody, label: id }),
      applicationCredentials: world.table<ApplicationCredential>(
        'keystone.application-credential',
        owned,
      ),
      credentials: world.table<Credential>('keystone.credential', {
        owner: (row) => row.project_id ?? undefined,
        label: (row) => row.type,
      }),
      trusts: world.table<Trust>('keystone.trust', { owner: projectId, label: id }),
      limits: world.table<Limit>('keystone.limit', {
        owner: projectId,
        label: (row) => row.resource_name,
      }),
    },
    compute: {
      servers: world.table<Server>('nova.server', owned),
      groups: world.table<ServerGroup>('nova.server-group', owned),
      flavors: world.table<Flavor>('nova.flavor', { owner: nobody, label: name }),
      keypairs: world.table<Keypair>('nova.keypair', { owner: nobody, label: name }),
      quotas: world.table<QuotaRow>('nova.quota', quota),
    },
    storage: {
      volumes: world.table<Volume>('cinder.volume', owned),
      snapshots: world.table<Snapshot>('cinder.snapshot', owned),
      backups: world.table<Backup>('cinder.backup', owned),
      groups: world.table<VolumeGroup>('cinder.group', owned),
      groupSnapshots: world.table<GroupSnapshot>('cinder.group-snapshot', owned),
      transfers: world.table<Transfer>('cinder.transfer', owned),
      attachments: world.table<Attachment>('cinder.attachment', { owner: projectId, label: id }),
      types: world.table<VolumeType>('cinder.type', { owner: nobody, label: name }),
      groupTypes: world.table<VolumeType>('cinder.group-type', { owner: nobody, label: name }),
      /** Id: the project; one value only, the type's id. */
      defaultTypes: world.table<Row & { type: string }>('cinder.default-type', {
        owner: id,
        label: (row) => row.type,
      }),
      quotas: world.table<QuotaRow>('cinder.quota', quota),
      messages: world.table<Message>('cinder.message', {
        owner: nobody,
        label: (row) => row.event_id,
      }),
    },
    network: {
      networks: world.table<NetworkRow>('neutron.network', network),
      subnets: world.table<NetworkRow>('neutron.subnet', network),
      ports: world.table<NetworkRow>('neutron.port', network),
      routers: world.table<NetworkRow>('neutron.router', network),
      floatingips: world.table<NetworkRow>('neutron.floating-ip', network),
      /** Owned by the project of their floating IP; the API does not show it. */
      portForwardings: world.table<NetworkRow>('neutron.port-forwarding', network),
      trunks: world.table<NetworkRow>('neutron.trunk', network),
      securityGroups: world.table<NetworkRow>('neutron.security-group', network),
      /** They come and go with their group: no resources of their own. */
      securityGroupRules: world.table<NetworkRow>('neutron.security-group-rule', {
        owner: nobody,
        label: id,
      }),
      rbacPolicies: world.table<NetworkRow>('neutron.rbac-policy', network),
      qosPolicies: world.table<NetworkRow>('neutron.qos-policy', network),
      addressGroups: world.table<NetworkRow>('neutron.address-group', network),
      defaultStatefulness: world.table<NetworkRow>('neutron.default-statefulness', network),
      addressScopes: world.table<NetworkRow>('neutron.address-scope', network),
      subnetpools: world.table<NetworkRow>('neutron.subnetpool', network),
      quotas: world.table<QuotaRow>('neutron.quota', quota),
    },
    images: {
      images: world.table<Image>('glance.image', { owner: (row) => row.owner, label: name }),
      namespaces: world.table<Namespace>('glance.metadef-namespace', {
        owner: (row) => row.owner,
        label: id,
      }),
    },
  };
}

/** All that the services share. */
export interface CloudState extends ReturnType<typeof tables> {
  readonly world: World;
  readonly clock: CloudClock;
  readonly options: Options;
  readonly tokens: Tokens;
  /** Swift's accounts by name, `AUTH_<project>`. */
  readonly accounts: Map<string, Account>;
  /** Base URL of each service's server. */
  readonly bases: Map<string, string>;
  /** Catalog entries of the services beyond the core, by name. */
  readonly endpoints: Map<string, { readonly type: string; readonly path: string }>;
  /** The services beyond the core. */
  readonly documented: DocumentedFront[];
  /** Services that Keystone does not have. */
  readonly hidden: Set<string>;
  /**
   * What the real cloud lets happen although it does harm, in words: a test wants this to stay
   * empty.
   */
  readonly mishaps: string[];
  /** Sends a notification as Keystone does. */
  notify(eventType: string, about: string | RoleAssignment, call: Call | undefined): void;
}
