import type { Row } from './resource-store.ts';

/** Keystone: a project, or a domain, which is a project that acts as one. */
export interface Project extends Row {
  name: string;
  /** `null` for a domain. */
  readonly domain_id: string | null;
  readonly parent_id: string | null;
  readonly is_domain: boolean;
  enabled: boolean;
  description: string;
  tags: string[];
  options: Record<string, unknown>;
}

export interface User extends Row {
  name: string;
  readonly domain_id: string;
  enabled: boolean;
  password: string;
  default_project_id?: string | undefined;
}

export interface Group extends Row {
  name: string;
  readonly domain_id: string;
  readonly users: Set<string>;
}

export interface Role extends Row {
  readonly name: string;
  /** Names of roles that come with it. */
  readonly implies: readonly string[];
  /** Set for a role of one domain. */
  readonly domain_id?: string;
}

export interface IdentityProvider extends Row {
  readonly domain_id: string;
}

export interface Assignment extends Row {
  readonly role: string;
  readonly actor: { readonly user: string } | { readonly group: string };
  readonly target: { readonly project: string } | { readonly domain: string };
}

export interface ApplicationCredential extends Row {
  readonly name: string;
  readonly user_id: string;
  readonly project_id: string;
  readonly secret: string;
  readonly roles: readonly string[];
}

export interface Credential extends Row {
  readonly type: string;
  readonly blob: string;
  readonly user_id: string;
  readonly project_id: string | null;
}

export interface Trust extends Row {
  readonly trustor_user_id: string;
  readonly trustee_user_id: string;
  readonly project_id: string;
  readonly impersonation: boolean;
}

export interface Limit extends Row {
  readonly project_id: string;
  readonly service_id: string;
  readonly resource_name: string;
  readonly resource_limit: number;
}

/** The quota of one project in one service. The id is that of the project. */
export interface QuotaRow extends Row {
  values: Record<string, number>;
}

export interface Server extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly flavor_id: string;
  readonly image_id: string | undefined;
  vm_state:
    | 'active'
    | 'stopped'
    | 'paused'
    | 'shelved_offloaded'
    | 'error'
    | 'building'
    | 'soft-delete'
    | 'resized';
  task_state: string | null;
  locked: boolean;
  locked_reason: string | null;
  /** Some operators set this in the database: a DELETE then answers 204 and does nothing. */
  disable_terminate: boolean;
  /** Ports that Nova created and deletes with the server. */
  readonly own_ports: Set<string>;
  readonly created_at: number;
  updated_at: number;
  /** The requested actions: `create`, `delete`, `stop`. */
  readonly actions: {
    readonly action: string;
    readonly at: number;
    readonly requestId: string;
    readonly projectId: string;
  }[];
  /** The number of deletions that were started. A delayed end of an earlier deletion is ignored. */
  deletion: number;
}

export interface ServerGroup extends Row {
  readonly name: string;
  readonly policy: string;
  readonly members: string[];
  readonly project_id: string;
  readonly user_id: string;
}

export interface Flavor extends Row {
  readonly name: string;
  readonly is_public: boolean;
  readonly vcpus: number;
  readonly ram: number;
  readonly access: Set<string>;
}

/** Id: the user's id, a slash and the name. */
export interface Keypair extends Row {
  readonly name: string;
  readonly user_id: string;
}

export interface Volume extends Row {
  readonly name: string;
  project_id: string;
  readonly user_id: string;
  readonly size: number;
  status: string;
  migration_status: string | null;
  readonly snapshot_id: string | null;
  group_id: string | null;
  readonly bootable: boolean;
  readonly created_at: number;
  updated_at: number;
  /** How many deletions fail, as on a busy back end. The status then goes back to `available`. */
  busy: number;
}

export interface Snapshot extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly volume_id: string;
  readonly size: number;
  status: string;
  readonly group_snapshot_id: string | null;
  readonly created_at: number;
  updated_at: number;
  busy: number;
}

export interface Backup extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly user_id: string;
  readonly volume_id: string;
  readonly size: number;
  status: string;
  readonly parent_id: string | null;
  readonly created_at: number;
  updated_at: number;
}

export interface VolumeGroup extends Row {
  readonly name: string;
  readonly project_id: string;
  status: string;
  readonly group_type: string;
  readonly volume_types: readonly string[];
  readonly created_at: number;
}

export interface GroupSnapshot extends Row {
  readonly name: string;
  readonly project_id: string;
  readonly group_id: string;
  readonly group_type_id: string;
  status: string;
  readonly created_at: number;
}

export interface Transfer extends Row {
  readonly name: string;
  readonly volume_id: string;
  readonly project_id: string;
  readonly created_at: number;
}

export interface Attachment extends Row {
  readonly volume_id: string;
  readonly instance: string;
  readonly status: string;
  readonly project_id: string;
  readonly delete_on_termination: boolean;
  readonly created_at: number;
}

export interface VolumeType extends Row {
  readonly name: string;
  readonly is_public: boolean;
  readonly description: string | null;
  readonly access: Set<string>;
}

export interface Message extends Row {
  readonly project_id: string;
  readonly event_id: string;
  readonly user_message: string;
  readonly resource_type: string;
  readonly resource_uuid: string;
  readonly created_at: number;
}

/** Neutron shows nearly all fields that it stores. The rows are therefore the JSON itself. */
export interface NetworkRow extends Row {
  project_id: string;
  [field: string]: unknown;
}

export interface Image extends Row {
  readonly name: string;
  readonly owner: string;
  visibility: string;
  os_hidden: boolean;
  protected: boolean;
  status: string;
  readonly size: number | null;
  readonly members: Map<string, string>;
  /** The cause of a 409 to its deletion: a copy-on-write clone. */
  inUse: boolean;
  readonly created_at: number;
  updated_at: number;
}

/** Its id is its name. */
export interface Namespace extends Row {
  owner: string;
  visibility: string;
  protected: boolean;
  readonly created_at: number;
}

/** A service of the catalog that a client created. */
export interface CatalogService extends Row {
  type: string;
  name: string;
  enabled: boolean;
  [attribute: string]: unknown;
}

/** An endpoint of such a service. */
export interface CatalogEndpoint extends Row {
  service_id: string;
  interface: string;
  region_id: string | null;
  url: string;
  enabled: boolean;
  [attribute: string]: unknown;
}
