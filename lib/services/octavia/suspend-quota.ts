import { defineQuotaSuspension } from '../kit/suspend-quota.ts';
import { readQuota, writeQuota } from './quota.ts';

/** Lowers limits, so that the project cannot create load balancers. */
export const quotaSuspension = defineQuotaSuspension({
  limitNames: ['loadbalancer', 'listener', 'pool'],
  async read(context) {
    const { limits, defaults } = await readQuota(context);
    // The default applies to a limit without a value.
    const explicitLimits = Object.entries(limits).filter(([, limit]) => typeof limit === 'number');
    return { ...defaults, ...Object.fromEntries(explicitLimits) };
  },
  write: writeQuota,
});
