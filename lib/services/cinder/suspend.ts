import * as z from 'zod';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = z.object({ quota_set: z.record(z.string(), z.unknown()) });

export const quotaSuspension = defineQuotaSuspension({
  limits: ['volumes', 'snapshots', 'gigabytes', 'backups', 'backup_gigabytes', 'groups'],
  leaves: ['Limits of single volume types stay: the limits for all types stop new volumes.'],
  async read({ api, project }) {
    const path = `/os-quota-sets/${encodeURIComponent(project)}`;
    return quotaSet.parse((await api.request('GET', path)).json).quota_set;
  },
  async write(limits, { api, project }) {
    const json = { quota_set: limits };
    await api.request('PUT', `/os-quota-sets/${encodeURIComponent(project)}`, { json });
  },
});
