import * as z from 'zod';
import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });
const usageBody = z.object({ quota_set: z.record(z.string(), z.unknown()) });
const limitUsageBody = z.object({ in_use: z.number(), reserved: z.number().default(0) });

/**
 * Lowers limits to the usage. If the project already has a limit of its own, Cinder refuses a value
 * below the usage, and has no `force` (`_validate_existing_resource`, Zed and 2026.2).
 */
export const quotaSuspension = defineQuotaSuspension({
  limitNames: ['volumes', 'snapshots', 'gigabytes', 'backups', 'backup_gigabytes', 'groups'],
  unchangedReasons: [
    'The limits of single volume types are not changed, because the limits for all types already ' +
      'prevent new volumes.',
  ],
  read: quotaSet.readLimits,
  async readUsage({ api, project }) {
    const path = `/os-quota-sets/${encodeURIComponent(project)}`;
    const answer = await api.request('GET', path, { query: { usage: 'true' } });
    const quotaEntries = Object.entries(usageBody.parse(answer.json).quota_set);
    return Object.fromEntries(
      quotaEntries.flatMap(([name, value]): [string, number][] => {
        const { data: usage } = limitUsageBody.safeParse(value);
        return usage ? [[name, usage.in_use + usage.reserved]] : [];
      }),
    );
  },
  write: quotaSet.write,
});
