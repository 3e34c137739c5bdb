import { defineService } from '../task/service.ts';

/** Aetos gives access to a Prometheus server and stores nothing itself. */
export const aetos = defineService({
  name: 'aetos',
  catalogTypes: ['metric-storage'],
  noProjectResources: 'it only reads metrics from Prometheus, which stores and expires them',
});
