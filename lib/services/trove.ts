import * as z from 'zod';
import { defineService, defineType, type Removal, type ServiceApi } from '../task/service.ts';
import { backup, backupStrategy } from './trove/backups.ts';
import { cluster, instance } from './trove/instances.ts';
import { unlessInTheWay } from './trove/rows.ts';

const moduleRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  tenant_id: z.string().nullish(),
  tenant: z.string().nullish(),
});

/**
 * Modules. An administrator gets those of the whole cloud; what is for all projects is the cloud's
 * own, and says so.
 */
const module = defineType({
  name: 'module',
  follows: ['instance', 'cluster'],
  blockers: ['A module stays as long as it is applied to an instance.'],
  async list({ api, project }) {
    const { rows } = await api.list('/modules', {
      collection: 'modules',
      row: moduleRow,
      paging: 'none',
    });
    return rows.filter(
      (row) => row.tenant_id === project || (!row.tenant_id && row.tenant !== 'all'),
    );
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: (row, { api }) =>
    unlessInTheWay(/applied to/i, async () => {
      // Hidden ones and those that are applied by themselves only an administrator may delete.
      await api.request('DELETE', `/modules/${encodeURIComponent(row.id)}`);
      return { is: 'gone' };
    }),
});

const configurationRow = z.object({ id: z.string(), name: z.string().nullish() });

/** To anybody else Trove answers 401 here. */
const isAdministrator = async (api: ServiceApi): Promise<boolean> =>
  (await api.request('GET', '/mgmt/clusters', { query: { deleted: false }, accept: [401, 403] }))
    .status < 300;

/**
 * Configuration groups. No row says whose it is. To a member of the project Trove shows those of
 * the project of his token only, which is the proof of the owner; to an administrator, whatever
 * project his token is on, those of the whole cloud, and nothing tells them apart.
 */
const configuration = defineType({
  name: 'configuration',
  requiresLiveProject: {
    class: 'C',
    leftover: 'configuration groups',
    advice:
      'They hold settings of databases and nothing else; delete the rows in the tables configurations and configuration_parameters of Trove.',
  },
  follows: ['instance', 'cluster'],
  blockers: [
    'A token with the role admin does not tell whose a configuration group is: then they are left, and that is said.',
  ],
  async list({ api, project }) {
    const { rows } = await api.list('/configurations', {
      collection: 'configurations',
      row: configurationRow,
      paging: 'marker',
    });
    if (rows.length === 0) return [];
    if (!(await isAdministrator(api)))
      return rows.map((row) => ({ ...row, project, isOurs: true }));
    return [{ id: 'of the whole cloud', name: undefined, project, isOurs: false }];
  },
  id: (row) => row.id,
  owner: (row) => row.project,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    if (!row.isOurs)
      return {
        is: 'retained',
        message:
          'Trove shows an administrator the configuration groups of the whole cloud and not whose they are; some may be of this project',
        advice:
          'They hold settings of databases and nothing else; a member of the project can delete them (openstack database configuration delete).',
      };
    return unlessInTheWay(/associated with/i, async () => {
      await api.request('DELETE', `/configurations/${encodeURIComponent(row.id)}`);
      return { is: 'gone' };
    });
  },
});

/**
 * Trove, Database Service API v1.0. An administrator's token is for its own project in every path:
 * another one there is refused. Limits of a project are no resource type here: no call removes
 * them, and the only one that shows them creates rows of usage for whom it is asked about (safety
 * rule: listing must not create).
 */
export const trove = defineService({
  name: 'trove',
  catalogTypes: ['database'],
  before: ['neutron', 'swift', 'nova', 'cinder'],
  releases: [
    'Before Wallaby the instances, before Victoria the backups of one project can not be listed.',
    'An answer of 403 to the listing of instances may mean that Nova has refused Trove.',
  ],
  resourceTypes: [backupStrategy, backup, cluster, instance, module, configuration],
});
