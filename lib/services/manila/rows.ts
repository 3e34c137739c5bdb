import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { ListOptions, ProjectContext } from '../../task/service.ts';

const optionalText = z.string().nullish();
const ownedFields = { id: z.string(), name: optionalText, project_id: optionalText };

export const shareRow = z.object({
  ...ownedFields,
  status: z.string(),
  task_state: optionalText,
  has_replicas: z.boolean().nullish(),
  share_group_id: optionalText,
  share_network_id: optionalText,
  share_server_id: optionalText,
  is_soft_deleted: z.boolean().nullish(),
});
export type ShareRow = z.infer<typeof shareRow>;
const snapshotRow = z.object({ ...ownedFields, status: z.string(), share_id: z.string() });
export type SnapshotRow = z.infer<typeof snapshotRow>;
const groupRow = z.object({
  ...ownedFields,
  status: z.string(),
  share_network_id: optionalText,
  share_server_id: optionalText,
});
const groupSnapshotRow = z.object({
  ...ownedFields,
  status: z.string(),
  share_group_id: optionalText,
  members: z.array(z.object({ share_id: optionalText })).nullish(),
});
const lockRow = z.object({
  id: z.string(),
  project_id: optionalText,
  resource_id: optionalText,
  lock_reason: optionalText,
});
const transferRow = z.object({
  id: z.string(),
  name: optionalText,
  source_project_id: optionalText,
  resource_id: optionalText,
});
const backupRow = z.object({
  id: z.string(),
  name: optionalText,
  status: z.string(),
  share_id: z.string(),
  /** The size in GB. */
  size: z.number().nullish(),
});
export type BackupRow = z.infer<typeof backupRow>;
const serverRow = z.object({
  id: z.string(),
  project_id: optionalText,
  status: z.string(),
  share_network_id: optionalText,
  is_auto_deletable: z.boolean().nullish(),
  updated_at: optionalText,
});
const networkRow = z.object({
  ...ownedFields,
  share_network_subnets: z.array(z.object({ id: z.string() })).nullish(),
});
/** The schema omits the user and the password, which these rows also contain. */
const securityServiceRow = z.object({
  ...ownedFields,
  type: optionalText,
  share_networks: z.array(z.string()).nullish(),
});

/** Returns true if the negotiated microversion is at least `version`. */
export function supportsMicroversion(
  { api }: Pick<ProjectContext, 'api'>,
  version: string,
): boolean {
  const minorOf = (microversion: string | undefined): number =>
    Number(microversion?.split('.')[1] ?? 0);
  return minorOf(api.microversion) >= minorOf(version);
}

/** The first microversion that has a resource type. */
interface FirstVersion {
  readonly resourceType: string;
  readonly version: string;
}

/** Throws class `Unsupported` if this release does not have the resource type. */
export function assertResourceTypeSupported(
  context: ProjectContext,
  { resourceType, version }: FirstVersion,
): void {
  if (supportsMicroversion(context, version)) return;
  throw new PropagatorError({
    code: `manila.${resourceType}.unsupported`,
    class: 'Unsupported',
    message: `this Manila does not have this resource type, which needs microversion ${version}`,
    advice: 'No action is necessary.',
    service: 'manila',
    region: context.api.region,
  });
}

/**
 * Returns a function that lists one collection, once per iteration. Several resource types need the
 * same list, because resources of one type block resources of another type. With `firstVersion`,
 * the function throws class `Unsupported` on an older release.
 */
const memoizedListing =
  <S extends z.ZodType>(
    path: string,
    options: (context: ProjectContext) => ListOptions<S>,
    firstVersion?: FirstVersion,
  ) =>
  async (context: ProjectContext): Promise<z.infer<S>[]> => {
    if (firstVersion) assertResourceTypeSupported(context, firstVersion);
    return context.memoize(
      `manila${path}`,
      async () => (await context.api.list(path, options(context))).rows,
    );
  };

/**
 * Returns the query of a listing by project. Without `all_tenants`, Manila silently lists the
 * token's own project. Do not add `with_count`: Manila then ignores the filter by project.
 */
const projectQuery = ({ project }: ProjectContext) => ({ all_tenants: 1, project_id: project });

