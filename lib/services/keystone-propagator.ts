import { defineService } from '../task/service.ts';

/** The name and type of this API in Keystone's catalog, where `propagator register` adds it. */
export const REGISTERED = { name: 'keystone-propagator', type: 'account-propagation' } as const;

/** The propagator itself. Without this entry, its own registration would count as uncovered. */
export const keystonePropagator = defineService({
  name: REGISTERED.name,
  catalogTypes: [REGISTERED.type],
  noProjectResources:
    'it is this propagator; its operations and its audit log belong to the administrators, and ' +
    'are kept after the end of a project',
});
