import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/quota-sets' });

/** `force` permits a limit below the usage. */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['shares', 'gigabytes', 'snapshots', 'snapshot_gigabytes', 'share_networks'],
  unchanged: ['Limits of single share types stay: the limits for all types stop new shares.'],
  read: quotaSet.readLimits,
  write: (limits, context) => quotaSet.write({ ...limits, force: true }, context),
});
