import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });

/**
 * Lowers limits, so that the project cannot create servers. `force` permits a limit below the
 * usage.
 */
export const quotaSuspension = defineQuotaSuspension({
  limitNames: ['instances', 'cores', 'ram'],
  read: quotaSet.readLimits,
  write: (limits, context) => quotaSet.write({ ...limits, force: true }, context),
});
