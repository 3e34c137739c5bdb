import * as z from 'zod';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const limits = z.record(z.string(), z.unknown());
const listed = z.looseObject({ project_id: z.string().nullish() });
const shown = z.object({ quota: limits });

/**
 * Reads the limits from the listing, which creates no row. In newer releases a GET of the quota
 * writes a row. A limit without a value is the default.
 */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['loadbalancer', 'listener', 'pool'],
  async read({ api, project }) {
    const path = `/v2.0/lbaas/quotas/${encodeURIComponent(project)}/default`;
    const [{ rows }, defaults] = await Promise.all([
      api.list('/v2.0/lbaas/quotas', {
        collection: 'quotas',
        row: listed,
        paging: 'none',
        query: { project_id: project },
      }),
      api.request('GET', path),
    ]);
    const { quota } = shown.parse(defaults.json);
    const own = Object.entries(rows.find((row) => row.project_id === project) ?? {});
    return {
      ...quota,
      // The defaults of Octavia 11 (Zed) have only the older name.
      loadbalancer: quota.loadbalancer ?? quota.load_balancer,
      ...Object.fromEntries(own.filter(([, limit]) => limit !== null)),
    };
  },
  async write(quota, { api, project }) {
    const path = `/v2.0/lbaas/quotas/${encodeURIComponent(project)}`;
    await api.request('PUT', path, { json: { quota } });
  },
});
