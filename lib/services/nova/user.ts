import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { defineUserType, type UserContext } from '../../task/service.ts';
import { defineUserQuota } from '../kit/quota.ts';

const keypairRow = z.object({ keypair: z.object({ name: z.string() }) });
const keypairDetail = z.object({
  keypair: z.object({ name: z.string(), user_id: z.string().nullish() }),
});

const keypairPath = (name: string): string => `/os-keypairs/${encodeURIComponent(name)}`;

/**
 * Returns the keypairs of a user. The list does not show the owner, so each keypair is also
 * requested separately.
 */
export async function keypairsOf({ api, user }: UserContext) {
  const query = { user_id: user };
  const { rows } = await api.list('/os-keypairs', {
    collection: 'keypairs',
    row: keypairRow,
    paging: 'marker',
    query,
  });
  const details = rows.map(async ({ keypair: { name } }) => {
    const answer = await api.request('GET', keypairPath(name), { query, accept: [404] });
    return answer.status === 404 ? [] : [keypairDetail.parse(answer.json).keypair];
  });
  return (await Promise.all(details)).flat();
}

/** Keypairs. When Keystone deletes a user, Nova does not learn of it and keeps the keypairs. */
export const keypair = defineUserType({
  name: 'keypair',
  list: keypairsOf,
  id: (row) => row.name,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name,
  async remove(row, { api, user }) {
    await api.request('DELETE', keypairPath(row.name), { query: { user_id: user } });
    return { kind: 'gone' };
  },
});

const quotaSetBody = z.object({ quota_set: z.record(z.string(), z.unknown()) });

/**
 * Limits of a user in existing projects, a legacy feature that microversion 2.75 still has. When
 * the limits of a project are reset, Nova also removes the limits of its users. For a deleted
 * project, Nova answers 400 (seen on Nova 26).
 */
export const userQuota = defineUserQuota({
  name: 'user-quota',
  list: async (context) =>
    (await Promise.all(context.projects.map((project) => userLimitsRows(project, context)))).flat(),
  id: (row) => `${row.project}/${row.user}`,
  // The answer does not name the user, so the owner is the user of the request.
  owner: (row) => row.user,
  label: (row) => row.limits,
  async reset(row, { api }) {
    await api.request('DELETE', `/os-quota-sets/${encodeURIComponent(row.project)}`, {
      query: { user_id: row.user },
    });
    return undefined;
  },
});

/**
 * Returns one row that names the limits of the user that differ from the limits of the project.
 * Returns no row if none differs or if the project was deleted.
 */
async function userLimitsRows(project: string, { api, user }: UserContext) {
  const path = `/os-quota-sets/${encodeURIComponent(project)}`;
  try {
    const [userAnswer, projectAnswer] = await Promise.all([
      api.request('GET', path, { query: { user_id: user } }),
      api.request('GET', path),
    ]);
    const projectLimits = quotaSetBody.parse(projectAnswer.json).quota_set;
    const userLimits = quotaSetBody.parse(userAnswer.json).quota_set;
    const differingEntries = Object.entries(userLimits).filter(
      ([name, value]) => projectLimits[name] !== value,
    );
    return differingEntries.length === 0
      ? []
      : [{ project, user, limits: differingEntries.map(([name]) => name).join(', ') }];
  } catch (error) {
    if (
      error instanceof PropagatorError &&
      error.report.status === 400 &&
      error.message.includes('not a valid project')
    )
      return [];
    throw error;
  }
}