/**
 * Lists shares without pages, because Manila's paging counts a share once per replica. Shares in
 * the recycle bin (microversion 2.69) need a second listing.
 */
export const sharesOf = (context: ProjectContext): Promise<ShareRow[]> =>
  context.memoize('manila shares', async () => {
    const inRecycleBin = { is_soft_deleted: true };
    const queries = supportsMicroversion(context, '2.69') ? [{}, inRecycleBin] : [{}];
    const listings = queries.map((query) =>
      context.api.list('/shares/detail', {
        collection: 'shares',
        row: shareRow,
        paging: 'none',
        query: { ...projectQuery(context), ...query },
      }),
    );
    const rows = (await Promise.all(listings)).flatMap((one) => one.rows);
    return [...new Map(rows.map((row) => [row.id, row])).values()];
  });
export const snapshotsOf = memoizedListing('/snapshots/detail', (context) => ({
  collection: 'snapshots',
  row: snapshotRow,
  paging: 'none',
  query: projectQuery(context),
}));
export const groupsOf = memoizedListing('/share-groups/detail', (context) => ({
  collection: 'share_groups',
  row: groupRow,
  paging: 'offset',
  query: projectQuery(context),
}));
export const groupSnapshotsOf = memoizedListing('/share-group-snapshots/detail', (context) => ({
  collection: 'share_group_snapshots',
  row: groupSnapshotRow,
  paging: 'offset',
  query: projectQuery(context),
}));
export const networksOf = memoizedListing('/share-networks/detail', (context) => ({
  collection: 'share_networks',
  row: networkRow,
  paging: 'offset',
  query: projectQuery(context),
}));
/**
 * Lists security services without `limit`, which Manila treats as a filter that matches no row
 * (seen on 15.1, unchanged in 2026.2).
 */
export const securityServicesOf = memoizedListing('/security-services/detail', (context) => ({
  collection: 'security_services',
  row: securityServiceRow,
  paging: 'none',
  query: projectQuery(context),
}));
/**
 * Lists share servers. A row names its project only while the share network exists. The query
 * contains only a filter: for a parameter that is not a filter, Manila returns an empty list.
 */
export const serversOf = memoizedListing('/share-servers', ({ project }) => ({
  collection: 'share_servers',
  row: serverRow,
  paging: 'none',
  query: { project_id: project },
}));
export const locksOf = memoizedListing(
  '/resource-locks',
  ({ project }) => ({
    collection: 'resource_locks',
    row: lockRow,
    paging: 'offset',
    query: { all_projects: true, project_id: project },
  }),
  { resourceType: 'lock', version: '2.81' },
);
/**
 * Lists transfers, whose filter by project is `source_project_id`. Without this filter, Manila
 * would ignore the paging parameters.
 */
export const transfersOf = memoizedListing(
  '/share-transfers/detail',
  ({ project }) => ({
    collection: 'transfers',
    row: transferRow,
    paging: 'offset',
    query: { all_tenants: 1, source_project_id: project },
  }),
  { resourceType: 'transfer', version: '2.77' },
);
export const FIRST_BACKUP_VERSION: FirstVersion = { resourceType: 'backup', version: '2.80' };
/**
 * Lists backups of the whole cloud, because Manila ignores a filter by project. The call is
 * experimental up to 2026.2.
 */
export const backupsOfCloud = memoizedListing(
  '/share-backups/detail',
  () => ({
    collection: 'share_backups',
    row: backupRow,
    paging: 'offset',
    query: { all_tenants: 1 },
    headers: EXPERIMENTAL_HEADERS,
  }),
  FIRST_BACKUP_VERSION,
);
export const EXPERIMENTAL_HEADERS = { 'X-OpenStack-Manila-API-Experimental': 'true' };

/**
 * Calls `list`, or returns an empty list if the release does not have the resource type. Use it
 * only to find blockers: in the listing of a resource type, an empty list would mean that no
 * resource is left.
 */
export const listIfSupported = <Row>(
  version: string,
  list: (context: ProjectContext) => Promise<Row[]>,
  context: ProjectContext,
): Promise<Row[]> => (supportsMicroversion(context, version) ? list(context) : Promise.resolve([]));
