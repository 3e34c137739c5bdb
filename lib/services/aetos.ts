import { defineService } from '../task/service.ts';

/** Aetos gives access to a Prometheus server and stores nothing itself. */
export const aetos = defineService({
  name: 'aetos',
  catalogTypes: ['metric-storage'],
  noProjectResources:
    'it only shows measures out of Prometheus, which forgets them when its operator says so',
});
