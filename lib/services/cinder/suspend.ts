import * as z from 'zod';
import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });
const usageBody = z.object({ quota_set: z.record(z.string(), z.unknown()) });
const used = z.object({ in_use: z.number(), reserved: z.number().default(0) });

/**
 * Cinder refuses a limit below the usage as soon as the project has a limit of its own, and has no
 * `force` (`_validate_existing_resource`, Zed and 2026.2).
 */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['volumes', 'snapshots', 'gigabytes', 'backups', 'backup_gigabytes', 'groups'],
  unchanged: ['Limits of single volume types stay: the limits for all types stop new volumes.'],
  read: quotaSet.readLimits,
  async readUsage({ api, project }) {
    const path = `/os-quota-sets/${encodeURIComponent(project)}`;
    const answer = await api.request('GET', path, { query: { usage: 'true' } });
    const usage = Object.entries(usageBody.parse(answer.json).quota_set);
    return Object.fromEntries(
      usage.flatMap(([name, value]): [string, number][] => {
        const one = used.safeParse(value);
        return one.success ? [[name, one.data.in_use + one.data.reserved]] : [];
      }),
    );
  },
  write: quotaSet.write,
});
