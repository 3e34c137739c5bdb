import { homedir } from 'node:os';
import { type Credentials, readCredentials } from '../openstack/credentials.ts';
import { connectIdentity, type IdentityApi } from '../openstack/identity.ts';
import { type CatalogService, issueToken } from '../openstack/session.ts';
import { createTransport } from '../openstack/transport.ts';
import { createUndiciClient } from '../openstack/undici-client.ts';
import { readFileIfThere } from './process.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const TIMEOUTS = { connect: 10, answer: 60, whole: 120 };

const credentialsOf = (environment: Environment): Credentials =>
  readCredentials(
    { env: environment, readFile: readFileIfThere, home: homedir(), cwd: process.cwd() },
    'any',
  );

/** Keystone itself, with the same login. */
export const openIdentity = (environment: Environment): IdentityApi =>
  connectIdentity(credentialsOf(environment));

/** One login: the token, and what is needed to find a service in its catalog. */
export interface KeystoneLogin {
  readonly value: string;
  readonly catalog: readonly CatalogService[];
  readonly credentials: Credentials;
}

/** Logs in to Keystone as `openstack` does, in any scope. */
export async function logInToKeystone(environment: Environment): Promise<KeystoneLogin> {
  const credentials = credentialsOf(environment);
  const client = createUndiciClient(credentials.tls, TIMEOUTS, credentials.proxies);
  try {
    const transport = createTransport(client, TIMEOUTS);
    const token = await issueToken(credentials, transport, Date.now, 'keystone-propagator');
    return { ...token, credentials };
  } finally {
    await client.close();
  }
}

/** The token of a new login. */
export const keystoneToken = async (environment: Environment): Promise<string> =>
  (await logInToKeystone(environment)).value;
