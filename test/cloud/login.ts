import { readCredentials } from '../../lib/openstack/credentials.ts';

/** The login of these `OS_*` variables alone: no file of this machine is read. */
export const loginOf = (env: Readonly<Record<string, string>>) =>
  readCredentials({ env, readFile: () => undefined, home: '/nowhere', cwd: '/nowhere' });
