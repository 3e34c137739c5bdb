import { PropagatorError } from '../shared/errors.ts';
import type { Scope } from './authenticate.ts';
import type { Credentials } from './credentials.ts';

/**
 * Creates the error for a scope that an application credential cannot have. An application
 * credential always belongs to one project (Identity API, application credentials).
 */
export function boundCredentialError(credentials: Credentials): PropagatorError {
  return new PropagatorError({
    code: 'keystone.login.bound',
    class: 'Denied',
    message: 'an application credential cannot get a token on another project or on the system',
    advice:
      `Use a password login for the propagator (${credentials.source}). Then redrive ` +
      'the dead-lettered tasks.',
    service: 'keystone',
  });
}

/**
 * Returns the error with advice if Keystone refused a login with `scope`, which replaced the scope
 * of the credentials. Returns any other error unchanged.
 */
export function scopeRefusal(error: PropagatorError, scope: Scope): PropagatorError {
  const { status } = error.report;
  if (status !== 401 && status !== 403) return error;
  const [message, advice] =
    scope.kind === 'system'
      ? [
          'Keystone issues no token with system scope to the propagator',
          'Grant the role: openstack role add --system all --user USER admin. Then ' +
            'redrive the dead-lettered tasks.',
        ]
      : [
          'Keystone issues no token on the project to the propagator',
          'The project may be disabled, or the propagator may have lost its role on it. ' +
            'Check: openstack project show PROJECT; openstack role assignment list ' +
            '--project PROJECT. Then redrive the dead-lettered tasks.',
        ];
  return new PropagatorError({
    ...error.report,
    code: `keystone.login.${scope.kind}`,
    class: 'Denied',
    message,
    advice,
  });
}

/**
 * Returns the error with advice if Keystone refused a login with the scope of the credentials.
 * Returns any other error unchanged.
 */
export function loginRefusal(error: PropagatorError, credentials: Credentials): PropagatorError {
  const { status = 0 } = error.report;
  // Keystone v3 answers 201 to a successful login. A 200, a redirect or a 405 means a wrong URL. A
  // 404 means a wrong URL or an unknown application credential (seen on Keystone 22).
  const isWrongUrl =
    (status >= 200 && status < 400) || status === 404 || status === 405 || status === 410;
  if (!isWrongUrl && status !== 400 && status !== 401 && status !== 403) return error;
  return new PropagatorError({
    ...error.report,
    code: isWrongUrl ? 'keystone.login.wrong-url' : 'keystone.login.denied',
    class: 'Denied',
    advice: isWrongUrl
      ? `${credentials.authUrl} is not a Keystone v3 API, or the application credential ` +
        'does not exist. Check auth_url (OS_AUTH_URL) and the credential in ' +
        `${credentials.source}.`
      : 'Check the user, its secret, the project and the domains in ' +
        `${credentials.source}, and that the user is enabled. Then redrive the ` +
        'dead-lettered tasks.',
  });
}
