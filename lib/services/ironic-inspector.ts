import { defineService } from '../task/service.ts';

/** Ironic Inspector (retired in favor of Ironic's own inspection). */
export const ironicInspector = defineService({
  name: 'ironic-inspector',
  catalogTypes: ['baremetal-introspection'],
  noProjectResources: 'its data describe nodes, which belong to the operator',
});
