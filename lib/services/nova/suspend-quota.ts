import { quotaSetAt } from '../kit/quota-set.ts';
import { defineQuotaSuspension } from '../kit/suspend-quota.ts';

const quotaSet = quotaSetAt({ path: '/os-quota-sets' });

/**
 * Limits of new servers. Nova asks Keystone for the project, which exists while it is suspended.
 * `force` lets a limit be lower than the usage.
 */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['instances', 'cores', 'ram'],
  read: quotaSet.readLimits,
  write: (limits, context) => quotaSet.write({ ...limits, force: true }, context),
});
