import * as z from 'zod';
import { defineService, defineType } from '../task/service.ts';
import { defineProjectQuota, limitsRows } from './kit/quota.ts';
import { defineTypeAccess } from './kit/type-access.ts';
import { PRIVATE_FLAVORS, provision } from './nova/provision.ts';
import { NOVA_CONCURRENCY, server } from './nova/server.ts';
import { serverSuspension } from './nova/suspend.ts';
import { quotaSuspension } from './nova/suspend-quota.ts';
import { keypair, userQuota } from './nova/user.ts';
import { userReports } from './nova/user-reports.ts';

const serverGroupRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
});

/**
 * Server groups. Nova cannot list the groups of one project, so the listing reads the groups of the
 * whole cloud and keeps the project's rows.
 */
const serverGroup = defineType({
  name: 'server-group',
  async list({ api, project }) {
    const query = { all_projects: true };
    const { rows } = await api.list('/os-server-groups', {
      collection: 'server_groups',
      row: serverGroupRow,
      paging: 'offset',
      query,
    });
    return rows.filter((row) => row.project_id === project);
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/os-server-groups/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

const flavorAccess = defineTypeAccess({
  ...PRIVATE_FLAVORS,
  revokeBody: (tenant) => ({ removeTenantAccess: { tenant } }),
});

/** The name of each limit in `limits.absolute`, by its name in `quota_class_set`. */
const ABSOLUTE_NAME_BY_LIMIT = {
  instances: 'maxTotalInstances',
  cores: 'maxTotalCores',
  ram: 'maxTotalRAMSize',
  key_pairs: 'maxTotalKeypairs',
  metadata_items: 'maxServerMeta',
  server_groups: 'maxServerGroups',
  server_group_members: 'maxServerGroupMembers',
} as const;
const quotaClassBody = z.object({ quota_class_set: z.record(z.string(), z.unknown()) });
const limitsBody = z.object({ limits: z.object({ absolute: z.record(z.string(), z.unknown()) }) });

/**
 * Limits that were set for the project and for its users. The listing uses `GET /limits`, because
 * `GET /os-quota-sets/PROJECT` fails for a deleted project: Nova checks the project in Keystone. A
 * limit that equals its default is not listed, because its reset would change nothing. The quota is
 * reset last: the default limits would permit new resources where the project's own limit is 0.
 */
const quota = defineProjectQuota({
  dependsOn: [{ types: ['server', 'server-group'], strength: 'required', until: 'empty' }],
  async list({ api, project }) {
    const [limitsAnswer, defaultsAnswer] = await Promise.all([
      api.request('GET', '/limits', { query: { tenant_id: project } }),
      api.request('GET', '/os-quota-class-sets/default'),
    ]);
    const { absolute: absoluteLimits } = limitsBody.parse(limitsAnswer.json).limits;
    const { quota_class_set: defaults } = quotaClassBody.parse(defaultsAnswer.json);
    const differingEntries = Object.entries(ABSOLUTE_NAME_BY_LIMIT).filter(
      ([name, absoluteName]) =>
        defaults[name] !== undefined &&
        absoluteLimits[absoluteName] !== undefined &&
        defaults[name] !== absoluteLimits[absoluteName],
    );
    // The answer names no owner, so the owner is the project of the request.
    return limitsRows(
      project,
      differingEntries.map(([name]) => name),
    );
  },
  async reset(row, { api }) {
    await api.request('DELETE', `/os-quota-sets/${encodeURIComponent(row.project)}`);
    return undefined;
  },
});

/**
 * Nova, Compute API. Since microversion 2.75 (Train), Nova refuses an unknown filter. Earlier
 * microversions ignore the filter and list everything. No later feature is needed, so every cloud
 * is called with 2.75 and answers in the same format. A keypair belongs to a user, so the cleanup
 * of the user removes it.
 */
export const nova = defineService({
  name: 'nova',
  catalogTypes: ['compute'],
  // Nova's API without microversions, and its EC2-compatible API. Both show the servers of
  // `compute`.
  catalogAliases: ['compute_legacy', 'ec2'],
  microversion: { header: 'compute', floor: '2.75', ceiling: '2.75' },
  concurrency: NOVA_CONCURRENCY,
  resourceTypes: [server, serverGroup, flavorAccess, quota],
  userResourceTypes: [keypair, userQuota],
  userReports,
  suspension: {
    suspendAfter: ['aodh', 'octavia', 'swift'],
    types: [serverSuspension, quotaSuspension],
  },
  provision,
  leftBySuspend: [
    {
      types: ['server-group', 'flavor-access'],
      because: 'It runs nothing, and takes effect only for new servers.',
    },
  ],
});
