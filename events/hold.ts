/** The tag of a project in Keystone, and the metadata key of a resource, that hold it. */
export const HOLD_TAG = 'propagator:hold';
