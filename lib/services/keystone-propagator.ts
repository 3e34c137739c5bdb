import { defineService } from '../task/service.ts';

/** The name and type of this API in Keystone's catalog, where `propagator register` adds it. */
export const OWN_REGISTRATION = {
  name: 'keystone-propagator',
  type: 'account-propagation',
} as const;

/** The propagator itself. Without this entry, its own registration would count as uncovered. */
export const keystonePropagator = defineService({
  name: OWN_REGISTRATION.name,
  catalogTypes: [OWN_REGISTRATION.type],
  noProjectResources:
    'it is this propagator; its operations and its audit log belong to the administrators, and ' +
    'are kept after the end of a project',
});
