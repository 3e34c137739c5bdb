import { defineService } from '../task/service.ts';

/** Aetos, a window to Prometheus. */
export const aetos = defineService({
  name: 'aetos',
  catalogTypes: ['metric-storage'],
  noProjectResources:
    'it only shows measures out of Prometheus, which forgets them when its operator says so',
});
