import * as z from 'zod';
import { defineProvision, type ProvisionContext } from '../../task/service.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';
import { isMissingAccount, requestAccount } from './account.ts';

const schema = z.strictObject({ quota: limitsSchema(['bytes']).optional() });
type Section = z.infer<typeof schema>;

const QUOTA_HEADER = 'x-account-meta-quota-bytes';

/** Returns the limit, or `undefined` if the account has no limit or does not exist. */
async function readQuotaBytes(context: ProvisionContext): Promise<number | undefined> {
  const answer = await requestAccount(context, 'HEAD', '').catch(async (error: unknown) => {
    if (await isMissingAccount(error, context)) return undefined;
    throw error;
  });
  const header = answer?.headers.get(QUOTA_HEADER);
  return header ? Number(header) : undefined;
}

/** The limit of the account. The request that sets the limit creates a missing account. */
const quota = defineQuotaProvision<Section>({
  limitsIn: (section) => section.quota,
  read: async (context) => ({ limits: { bytes: await readQuotaBytes(context) }, defaults: {} }),
  async write(limits, context) {
    await requestAccount(context, 'POST', '', {
      headers: { [QUOTA_HEADER]: String(limits.bytes) },
    });
  },
});

/** The section of Swift in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: [
    'The limit of bytes of the account (`quota`). The propagator needs the role that ' +
      'reseller_admin_role names, and Swift needs the middleware account_quotas. If the account ' +
      'does not exist, the request that sets the limit creates it.',
  ],
  parts: [quota],
});
