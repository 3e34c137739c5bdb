import * as z from 'zod';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = z.object({ quota_set: z.record(z.string(), z.unknown()) });

/** `force` lets a limit be lower than the usage. */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['shares', 'gigabytes', 'snapshots', 'snapshot_gigabytes', 'share_networks'],
  leaves: ['Limits of single share types stay: the limits for all types stop new shares.'],
  async read({ api, project }) {
    const path = `/quota-sets/${encodeURIComponent(project)}`;
    return quotaSet.parse((await api.request('GET', path)).json).quota_set;
  },
  async write(limits, { api, project }) {
    const json = { quota_set: { ...limits, force: true } };
    await api.request('PUT', `/quota-sets/${encodeURIComponent(project)}`, { json });
  },
});
