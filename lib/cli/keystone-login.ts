import { homedir } from 'node:os';
import type { IssuedToken } from '../openstack/authenticate.ts';
import { type Credentials, readCredentials } from '../openstack/credentials.ts';
import { connectIdentity, type IdentityApi, logIn } from '../openstack/identity.ts';
import { readFileIfReadable } from './process.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const credentialsOf = (environment: Environment): Credentials =>
  readCredentials(
    { env: environment, readFile: readFileIfReadable, home: homedir(), cwd: process.cwd() },
    'any',
  );

/** Opens a client of Keystone's own API. The first call logs in as `openstack` does. */
export const openIdentity = (environment: Environment): IdentityApi =>
  connectIdentity(credentialsOf(environment));

/**
 * One login: the token with its catalog, and the credentials. The regions and interfaces of the
 * credentials select an endpoint of the catalog.
 */
export interface KeystoneLogin extends IssuedToken {
  readonly credentials: Credentials;
}

/** Logs in to Keystone as `openstack` does, in any scope. */
export async function logInToKeystone(environment: Environment): Promise<KeystoneLogin> {
  const credentials = credentialsOf(environment);
  return { ...(await logIn(credentials)), credentials };
}

/** The token of a new login. */
export const keystoneToken = async (environment: Environment): Promise<string> =>
  (await logInToKeystone(environment)).value;
