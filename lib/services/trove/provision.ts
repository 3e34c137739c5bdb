import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { limitsSchema, provisionQuota } from '../kit/provision-quota.ts';

const schema = z.strictObject({
  quota: limitsSchema(['instances', 'volumes', 'backups', 'ram']).optional(),
});
type Section = z.infer<typeof schema>;

const RECORD = 'quota';
const recorded = z.record(z.string(), z.number());

/**
 * Limits of the project. The call that shows limits creates rows in Trove's database (safety rule:
 * listing must not create). The propagator therefore compares with a record of the limits that it
 * has set, and does not detect changes by others.
 */
const quota = provisionQuota<Section>({
  limitsIn: (section) => section.quota,
  async read(context) {
    const limits = recorded.safeParse(await context.recorded(RECORD)).data ?? {};
    return { limits, defaults: limits };
  },
  async write(limits, context) {
    const path = `/mgmt/quotas/${encodeURIComponent(context.project)}`;
    await context.api.request('PUT', path, { json: { quotas: limits } });
    const before = recorded.safeParse(await context.recorded(RECORD)).data;
    await context.record(RECORD, { ...before, ...limits });
  },
});

/** The section of Trove in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Limits of the project (`quota`). Trove cannot show them without creating rows.'],
  parts: [quota],
});
