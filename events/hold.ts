/** A project with this tag in Keystone, or a resource with this metadata key, is held. */
export const HOLD_TAG = 'propagator:hold';
