import { defineService } from '../task/service.ts';

/**
 * Placement. If usage remains after a cleanup (`openstack resource usage show <project>`), Nova has
 * lost a server.
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'an allocation belongs to its consumer (a server) and is removed with it; the ' +
    'usage of a project is a sum of allocations',
});
