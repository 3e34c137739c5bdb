import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import {
  defineService,
  defineType,
  type Removal,
  type RequiresLiveProject,
} from '../task/service.ts';
import { defineQuota } from './kit/quota.ts';

const requiresLiveProject: RequiresLiveProject = {
  class: 'C',
  leftover:
    'secrets, containers, orders, and the copies of the secrets in the secret store (an HSM, Vault)',
  advice:
    "Let barbican-keystone-listener remove them ([keystone_notifications] enable), or an operator in Barbican's database; neither tells the secret store, and the listener leaves the orders.",
};

const text = z.string().nullish();
/**
 * Barbican names resources by their URL, whose host may be any; only the id at its end is used, and
 * only when it is one.
 */
const idIn = (collection: string) =>
  z
    .string()
    .regex(new RegExp(`/${collection}/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`, 'i'))
    .transform((ref) => ref.slice(-36));

interface Named {
  readonly id: string;
  readonly label: string | undefined;
}
const orderRow = z
  .object({ order_ref: idIn('orders'), type: text, meta: z.object({ name: text }).nullish() })
  .transform(
    (row): Named => ({ id: row.order_ref, label: row.meta?.name ?? row.type ?? undefined }),
  );
const containerRow = z
  .object({ container_ref: idIn('containers'), name: text })
  .transform((row): Named => ({ id: row.container_ref, label: row.name ?? undefined }));
const secretRow = z
  .object({ secret_ref: idIn('secrets'), name: text })
  .transform((row): Named => ({ id: row.secret_ref, label: row.name ?? undefined }));

/**
 * No row of Barbican says whose it is, and no listing takes a project: it shows exactly what
 * belongs to the project of the token (what other projects lent by ACL is not among it). So that
 * project is the owner, and not the one that is to be emptied: with any other token than one on the
 * dying project the rows count as foreign and stay.
 */
const ofTheToken = (
  name: string,
  row: z.ZodType<Named>,
  more: {
    readonly follows?: readonly string[];
    readonly sort?: string;
    readonly blockers?: readonly string[];
  } = {},
) =>
  defineType({
    name,
    requiresLiveProject,
    follows: more.follows ?? [],
    blockers: more.blockers ?? [],
    async list({ api }) {
      const query = { sort: more.sort };
      const { rows } = await api.list(`/v1/${name}s`, {
        collection: `${name}s`,
        row,
        paging: 'total',
        limit: 100,
        query,
      });
      // Barbican sorts by the second at best: a row may stand on two pages.
      const known = new Map(rows.map((one) => [one.id, { ...one, owner: api.ownProject }]));
      return [...known.values()];
    },
    id: ({ id }) => id,
    owner: ({ owner }) => owner,
    label: ({ label }) => label,
    async remove({ id }, { api }): Promise<Removal> {
      await api.request('DELETE', `/v1/${name}s/${encodeURIComponent(id)}`);
      return { is: 'gone' };
    },
  });

/**
 * What was ordered stays behind as secrets and containers; Cinder and Nova leave one order for each
 * key that they had made.
 */
const order = ofTheToken('order', orderRow);

/** A container goes with the list of its consumers, and without its secrets. */
const container = ofTheToken('container', containerRow, { follows: ['order'] });

/**
 * With its payload in the secret store, its metadata, its ACL and the list of its consumers.
 * Private ones, too: the role admin on the project suffices. Without `sort` the pages of secrets
 * have no order at all.
 */
const secret = ofTheToken('secret', secretRow, { follows: ['container'], sort: 'created' });

const quotas = z.object({ project_quotas: z.record(z.string(), z.number().nullish()) });
const SERVICE_ADMIN =
  'the role "key-manager:service-admin" (with enforce_new_defaults: admin, before 2023.2 with system scope)';

/**
 * Limits of its own: a few numbers, which any project can do without. By default Barbican shows and
 * removes them only for a role that hardly any cloud has, so that it must not hold up the rest when
 * it refuses.
 */
const projectQuota = defineQuota({
  name: 'project-quota',
  follows: ['secret'],
  blockers: [
    `Seen and removed only with ${SERVICE_ADMIN}; left out, and that is said, without it.`,
  ],
  async list({ api, project, region }) {
    const path = `/v1/project-quotas/${encodeURIComponent(project)}`;
    const answer = await api.request('GET', path, { accept: [403, 404] });
    if (answer.status === 403)
      throw new PropagatorError({
        code: 'barbican.project-quota.denied',
        class: 'Unsupported',
        message: `whether the project has a quota of its own is not known: Barbican wants ${SERVICE_ADMIN}`,
        advice:
          'Give the propagator that role, or leave it: such a quota is a few numbers and does no harm.',
        service: 'barbican',
        region,
      });
    if (answer.status === 404) return [];
    const own = Object.entries(quotas.parse(answer.json).project_quotas).filter(
      ([, limit]) => typeof limit === 'number',
    );
    // The answer names no project; the path did, and to address by it is all that Barbican can do
    // here.
    return [{ id: project, limits: own.map(([name]) => name).join(', ') }];
  },
  id: (row) => row.id,
  owner: (row) => row.id,
  label: (row) => row.limits,
  async reset(row, { api }): Promise<Removal | undefined> {
    const answer = await api.request('DELETE', `/v1/project-quotas/${encodeURIComponent(row.id)}`, {
      accept: [403],
    });
    if (answer.status !== 403) return undefined;
    return {
      is: 'retained',
      message: "Barbican's policy lets us see the project's quota and not remove it",
      advice: `Give the propagator ${SERVICE_ADMIN}, or leave it: such a quota is a few numbers and does no harm.`,
    };
  },
});

/**
 * Barbican, Key Manager API v1, spoken without a microversion (1.0), for which consumers don't
 * count: a secret with consumers goes. Users in the ACLs of living projects' secrets are left: the
 * id of a user who is gone opens nothing.
 */
export const barbican = defineService({
  name: 'barbican',
  catalogTypes: ['key-manager'],
  // They delete their keys themselves, and find it all right when those are gone (404).
  follows: ['nova', 'cinder', 'glance', 'octavia', 'manila', 'heat', 'magnum', 'tacker'],
  releases: [
    'All: expired secrets are neither listed nor removed by any call; "barbican-manage db clean --soft-delete-expired-secrets" does it.',
    "All: the key by which a project's secrets were encrypted stays in the database (kek_data); only barbican-keystone-listener takes it away.",
    'All: a preferred secret store of the project stays; to ask for it would make a row.',
    'From 2024.1 on, with enforce_new_defaults, any administrator may remove a secret whose id he knows; he still sees none.',
    'From 2026.2 on microversion 1.2 refuses to remove a secret with consumers; it is not asked for.',
  ],
  resourceTypes: [order, container, secret, projectQuota],
});
