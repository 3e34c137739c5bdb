import { defineService } from '../cleanup/service.ts';

/** Aetos, a window to Prometheus. */
export const aetos = defineService({
  name: 'aetos',
  catalogTypes: ['metric-storage'],
  holdsNothing: 'it only shows measures out of Prometheus, which forgets them when its operator says so',
});
