import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineQuotaProvision, limitsSchema } from '../kit/provision-quota.ts';
import { readQuota, writeQuota } from './quota.ts';

const schema = z.strictObject({
  quota: limitsSchema([
    'loadbalancer',
    'listener',
    'pool',
    'member',
    'healthmonitor',
    'l7policy',
    'l7rule',
  ]).optional(),
});
type Section = z.infer<typeof schema>;

/** The section of Octavia in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Limits of the project (`quota`).'],
  parts: [
    defineQuotaProvision<Section>({
      limitsIn: (section) => section.quota,
      read: readQuota,
      write: writeQuota,
    }),
  ],
});
