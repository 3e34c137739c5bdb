import { defineService } from '../task/service.ts';

/** Ironic Inspector (retired in favor of Ironic's own inspection). */
export const ironicInspector = defineService({
  name: 'ironic-inspector',
  catalogTypes: ['baremetal-introspection'],
  noProjectResources: "what it found out is about nodes, which are the operator's",
});
