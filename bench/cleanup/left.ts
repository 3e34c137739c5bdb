import { type Cloud, type Row, type ServiceKey, text } from '../../test/openstack/cloud.ts';

/**
 * The listings that {@link countRemaining} reads. Each shows the rows of all projects with their
 * owners.
 */
const LISTINGS: readonly {
  readonly resourceType: string;
  readonly service: ServiceKey;
  readonly path: string;
  readonly key: string;
  readonly ownerField: string;
}[] = [
  {
    resourceType: 'server',
    service: 'compute',
    path: '/servers/detail?all_tenants=1',
    key: 'servers',
    ownerField: 'tenant_id',
  },
  {
    resourceType: 'volume',
    service: 'volume',
    path: '/volumes/detail?all_tenants=1',
    key: 'volumes',
    ownerField: 'os-vol-tenant-attr:tenant_id',
  },
  {
    resourceType: 'port',
    service: 'network',
    path: '/ports',
    key: 'ports',
    ownerField: 'project_id',
  },
  {
    resourceType: 'router',
    service: 'network',
    path: '/routers',
    key: 'routers',
    ownerField: 'project_id',
  },
  {
    resourceType: 'network',
    service: 'network',
    path: '/networks',
    key: 'networks',
    ownerField: 'project_id',
  },
  { resourceType: 'image', service: 'image', path: '/images', key: 'images', ownerField: 'owner' },
  {
    resourceType: 'security group',
    service: 'network',
    path: '/security-groups',
    key: 'security_groups',
    ownerField: 'project_id',
  },
];

const belongsTo =
  (ownerField: string, projectId: string) =>
  (row: Row): boolean =>
    row[ownerField] === projectId;

/** Counts the remaining resources of a project by type. The result omits types without resources. */
export async function countRemaining(
  cloud: Cloud,
  projectId: string,
): Promise<Record<string, number>> {
  const counted = await Promise.all(
    LISTINGS.map(async ({ resourceType, service, path, key, ownerField }) => {
      const rows = await cloud.admin.rows(service, path, key);
      return [resourceType, rows.filter(belongsTo(ownerField, projectId)).length] as const;
    }),
  );
  const objects = ['object', await objectsIn(cloud, projectId)] as const;
  return Object.fromEntries([...counted, objects].filter(([, count]) => count > 0));
}

/**
 * Returns the number of objects in the Swift account of a project, read with a token on another
 * project.
 */
async function objectsIn(cloud: Cloud, projectId: string): Promise<number> {
  if (!cloud.admin.has('object')) return 0;
  const account = cloud.admin.endpoint('object', projectId);
  const { headers } = await cloud.admin.call('object', 'HEAD', account, { accept: [404, 410] });
  return Number(headers.get('x-account-object-count') ?? 0);
}

/** Returns the sums of the counts of several projects by type. */
export function sumCounts(
  counts: readonly Readonly<Record<string, number>>[],
): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [type, count] of counts.flatMap(Object.entries))
    sums[type] = (sums[type] ?? 0) + count;
  return sums;
}

/** Returns the counts as text, for example `2 servers, 1 port`, or `nothing`. */
export const describeCounts = (left: Readonly<Record<string, number>>): string =>
  Object.entries(left)
    .map(([resourceType, count]) => `${count} ${resourceType}${count === 1 ? '' : 's'}`)
    .join(', ') || 'nothing';

/**
 * Returns the times at which Nova terminated the deleted servers of a project, in epoch
 * milliseconds. Nova stores whole seconds.
 */
export async function terminationTimesOf(cloud: Cloud, projectId: string): Promise<number[]> {
  const path = `/servers/detail?all_tenants=1&deleted=true&project_id=${projectId}`;
  const rows = await cloud.admin.rows('compute', path, 'servers');
  return rows
    .filter((row) => text(row, 'tenant_id') === projectId)
    .map((row) => Date.parse(`${row['OS-SRV-USG:terminated_at']}Z`))
    .filter((at) => Number.isFinite(at))
    .sort((a, b) => a - b);
}
