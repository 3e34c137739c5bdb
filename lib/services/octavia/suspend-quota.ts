import { defineQuotaSuspension } from '../kit/suspend-quota.ts';
import { readQuota, writeQuota } from './quota.ts';

/** Limits that prevent new load balancers. A limit without a value is the default. */
export const quotaSuspension = defineQuotaSuspension({
  limits: ['loadbalancer', 'listener', 'pool'],
  async read(context) {
    const { limits, defaults } = await readQuota(context);
    const own = Object.entries(limits).filter(([, limit]) => typeof limit === 'number');
    return { ...defaults, ...Object.fromEntries(own) };
  },
  write: writeQuota,
});
