import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  type Removal,
  type RequiresLiveProject,
  type TypeDependencies,
} from '../task/service.ts';
import { provision } from './barbican/provision.ts';
import { defineProjectQuota } from './kit/quota.ts';

const requiresLiveProject: RequiresLiveProject = {
  class: 'C',
  leftover: 'secrets, containers, orders, and the copies of the secrets in the secret store',
  advice:
    'barbican-keystone-listener removes the secrets and the containers if ' +
    '[keystone_notifications] enable is set. Otherwise delete them from the Barbican database. ' +
    'Delete the orders there in any case. The copies in the secret store remain.',
};

const optionalText = z.string().nullish();
/**
 * The schema of a resource's URL. The schema converts the URL to the UUID at its end. Barbican
 * identifies resources only by their URL, which may name any host.
 */
const idFromUrlSchema = (collection: string) =>
  z
    .string()
    .regex(new RegExp(`/${collection}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, 'i'))
    .transform((ref) => ref.slice(-36));

interface LabeledRow {
  readonly id: string;
  readonly label: string | undefined;
}
const orderRow = z
  .object({
    order_ref: idFromUrlSchema('orders'),
    type: optionalText,
    meta: z.object({ name: optionalText }).nullish(),
  })
  .transform(
    (row): LabeledRow => ({ id: row.order_ref, label: row.meta?.name ?? row.type ?? undefined }),
  );
const containerRow = z
  .object({ container_ref: idFromUrlSchema('containers'), name: optionalText })
  .transform((row): LabeledRow => ({ id: row.container_ref, label: row.name ?? undefined }));
const secretRow = z
  .object({ secret_ref: idFromUrlSchema('secrets'), name: optionalText })
  .transform((row): LabeledRow => ({ id: row.secret_ref, label: row.name ?? undefined }));

/**
 * Defines a type whose rows belong to the project of the token. Barbican's rows name no owner, and
 * its listings have no filter by project. A listing contains exactly the resources of the token's
 * project, without secrets that other projects share by ACL. Each row therefore gets the project of
 * the token as its owner. If the token is on another project, the owner check refuses the rows.
 */
const defineTypeOfTokenProject = (
  name: string,
  row: z.ZodType<LabeledRow>,
  options: {
    readonly dependsOn?: readonly TypeDependencies[];
    readonly sort?: string;
    readonly blockers?: readonly string[];
  } = {},
) =>
  defineType({
    name,
    requiresLiveProject,
    dependsOn: options.dependsOn ?? [],
    blockers: options.blockers ?? [],
    async list({ api }) {
      const query = { sort: options.sort };
      const { rows } = await api.list(`/v1/${name}s`, {
        collection: `${name}s`,
        row,
        paging: 'total',
        pageSize: 100,
        query,
      });
      // Barbican sorts by whole seconds, so the same row may appear on two pages.
      const rowsById = new Map(rows.map((one) => [one.id, { ...one, owner: api.ownProject }]));
      return [...rowsById.values()];
    },
    id: ({ id }) => id,
    owner: ({ owner }) => owner,
    label: ({ label }) => label,
    async remove({ id }, { api }): Promise<Removal> {
      await api.request('DELETE', `/v1/${name}s/${encodeURIComponent(id)}`);
      return { kind: 'gone' };
    },
  });

/**
 * Orders. The secrets and containers of an order are separate resources. Cinder and Nova leave one
 * order for each key that they created.
 */
const order = defineTypeOfTokenProject('order', orderRow);

/** Containers. A deletion also removes the list of consumers, but not the secrets. */
const container = defineTypeOfTokenProject('container', containerRow, {
  dependsOn: [{ types: ['order'], strength: 'preferred', until: 'done' }],
});

/**
 * Secrets. A deletion also removes the payload in the secret store, the metadata, the ACL and the
 * list of consumers. The role admin on the project also permits the deletion of private secrets.
 * Without `sort`, the order of secrets differs between pages.
 */
const secret = defineTypeOfTokenProject('secret', secretRow, {
  dependsOn: [{ types: ['container'], strength: 'preferred', until: 'done' }],
  sort: 'created',
});

const quotaBody = z.object({ project_quotas: z.record(z.string(), z.number().nullish()) });
const SERVICE_ADMIN_ROLE =
  'the role "key-manager:service-admin" (with enforce_new_defaults: admin; before ' +
  '2023.2: admin with system scope)';

/**
 * Limits that were set for the project. To list and reset limits, Barbican requires a role that few
 * clouds assign. If Barbican refuses the listing, the type counts as unsupported, so that the
 * refusal does not block the other resource types.
 */
const projectQuota = defineProjectQuota({
  name: 'project-quota',
  dependsOn: [{ types: ['secret'], strength: 'preferred', until: 'done' }],
  blockers: [
    `Only a user with ${SERVICE_ADMIN_ROLE} can list and reset the quota. Without that ` +
      'role the quota stays, and the report says so.',
  ],
  async list({ api, project, region }) {
    const path = `/v1/project-quotas/${encodeURIComponent(project)}`;
    const answer = await api.request('GET', path, { accept: [403, 404] });
    if (answer.status === 403)
      throw new PropagatorError({
        code: 'barbican.project-quota.denied',
        class: 'Unsupported',
        message:
          'the propagator cannot check whether the project has a quota: Barbican ' +
          `requires ${SERVICE_ADMIN_ROLE}`,
        advice: 'Give the propagator that role, or ignore this: a leftover quota does no harm.',
        service: 'barbican',
        region,
      });
    if (answer.status === 404) return [];
    const ownLimits = Object.entries(quotaBody.parse(answer.json).project_quotas).filter(
      ([, limit]) => typeof limit === 'number',
    );
    // The answer names no owner, so the owner is the project of the path.
    return [{ project, limits: ownLimits.map(([name]) => name).join(', ') }];
  },
  async reset(row, { api }): Promise<Removal | undefined> {
    const answer = await api.request(
      'DELETE',
      `/v1/project-quotas/${encodeURIComponent(row.project)}`,
      {
        accept: [403],
      },
    );
    if (answer.status !== 403) return undefined;
    return {
      kind: 'retained',
      message: 'Barbican lets the propagator read the quota of the project but not reset it',
      advice: `Give the propagator ${SERVICE_ADMIN_ROLE}, or ignore this: the quota does no harm.`,
    };
  },
});

/**
 * Barbican, Key Manager API v1. The propagator calls Barbican without a microversion (1.0), because
 * microversion 1.2 refuses to delete a secret with consumers. The cleanup of a user does not change
 * the ACLs of secrets in existing projects, because the id of a deleted user in an ACL grants
 * nothing.
 */
export const barbican = defineService({
  name: 'barbican',
  catalogTypes: ['key-manager'],
  // These services delete their keys themselves, and accept a 404 for a key that is already
  // deleted.
  dependsOn: [
    {
      services: ['nova', 'cinder', 'glance', 'octavia', 'manila', 'heat', 'magnum', 'tacker'],
      strength: 'preferred',
      until: 'done',
    },
  ],
  releases: [
    'All: no call lists or removes expired secrets. Run "barbican-manage db clean ' +
      '--soft-delete-expired-secrets".',
    'All: the key that encrypted the secrets of a project stays in the database ' +
      '(kek_data). Only barbican-keystone-listener removes it.',
    'All: the propagator neither lists nor removes the preferred secret store of a project, ' +
      'because the call that lists it creates a row in Barbican.',
    'From 2024.1 on, with enforce_new_defaults, any administrator may delete a ' +
      'secret by its id, but still cannot list the secrets of other projects.',
    'From 2026.2 on, microversion 1.2 refuses to delete a secret with consumers. ' +
      'The propagator does not use that microversion.',
  ],
  resourceTypes: [order, container, secret, projectQuota],
  leftBySuspend: [
    {
      types: ['order', 'container', 'secret'],
      because:
        'A disabled project cannot read secrets. Its servers and load balancers need them after ' +
        'the resume.',
    },
    {
      types: ['project-quota'],
      because: 'It applies only to new resources.',
    },
  ],
  provision,
});
