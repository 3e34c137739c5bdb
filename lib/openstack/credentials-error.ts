import { PropagatorError } from '../shared/errors.ts';

/**
 * Credentials that can't be used: one line that names the setting, the file or the field, and never
 * a value that may be secret.
 */
export function credentialsError(message: string): PropagatorError {
  return new PropagatorError({
    code: 'openstack.credentials',
    class: 'Denied',
    message,
    advice: 'Correct it and start again; `openstack token issue` with the same settings must work.',
    service: 'keystone',
  });
}
