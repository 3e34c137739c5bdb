import type { Cloud, Row, ServiceKey } from '../cloud.ts';
import { HttpError } from '../cloud.ts';

/** A row and the project that owns it according to the row itself. */
export interface ListedResource {
  readonly resourceType: string;
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly row: Row;
}

export interface Listing {
  readonly resourceType: string;
  readonly service: ServiceKey;
  readonly path: string;
  readonly key: string;
  /** The field with the owner; default `project_id`. */
  readonly owner?: string;
  readonly id?: string;
  /** The field with the name, if it is not one of the usual ones. */
  readonly name?: string;
  /** Neutron: listed only if this extension exists. */
  readonly extension?: string;
  readonly headers?: Record<string, string>;
  /** Fields that change without a change of the resource, or that must stay secret. */
  readonly without?: readonly string[];
  /** Paging by a row offset; there are no links. */
  readonly offset?: boolean;
}

/** With this header Designate shows the resources of all projects to an administrator. */
export const IN_ALL_PROJECTS: Record<string, string> = { 'x-auth-all-projects': 'true' };
/** States of a load balancer, which a health manager may change at any time. */
const VOLATILE_STATES = ['provisioning_status', 'operating_status'];
const dns = (
  resourceType: string,
  path: string,
  key: string,
  without: readonly string[] = [],
): Listing => ({
  resourceType: `designate.${resourceType}`,
  service: 'dns',
  path: `${path}?limit=1000`,
  key,
  headers: IN_ALL_PROJECTS,
  without: ['version', 'status', 'action', ...without],
});

/**
 * Every listing covers the whole cloud without a filter by project, so that no filter can hide or
 * create resources. (Neutron recreates a project's default security group if it is listed *by
 * project*; this listing does not.)
 */
