import { defineService } from '../task/service.ts';

export const masakari = defineService({
  name: 'masakari',
  catalogTypes: ['instance-ha', 'ha'],
  noProjectResources:
    'only administrators can use its API: segments, hosts and notifications belong ' +
    'to administrators, and the servers that Masakari moves belong to Nova',
});
