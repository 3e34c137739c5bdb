import { defineService } from '../task/service.ts';

export const masakari = defineService({
  name: 'masakari',
  catalogTypes: ['instance-ha', 'ha'],
  noProjectResources:
    "segments, hosts and notifications are the administrators', and so is every call of its API; the servers that it moves are Nova's",
});
