import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });

export const quotaSuspension = defineQuotaSuspension({
  limits: ['volumes', 'snapshots', 'gigabytes', 'backups', 'backup_gigabytes', 'groups'],
  unchanged: ['Limits of single volume types stay: the limits for all types stop new volumes.'],
  read: quotaSet.readLimits,
  write: quotaSet.write,
});
