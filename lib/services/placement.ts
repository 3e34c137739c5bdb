import { defineService } from '../task/service.ts';

/**
 * Placement. Usage that remains after a cleanup belongs to a server that Nova has lost: `openstack
 * resource usage show <project>`.
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'an allocation belongs to its consumer (a server) and is removed with it; the ' +
    'usage of a project is a sum of allocations',
});
