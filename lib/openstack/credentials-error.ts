import { PropagatorError } from '../shared/errors.ts';

/**
 * An error for unusable credentials: one line that names the setting, file or field, and never a
 * value, which may be secret.
 */
export function credentialsError(message: string): PropagatorError {
  return new PropagatorError({
    code: 'openstack.credentials',
    class: 'Denied',
    message,
    advice:
      'Correct the setting and start again. Check: "openstack token issue" must work ' +
      'with the same settings.',
    service: 'keystone',
  });
}
