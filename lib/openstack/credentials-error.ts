import { PropagatorError } from '../shared/errors.ts';

/**
 * Creates the error for unusable credentials. `message` is one line that names the setting, file or
 * field. It must not contain the value of a setting, which may be secret.
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
