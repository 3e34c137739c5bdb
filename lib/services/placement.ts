import { defineService } from '../task/service.ts';

/**
 * Placement. Usage that remains after a cleanup belongs to a server that Nova has lost: `openstack
 * resource usage show <project>`.
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'allocations belong to what consumes them, a server, and go with it; the usages of a project are sums over them',
});
