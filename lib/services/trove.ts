import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../task/service.ts';
import { backup, backupStrategy } from './trove/backups.ts';
import { cluster, instance } from './trove/instances.ts';
import { provision } from './trove/provision.ts';
import { removeUnlessInUse } from './trove/rows.ts';
import { databaseSuspension } from './trove/suspend.ts';

const moduleRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  tenant_id: z.string().nullish(),
  tenant: z.string().nullish(),
});

const modulesOf = async (api: ServiceApi, project: string) => {
  const options = { collection: 'modules', row: moduleRow, paging: 'none' } as const;
  const { rows } = await api.list('/modules', options);
  return rows.filter(
    (row) => row.tenant_id === project || (!row.tenant_id && row.tenant !== 'all'),
  );
};

/**
 * Returns true if a 500 comes from a known fault of Trove since 2023.2: for an administrator,
 * `Modules.load` raises an UnboundLocalError.
 */
async function isModuleListingBroken(error: unknown, api: ServiceApi): Promise<boolean> {
  if (!(error instanceof PropagatorError) || error.report.status !== 500) return false;
  // `isAdministrator` lists clusters. If the list succeeds, Trove is not down, so the fault is the
  // cause of the 500.
  return isAdministrator(api).catch(() => false);
}

/**
 * Returns the API with a token that has only the role member, or `undefined` if Keystone refuses
 * such a token.
 */
const memberApiOf = ({ memberApi }: ProjectContext): Promise<ServiceApi | undefined> =>
  memberApi?.().catch((error: unknown) => {
    if (error instanceof PropagatorError && error.report.class !== 'Transient') return undefined;
    throw error;
  }) ?? Promise.resolve(undefined);

/**
 * Modules. Trove lists the modules of the whole cloud to an administrator. Modules with the tenant
 * `all` apply to all projects and belong to the cloud. If the listing fails with the fault of
 * {@link isModuleListingBroken}, the modules are listed with a member's token. After the deletion
 * of the project, Keystone gives no such token.
 */
const module = defineType({
  name: 'module',
  dependsOn: [{ types: ['instance', 'cluster'], strength: 'preferred', until: 'done' }],
  blockers: ['Trove does not delete a module that is applied to an instance.'],
  async list(context) {
    const { api, project } = context;
    try {
      return await modulesOf(api, project);
    } catch (error) {
      if (!(await isModuleListingBroken(error, api))) throw error;
      const memberApi = await memberApiOf(context);
      if (memberApi) return modulesOf(memberApi, project);
      throw new PropagatorError({
        code: 'trove.module.hidden',
        class: 'Unsupported',
        service: 'trove',
        region: context.region,
        message: 'this Trove answers 500 when an administrator lists modules',
        advice:
          'Modules hold only files for databases. Delete the rows of the project from the ' +
          'table modules in the Trove database.',
      });
    }
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, context) =>
    removeUnlessInUse(context, /applied to/i, async () => {
      // Only an administrator may delete hidden modules and automatically applied modules.
      await context.api.request('DELETE', `/modules/${encodeURIComponent(row.id)}`);
      return { kind: 'gone' };
    }),
});

const configurationRow = z.object({ id: z.string(), name: z.string().nullish() });

/** Returns true if the token has the administrator role. To other tokens Trove answers 401. */
const isAdministrator = async (api: ServiceApi): Promise<boolean> =>
  (await api.request('GET', '/mgmt/clusters', { query: { deleted: false }, accept: [401, 403] }))
    .status < 300;

/**
 * Configuration groups. No row names its owner. With a member's token, Trove lists only the groups
 * of the project, which proves the owner. With an administrator's token, Trove lists the groups of
 * the whole cloud, so one row stands for all of them. A group stays if an instance that uses it is
 * still being built when phase `pre-delete` ends. The operation then reports the group.
 */
const configuration = defineType({
  name: 'configuration',
  requiresLiveProject: {
    class: 'C',
    leftover: 'configuration groups',
    advice:
      'Configuration groups hold only database settings. Delete the rows of the ' +
      'project from the tables configurations and configuration_parameters in the ' +
      'Trove database.',
  },
  dependsOn: [{ types: ['instance', 'cluster'], strength: 'preferred', until: 'done' }],
  blockers: [
    'The propagator lists configuration groups with a token that has only the role ' +
      'member. If Keystone does not issue such a token, the groups stay, and the ' +
      'operation reports them.',
  ],
  async list(context) {
    const { project } = context;
    const api = (await memberApiOf(context)) ?? context.api;
    const { rows } = await api.list('/configurations', {
      collection: 'configurations',
      row: configurationRow,
      paging: 'marker',
    });
    if (rows.length === 0) return [];
    return (await isAdministrator(api))
      ? [{ id: 'of the whole cloud', name: undefined, project, isOfProject: false, api }]
      : rows.map((row) => ({ ...row, project, isOfProject: true, api }));
  },
  id: (row) => row.id,
  owner: (row) => row.project,
  label: (row) => row.name ?? undefined,
  async remove(row, context): Promise<Removal> {
    if (!row.isOfProject)
      return {
        kind: 'retained',
        message:
          'Trove lists the configuration groups of all projects to an administrator and ' +
          'does not show their owners; some may belong to this project',
        advice:
          'Configuration groups hold only database settings. A member of the project can ' +
          'delete them: openstack database configuration delete GROUP',
      };
    return removeUnlessInUse(context, /associated with/i, async () => {
      await row.api.request('DELETE', `/configurations/${encodeURIComponent(row.id)}`);
      return { kind: 'gone' };
    });
  },
});

/**
 * Trove, Database Service API v1.0. Every path contains the project of the token, because Trove
 * refuses any other project, even for an administrator. Limits are not a resource type: no call
 * removes them, and the only call that shows them creates rows of usage (safety rule: listing must
 * not create).
 */
export const trove = defineService({
  name: 'trove',
  catalogTypes: ['database'],
  dependents: [
    { services: ['neutron', 'swift', 'nova', 'cinder'], strength: 'preferred', until: 'done' },
  ],
  releases: [
    'Trove before Wallaby cannot list the instances of one project, and Trove ' +
      'before Victoria cannot list the backups of one project.',
    '2023.2 and later: Trove answers 500 when an administrator lists modules. The ' +
      'propagator removes modules while the project exists. After the deletion of the project, ' +
      'its modules are unreachable.',
    'If Trove answers 403 to the listing of instances, Nova may have refused a call ' +
      'from Trove.',
  ],
  resourceTypes: [backupStrategy, backup, cluster, instance, module, configuration],
  suspension: { suspendAfter: ['aodh', 'octavia', 'nova', 'zun'], types: [databaseSuspension] },
  leftBySuspend: [
    {
      types: ['cluster'],
      because: 'Trove cannot stop a cluster or a member of a cluster.',
    },
    {
      types: ['backup-strategy', 'backup', 'module', 'configuration'],
      because: 'It only stores data, and Keystone gives no token on a disabled project.',
    },
  ],
  provision,
});
