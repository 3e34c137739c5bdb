import { defineQuota } from '../kit/quota.ts';
import { quotaSetAt } from '../kit/quota-set.ts';
import { OwnedRow, ownerOf, requireExtension, rowsOf, urlEncode } from './collection.ts';

const Quota = OwnedRow.pick({ project_id: true, tenant_id: true });

/** The calls for the limits of a project. */
export const quotaSet = quotaSetAt({
  path: '/v2.0/quotas',
  key: 'quota',
  defaultsSegment: 'default',
});

/**
 * The project's own quota. `GET /quotas/PROJECT` returns the defaults for a project without a
 * quota, so the quotas of all projects are listed. This listing has no filter and no pages, and
 * takes 0.3 s per 1000 projects (measured on Neutron 21). The quota is reset last, so that its
 * limits still apply during the cleanup.
 */
export const quota = defineQuota({
  dependsOn: [
    {
      types: ['port', 'network', 'router', 'security-group'],
      strength: 'required',
      until: 'empty',
    },
  ],
  async list(context) {
    await requireExtension(context, 'quotas');
    const rows = await rowsOf(
      context.api,
      { path: '/v2.0/quotas', collection: 'quotas', row: Quota, paging: 'none' },
      [],
    );
    return rows.filter((row) => ownerOf(row) === context.project);
  },
  id: (row) => ownerOf(row) ?? '',
  owner: (row) => ownerOf(row),
  async reset(row, { api }) {
    // A 404 means that the quota is already gone.
    await api.request('DELETE', `/v2.0/quotas/${urlEncode(ownerOf(row) ?? '')}`, { accept: [404] });
    return undefined;
  },
});
