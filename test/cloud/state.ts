import type { CloudClock } from './clock.ts';
import type { DocumentedFront } from './documented.ts';
import type { Call } from './http.ts';
import type { RoleAssignment } from './notifications.ts';
import type { Options } from './options.ts';
import type { ResourceStore, Row } from './resource-store.ts';
import type {
  ApplicationCredential,
  Assignment,
  Attachment,
  Backup,
  CatalogEndpoint,
  CatalogService,
  Credential,
  Flavor,
  Group,
  GroupSnapshot,
  IdentityProvider,
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

/** The tables of every service, registered in the store. */
export function tables(store: ResourceStore) {
  return {
    identity: {
      projects: store.table<Project>('keystone.project', { owner: nobody, label: name }),
      users: store.table<User>('keystone.user', { owner: nobody, label: name }),
      groups: store.table<Group>('keystone.group', { owner: nobody, label: name }),
      roles: store.table<Role>('keystone.role', { owner: nobody, label: name }),
      assignments: store.table<Assignment>('keystone.assignment', { owner: nobody, label: id }),
      applicationCredentials: store.table<ApplicationCredential>(
        'keystone.application-credential',
        owned,
      ),
      credentials: store.table<Credential>('keystone.credential', {
        owner: (row) => row.project_id ?? undefined,
        label: (row) => row.type,
      }),
      trusts: store.table<Trust>('keystone.trust', { owner: projectId, label: id }),
      services: store.table<CatalogService>('keystone.service', { owner: nobody, label: name }),
      endpoints: store.table<CatalogEndpoint>('keystone.endpoint', { owner: nobody, label: id }),
      providers: store.table<IdentityProvider>('keystone.identity-provider', {
        owner: nobody,
        label: id,
      }),
      limits: store.table<Limit>('keystone.limit', {
        owner: projectId,
        label: (row) => row.resource_name,
      }),
    },
    compute: {
      servers: store.table<Server>('nova.server', owned),
      groups: store.table<ServerGroup>('nova.server-group', owned),
      flavors: store.table<Flavor>('nova.flavor', { owner: nobody, label: name }),
      keypairs: store.table<Keypair>('nova.keypair', { owner: nobody, label: name }),
      quotas: store.table<QuotaRow>('nova.quota', quota),
    },
    storage: {
      volumes: store.table<Volume>('cinder.volume', owned),
      snapshots: store.table<Snapshot>('cinder.snapshot', owned),
      backups: store.table<Backup>('cinder.backup', owned),
      groups: store.table<VolumeGroup>('cinder.group', owned),
      groupSnapshots: store.table<GroupSnapshot>('cinder.group-snapshot', owned),
      transfers: store.table<Transfer>('cinder.transfer', owned),
      attachments: store.table<Attachment>('cinder.attachment', { owner: projectId, label: id }),
      types: store.table<VolumeType>('cinder.type', { owner: nobody, label: name }),
      groupTypes: store.table<VolumeType>('cinder.group-type', { owner: nobody, label: name }),
      /** The id is that of the project. The only value is the id of the type. */
      defaultTypes: store.table<Row & { type: string }>('cinder.default-type', {
        owner: id,
        label: (row) => row.type,
      }),
      quotas: store.table<QuotaRow>('cinder.quota', quota),
      messages: store.table<Message>('cinder.message', {
        owner: nobody,
        label: (row) => row.event_id,
      }),
    },
    network: {
      networks: store.table<NetworkRow>('neutron.network', network),
      subnets: store.table<NetworkRow>('neutron.subnet', network),
      ports: store.table<NetworkRow>('neutron.port', network),
      routers: store.table<NetworkRow>('neutron.router', network),
      floatingips: store.table<NetworkRow>('neutron.floating-ip', network),
      /** The owner is the project of the floating IP. The API does not show it. */
      portForwardings: store.table<NetworkRow>('neutron.port-forwarding', network),
      trunks: store.table<NetworkRow>('neutron.trunk', network),
      securityGroups: store.table<NetworkRow>('neutron.security-group', network),
      /** Each is created and deleted with its group, so it does not count as a resource. */
      securityGroupRules: store.table<NetworkRow>('neutron.security-group-rule', {
        owner: nobody,
        label: id,
      }),
      rbacPolicies: store.table<NetworkRow>('neutron.rbac-policy', network),
      qosPolicies: store.table<NetworkRow>('neutron.qos-policy', network),
      addressGroups: store.table<NetworkRow>('neutron.address-group', network),
      defaultStatefulness: store.table<NetworkRow>('neutron.default-statefulness', network),
      addressScopes: store.table<NetworkRow>('neutron.address-scope', network),
      subnetpools: store.table<NetworkRow>('neutron.subnetpool', network),
      quotas: store.table<QuotaRow>('neutron.quota', quota),
    },
    images: {
      images: store.table<Image>('glance.image', { owner: (row) => row.owner, label: name }),
      namespaces: store.table<Namespace>('glance.metadef-namespace', {
        owner: (row) => row.owner,
        label: id,
      }),
    },
  };
}

/** The state that all services share. */
export interface CloudState extends ReturnType<typeof tables> {
  readonly store: ResourceStore;
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
  /** Harmful changes that a real cloud allows, in words. Tests expect this list to be empty. */
  readonly sideEffects: string[];
  /** Sends a notification as Keystone does. */
  notify(eventType: string, about: string | RoleAssignment, call: Call | undefined): void;
}
