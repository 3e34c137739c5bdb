import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });

/**
 * Limits that prevent new servers. Nova checks the project in Keystone, where a suspended project
 * still exists. `force` permits a limit below the usage.
 */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['instances', 'cores', 'ram'],
  read: quotaSet.readLimits,
  write: (limits, context) => quotaSet.write({ ...limits, force: true }, context),
});
