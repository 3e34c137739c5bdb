import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';

const schema = z.strictObject({
  quota: limitsSchema(['instances', 'volumes', 'backups', 'ram']).optional(),
});
type Section = z.infer<typeof schema>;

const RECORD_KEY = 'quota';
const recordedLimits = z.record(z.string(), z.number());

/**
 * Limits of the project. The call that shows limits creates rows in Trove's database (safety rule:
 * listing must not create). The propagator therefore compares the profile with its own record of
 * the limits that it has set, and does not detect limits that other clients have set.
 */
const quota = defineQuotaProvision<Section>({
  limitsIn: (section) => section.quota,
  async read(context) {
    const limits = recordedLimits.safeParse(await context.recorded(RECORD_KEY)).data ?? {};
    // The recorded limits are also returned as the defaults. A limit that differs from the profile
    // then counts as missing, and not as a limit that a person has set.
    return { limits, defaults: limits };
  },
  async write(limits, context) {
    const path = `/mgmt/quotas/${encodeURIComponent(context.project)}`;
    await context.api.request('PUT', path, { json: { quotas: limits } });
    const earlierLimits = recordedLimits.safeParse(await context.recorded(RECORD_KEY)).data;
    await context.record(RECORD_KEY, { ...earlierLimits, ...limits });
  },
});

/** The section of Trove in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: [
    'Limits of the project (`quota`). A read of the limits would create rows in Trove. The ' +
      'propagator therefore compares the profile with the limits that the propagator itself ' +
      'has set.',
  ],
  parts: [quota],
});
