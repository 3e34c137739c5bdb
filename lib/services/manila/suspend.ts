import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/quota-sets' });

/** Lowers limits to zero. `force` permits a limit below the usage. */
export const quotaSuspension = defineQuotaSuspension({
  limitNames: ['shares', 'gigabytes', 'snapshots', 'snapshot_gigabytes', 'share_networks'],
  unchangedReasons: [
    'The limits of single share types are not changed, because the limits for all types already ' +
      'prevent new shares.',
  ],
  read: quotaSet.readLimits,
  write: (limits, context) => quotaSet.write({ ...limits, force: true }, context),
});
