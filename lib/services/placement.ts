import { defineService } from '../task/service.ts';

/**
 * Placement. What it still counts after a clean-up is a server that Nova has lost: `openstack
 * resource usage show <project>`.
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'allocations belong to what consumes them, a server, and go with it; the usages of a project are sums over them',
});
