import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { provisionQuota, quotaWish } from '../kit/provision-quota.ts';
import { readQuota, writeQuota } from './quota.ts';

const wish = z.strictObject({
  quota: quotaWish([
    'loadbalancer',
    'listener',
    'pool',
    'member',
    'healthmonitor',
    'l7policy',
    'l7rule',
  ]).optional(),
});
type Wish = z.infer<typeof wish>;

/** What a profile may ask of Octavia. */
export const provision = defineProvision<Wish>({
  wish,
  summary: ['Limits of the project (`quota`).'],
  parts: [
    provisionQuota<Wish>({
      wish: (section) => section.quota,
      read: readQuota,
      write: writeQuota,
    }),
  ],
});
