import { defineService } from '../task/service.ts';

/**
 * CloudKitty. It rates the last hours of a project some hours after the end of the project
 * ([collect] wait_periods), with the prices that administrators set for it. No call removes rated
 * data. The service therefore touches neither its prices (hashmap mappings with a tenant) nor its
 * scope.
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
