import { defineService } from '../task/service.ts';

/**
 * Placement. If the usage of a project remains after the cleanup (`openstack resource usage show
 * PROJECT`), an allocation is orphaned, or Nova does not list a server of the project.
 */
export const placement = defineService({
  name: 'placement',
  catalogTypes: ['placement'],
  noProjectResources:
    'an allocation belongs to its consumer (a server) and is removed with the consumer; ' +
    'the usage of a project is a sum of allocations',
});
