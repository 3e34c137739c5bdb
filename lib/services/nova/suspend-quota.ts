import * as z from 'zod';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = z.object({ quota_set: z.record(z.string(), z.unknown()) });

/**
 * Limits of new servers. Nova asks Keystone for the project, which exists while it is suspended.
 * `force` lets a limit be lower than the usage.
 */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['instances', 'cores', 'ram'],
  async read({ api, project }) {
    const path = `/os-quota-sets/${encodeURIComponent(project)}`;
    return quotaSet.parse((await api.request('GET', path)).json).quota_set;
  },
  async write(limits, { api, project }) {
    const json = { quota_set: { ...limits, force: true } };
    await api.request('PUT', `/os-quota-sets/${encodeURIComponent(project)}`, { json });
  },
});
