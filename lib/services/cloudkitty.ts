import { defineService } from '../task/service.ts';

/**
 * CloudKitty rates the last hours of a deleted project some hours later ([collect] wait_periods).
 * For these bills, CloudKitty needs the scope of the project, and the prices that administrators
 * set for the project (hashmap mappings with a tenant). The cleanup therefore keeps the scope and
 * the prices. No call removes rated data.
 */
export const cloudkitty = defineService({
  name: 'cloudkitty',
  catalogTypes: ['rating'],
  noProjectResources:
    'the charges and prices of a project are billing evidence of the administrators; ' +
    'CloudKitty still rates the last hours of a project after the deletion of the project',
  releases: [
    'After the last bill, an administrator may stop the rating of a project: PATCH ' +
      '/v2/scope {"scope_id": "PROJECT_ID", "active": false} (since Yoga).',
    'To list the prices that are set for one project: GET ' +
      '/v1/rating/module_config/hashmap/mappings?filter_tenant=true&tenant_id=PROJECT_ID. ' +
      'Older releases need one request for each service_id.',
  ],
});
