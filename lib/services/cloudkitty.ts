import { defineService } from '../task/service.ts';

/**
 * CloudKitty. It rates a project's last hours some hours after its end ([collect] wait_periods),
 * with the prices that the administrators set for it, and rated data can't be removed by any call.
 * So neither its prices (hashmap mappings with a tenant) nor its scope are touched.
 */
export const cloudkitty = defineService({
  name: 'cloudkitty',
  catalogTypes: ['rating'],
  noProjectResources:
    "what it keeps is what a project was charged and by which prices: evidence, and the administrators'; its last hours are rated after its end",
  releases: [
    'When the last bill is written, an administrator may end the rating of a project: PATCH /v2/scope {"scope_id": "<project>", "active": false} (since Yoga).',
    'Prices for one project: GET /v1/rating/module_config/hashmap/mappings?filter_tenant=true&tenant_id=<project>, in older releases with one service_id after the other.',
  ],
});
