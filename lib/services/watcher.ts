import { defineService } from '../task/service.ts';

export const watcher = defineService({
  name: 'watcher',
  catalogTypes: ['resource-optimization', 'infra-optim'],
  noProjectResources:
    'goals, audits and action plans belong to the administrators and name no project',
});
