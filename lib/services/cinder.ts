import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import { defineService, defineType, type Removal, type ServiceApi } from '../task/service.ts';
import { backup } from './cinder/backups.ts';
import { group } from './cinder/groups.ts';
import { PRIVATE_VOLUME_TYPES, provision } from './cinder/provision.ts';
import { groupSnapshot, snapshot } from './cinder/snapshots.ts';
import { quotaSuspension } from './cinder/suspend.ts';
import { volume } from './cinder/volume.ts';
import { attachment, transfer } from './cinder/volume-uses.ts';
import { defineProjectQuotaAt } from './kit/quota.ts';
import { defineTypeAccess } from './kit/type-access.ts';

const isGone = (error: unknown): error is PropagatorError =>
  error instanceof PropagatorError && error.class === 'Gone';

const typeAccess = defineTypeAccess({
  ...PRIVATE_VOLUME_TYPES,
  revokeBody: (project) => ({ removeProjectAccess: { project } }),
});

const defaultTypeRow = z.object({ project_id: z.string(), default_type_id: z.string().nullish() });
/**
 * Returns the endpoint without the project at its end. Only the paths of default types have no
 * project.
 */
const endpointWithoutProject = (api: ServiceApi): string =>
  api.endpoint.endsWith(`/${api.ownProject}`)
    ? api.endpoint.slice(0, -api.ownProject.length - 1)
    : api.endpoint;

/**
 * The default volume type of a project (since microversion 3.62, Victoria). Cinder answers 404 for
 * a deleted project, so the default types of all projects are listed.
 */
const defaultType = defineType({
  name: 'default-type',
  async list({ api, project }) {
    const endpoint = endpointWithoutProject(api);
    try {
      const { rows } = await api.list('/default-types', {
        collection: 'default_types',
        row: defaultTypeRow,
        paging: 'none',
        endpoint,
      });
      return rows.filter((row) => row.project_id === project);
    } catch (error) {
      if (!isGone(error)) throw error;
      throw new PropagatorError({
        ...error.report,
        code: 'cinder.default-type.unsupported',
        class: 'Unsupported',
        message:
          'this Cinder has no default volume types for projects (microversion 3.62, Victoria)',
        advice: 'No action is necessary.',
      });
    }
  },
  id: (row) => row.project_id,
  owner: (row) => row.project_id,
  label: (row) => row.default_type_id ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    const path = `/default-types/${encodeURIComponent(row.project_id)}`;
    const answer = await api.request('DELETE', path, {
      endpoint: endpointWithoutProject(api),
      accept: [404],
    });
    if (answer.status !== 404) return { kind: 'gone' };
    // Cinder before 2026.2 checks the project in Keystone, and answers 404 for a deleted project.
    // The listing showed the row, so this 404 does not mean that the row is gone.
    return {
      kind: 'retained',
      message:
        'this Cinder (before 2026.2) cannot remove the default volume type of a deleted ' +
        'project; the row that remains only prevents the deletion of that volume type',
      advice:
        'Before you delete that volume type, delete the row from the table ' +
        'default_volume_types in the Cinder database.',
    };
  },
});

/**
 * Limits that were set for the project. Cinder does not check the project in Keystone, so the
 * limits of a deleted project can be listed and reset. The rows of usage and reservations remain in
 * Cinder's database, because no API removes them. The quota is reset last: the default limits would
 * permit new resources where the project's own limit is 0.
 */
const quota = defineProjectQuotaAt('/os-quota-sets', {
  dependsOn: [
    { types: ['volume', 'snapshot', 'backup', 'group'], strength: 'required', until: 'empty' },
  ],
});

/**
 * Cinder, Block Storage API v3. Each path contains the project of the token, because Cinder accepts
 * no other project in the path. Since microversion 3.59 (Train), each row names its owner, and
 * Cinder returns transfers in pages. Messages are not removed, because they expire. A resource
 * waits only for the resources that it depends on (safety rule: one stuck resource stops no other).
 */
export const cinder = defineService({
  name: 'cinder',
  catalogTypes: ['block-storage', 'volumev3', 'block-store', 'volume'],
  // Cinder removed v2 in 2021.2 (Xena), but many catalogs still list it.
  catalogAliases: ['volumev2'],
  dependsOn: [{ services: ['nova'], strength: 'required', until: 'done' }],
  microversion: { header: 'volume', floor: '3.59', ceiling: '3.62' },
  resourceTypes: [
    transfer,
    attachment,
    backup,
    groupSnapshot,
    group,
    snapshot,
    volume,
    typeAccess,
    defaultType,
    quota,
  ],
  provision,
  suspension: { suspendAfter: ['nova'], types: [quotaSuspension] },
  leftBySuspend: [
    {
      types: ['volume', 'snapshot', 'backup', 'group', 'group-snapshot', 'attachment'],
      because: 'Stopped servers do not use it.',
    },
    {
      types: ['transfer'],
      because:
        'A transfer offers a volume to another project. Resume could not create a deleted ' +
        'transfer again with the same key.',
    },
    {
      types: ['type-access', 'default-type'],
      because: 'It applies only to new volumes.',
    },
  ],
});
