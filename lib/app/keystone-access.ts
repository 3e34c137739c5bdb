import type { KeystoneAuthentication } from '../api/keystone-authentication.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Settings } from '../shared/settings.ts';

/**
 * Returns the authentication of API callers by Keystone tokens. `authUrl`: the Keystone URL at
 * which the propagator logs in.
 */
export const keystoneAuthenticationOf = (
  settings: Settings,
  authUrl: string,
  cloud: Pick<Cloud, 'validateToken'>,
): KeystoneAuthentication => ({
  by: 'keystone',
  authUrl,
  validate: cloud.validateToken,
  policy: {
    roles: {
      reader: settings.PROPAGATOR_API_READER_ROLES,
      operator: settings.PROPAGATOR_API_OPERATOR_ROLES,
      admin: settings.PROPAGATOR_API_ADMIN_ROLES,
    },
    scopes: settings.PROPAGATOR_API_SCOPES,
  },
  callsPerMinute: settings.PROPAGATOR_API_RATE_LIMIT,
});
