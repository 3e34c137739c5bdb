import { defineService } from '../task/service.ts';

/**
 * Placement. Usage that remains after a cleanup means that Nova has lost a server (`openstack
 * resource usage show PROJECT`).
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'an allocation belongs to its consumer (a server) and is removed with the consumer; ' +
    'the usage of a project is a sum of allocations',
});