export const LISTINGS: readonly Listing[] = [
  {
    resourceType: 'nova.server',
    service: 'compute',
    path: '/servers/detail?all_tenants=1&soft_deleted=true',
    key: 'servers',
    owner: 'tenant_id',
  },
  {
    resourceType: 'nova.server-group',
    service: 'compute',
    path: '/os-server-groups?all_projects=1',
    key: 'server_groups',
    offset: true,
  },
  {
    resourceType: 'cinder.volume',
    service: 'volume',
    path: '/volumes/detail?all_tenants=1',
    key: 'volumes',
    owner: 'os-vol-tenant-attr:tenant_id',
  },
  {
    resourceType: 'cinder.snapshot',
    service: 'volume',
    path: '/snapshots/detail?all_tenants=1',
    key: 'snapshots',
    owner: 'os-extended-snapshot-attributes:project_id',
  },
  {
    resourceType: 'cinder.backup',
    service: 'volume',
    path: '/backups/detail?all_tenants=1',
    key: 'backups',
    owner: 'os-backup-project-attr:project_id',
  },
  {
    resourceType: 'cinder.group',
    service: 'volume',
    path: '/groups/detail?all_tenants=1',
    key: 'groups',
  },
  {
    resourceType: 'cinder.group-snapshot',
    service: 'volume',
    path: '/group_snapshots/detail?all_tenants=1',
    key: 'group_snapshots',
  },
  {
    resourceType: 'cinder.transfer',
    service: 'volume',
    path: '/volume-transfers/detail?all_tenants=1',
    key: 'transfers',
    owner: 'source_project_id',
  },
  { resourceType: 'neutron.network', service: 'network', path: '/networks', key: 'networks' },
  { resourceType: 'neutron.subnet', service: 'network', path: '/subnets', key: 'subnets' },
  { resourceType: 'neutron.port', service: 'network', path: '/ports', key: 'ports' },
  {
    resourceType: 'neutron.router',
    service: 'network',
    path: '/routers',
    key: 'routers',
    extension: 'router',
  },
  {
    resourceType: 'neutron.floating-ip',
    service: 'network',
    path: '/floatingips',
    key: 'floatingips',
    extension: 'router',
  },
  {
    resourceType: 'neutron.trunk',
    service: 'network',
    path: '/trunks',
    key: 'trunks',
    extension: 'trunk',
  },
  {
    resourceType: 'neutron.security-group',
    service: 'network',
    path: '/security-groups',
    key: 'security_groups',
    extension: 'security-group',
  },
  {
    resourceType: 'neutron.rbac-policy',
    service: 'network',
    path: '/rbac-policies',
    key: 'rbac_policies',
    extension: 'rbac-policies',
  },
  {
    resourceType: 'neutron.subnet-pool',
    service: 'network',
    path: '/subnetpools',
    key: 'subnetpools',
    extension: 'subnet_allocation',
  },
  {
    resourceType: 'neutron.address-scope',
    service: 'network',
    path: '/address-scopes',
    key: 'address_scopes',
    extension: 'address-scope',
  },
  {
    resourceType: 'neutron.address-group',
    service: 'network',
    path: '/address-groups',
    key: 'address_groups',
    extension: 'address-group',
  },
  {
    resourceType: 'neutron.qos-policy',
    service: 'network',
    path: '/qos/policies',
    key: 'policies',
    extension: 'qos',
  },
  {
    resourceType: 'neutron.metering-label',
    service: 'network',
    path: '/metering/metering-labels',
    key: 'metering_labels',
    extension: 'metering',
  },
  {
    resourceType: 'neutron.local-ip',
    service: 'network',
    path: '/local_ips',
    key: 'local_ips',
    extension: 'local_ip',
  },
  {
    resourceType: 'neutron.log',
    service: 'network',
    path: '/log/logs',
    key: 'logs',
    extension: 'logging',
  },
  {
    resourceType: 'neutron.ndp-proxy',
    service: 'network',
    path: '/ndp_proxies',
    key: 'ndp_proxies',
    extension: 'l3-ndp-proxy',
  },
  {
    resourceType: 'neutron.quota',
    service: 'network',
    path: '/quotas',
    key: 'quotas',
    extension: 'quotas',
    id: 'project_id',
  },
  {
    resourceType: 'glance.image',
    service: 'image',
    path: '/images?visibility=all&limit=500',
    key: 'images',
    owner: 'owner',
  },
  {
    resourceType: 'glance.image',
    service: 'image',
    path: '/images?visibility=all&os_hidden=true&limit=500',
    key: 'images',
    owner: 'owner',
  },
  {
    resourceType: 'glance.metadef-namespace',
    service: 'image',
    path: '/metadefs/namespaces?limit=500',
    key: 'namespaces',
    owner: 'owner',
    id: 'namespace',
  },
  {
    resourceType: 'octavia.load-balancer',
    service: 'load-balancer',
    path: '/lbaas/loadbalancers',
    key: 'loadbalancers',
    without: VOLATILE_STATES,
  },
  {
    resourceType: 'octavia.listener',
    service: 'load-balancer',
    path: '/lbaas/listeners',
    key: 'listeners',
    without: VOLATILE_STATES,
  },
  {
    resourceType: 'octavia.pool',
    service: 'load-balancer',
    path: '/lbaas/pools',
    key: 'pools',
    without: VOLATILE_STATES,
  },
  {
    resourceType: 'octavia.health-monitor',
    service: 'load-balancer',
    path: '/lbaas/healthmonitors',
    key: 'healthmonitors',
    without: VOLATILE_STATES,
  },
  {
    resourceType: 'octavia.l7-policy',
    service: 'load-balancer',
    path: '/lbaas/l7policies',
    key: 'l7policies',
    without: VOLATILE_STATES,
  },
  dns('zone', '/zones', 'zones', ['serial', 'transferred_at']),
  dns('zone-transfer-request', '/zones/tasks/transfer_requests', 'transfer_requests', ['key']),
  dns('zone-import', '/zones/tasks/imports', 'imports'),
  dns('zone-export', '/zones/tasks/exports', 'exports'),
  {
    resourceType: 'heat.stack',
    service: 'orchestration',
    path: '/stacks?show_nested=true&show_hidden=true',
    key: 'stacks',
    owner: 'project',
    name: 'stack_name',
  },
  {
    resourceType: 'heat.software-config',
    service: 'orchestration',
    path: '/software_configs',
    key: 'software_configs',
    owner: 'project',
  },
  {
    resourceType: 'manila.share',
    service: 'share',
    path: '/shares/detail?all_tenants=1',
    key: 'shares',
  },
  {
    resourceType: 'manila.share',
    service: 'share',
    path: '/shares/detail?all_tenants=1&is_soft_deleted=true',
    key: 'shares',
  },
  {
    resourceType: 'manila.snapshot',
    service: 'share',
    path: '/snapshots/detail?all_tenants=1',
    key: 'snapshots',
  },
  {
    resourceType: 'manila.group',
    service: 'share',
    path: '/share-groups/detail?all_tenants=1',
    key: 'share_groups',
  },
  {
    resourceType: 'manila.group-snapshot',
    service: 'share',
    path: '/share-group-snapshots/detail?all_tenants=1',
    key: 'share_group_snapshots',
  },
  {
    resourceType: 'manila.share-network',
    service: 'share',
    path: '/share-networks/detail?all_tenants=1',
    key: 'share_networks',
  },
  {
    resourceType: 'manila.share-server',
    service: 'share',
    path: '/share-servers',
    key: 'share_servers',
  },
  {
    resourceType: 'manila.security-service',
    service: 'share',
    path: '/security-services/detail?all_tenants=1',
    key: 'security_services',
  },
  { resourceType: 'keystone.trust', service: 'identity', path: '/OS-TRUST/trusts', key: 'trusts' },
  {
    resourceType: 'keystone.credential',
    service: 'identity',
    path: '/credentials',
    key: 'credentials',
  },
  { resourceType: 'keystone.limit', service: 'identity', path: '/limits', key: 'limits' },
  {
    resourceType: 'keystone.project',
    service: 'identity',
    path: '/projects',
    key: 'projects',
    owner: 'id',
  },
];

const word = (row: Row, key: string): string => (typeof row[key] === 'string' ? row[key] : '');

/**
 * Returns all rows of a listing in the whole cloud. Throws if the cloud can't list them, which does
 * not mean "none".
 */
export async function list(cloud: Cloud, listing: Listing): Promise<ListedResource[]> {
  const { admin } = cloud;
  const rows: Row[] = [];
  if (listing.offset) {
    for (let page: Row[] | undefined; page === undefined || page.length > 0; rows.push(...page)) {
      page = await admin.rows(
        listing.service,
        `${listing.path}&limit=500&offset=${rows.length}`,
        listing.key,
      );
    }
  } else
    rows.push(...(await admin.rows(listing.service, listing.path, listing.key, listing.headers)));
  return rows.map((row) => ({
    resourceType: listing.resourceType,
    id: word(row, listing.id ?? 'id'),
    name:
      (listing.name !== undefined && word(row, listing.name)) ||
      word(row, 'name') ||
      word(row, 'display_name') ||
      word(row, 'description'),
    owner: word(row, listing.owner ?? 'project_id'),
    row: Object.fromEntries(
      Object.entries(row).filter(([field]) => !listing.without?.includes(field)),
    ),
  }));
}

/** Calls `ask` and treats the given statuses as an empty list. */
export async function emptyIfStatus<T>(
  statuses: readonly number[],
  ask: () => Promise<T[]>,
): Promise<T[]> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof HttpError && statuses.includes(error.status)) return [];
    throw error;
  }
}
