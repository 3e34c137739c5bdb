import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { parse } from 'yaml';
import * as z from 'zod';

/** The login in the format of Keystone v3's `POST /auth/tokens`. */
export interface Credentials {
  readonly authUrl: string;
  readonly region: string | undefined;
  readonly interface: string;
  readonly identity: object;
  /** Absent for an application credential, which has its own scope. */
  readonly scope: object | undefined;
}

const Auth = z.record(z.string(), z.union([z.string(), z.number()]).transform(String));
const Clouds = z.object({
  clouds: z.record(
    z.string(),
    z.looseObject({
      auth: Auth,
      region_name: z.string().optional(),
      interface: z.string().optional(),
    }),
  ),
});

/** The places where every OpenStack tool looks for clouds.yaml; the first one wins. */
function cloudsFile(env: NodeJS.ProcessEnv): string {
  const places = [
    env.OS_CLIENT_CONFIG_FILE,
    'clouds.yaml',
    `${homedir()}/.config/openstack/clouds.yaml`,
    '/etc/openstack/clouds.yaml',
  ];
  const found = places.find((place) => place !== undefined && place !== '' && existsSync(place));
  if (found === undefined)
    throw new Error(`OS_CLOUD=${env.OS_CLOUD}, but no clouds.yaml was found`);
  return found;
}

function domain(id: string | undefined, name: string | undefined): object {
  return id === undefined ? { name: name ?? 'Default' } : { id };
}

/**
 * Returns the login as `OS_*` variables, from any source, for a process that can't read files of
 * this machine.
 */
export function loginVariables(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const osVariables = Object.entries(env).flatMap(([name, value]) =>
    name.startsWith('OS_') && value ? [[name, value] as const] : [],
  );
  if (!env.OS_CLOUD) return Object.fromEntries(osVariables);
  const file = cloudsFile(env);
  const cloud = Clouds.parse(parse(readFileSync(file, 'utf8'))).clouds[env.OS_CLOUD];
  if (cloud === undefined) throw new Error(`${file} has no cloud named ${env.OS_CLOUD}`);
  const region = env.OS_REGION_NAME || cloud.region_name;
  const endpoint = env.OS_INTERFACE || cloud.interface;
  return {
    ...Object.fromEntries(
      Object.entries(cloud.auth).map(([name, value]) => [`OS_${name.toUpperCase()}`, value]),
    ),
    ...(region ? { OS_REGION_NAME: region } : {}),
    ...(endpoint ? { OS_INTERFACE: endpoint } : {}),
  };
}

/**
 * Reads the credentials of `OS_CLOUD` or of the `OS_*` variables. Throws with the name of a missing
 * value.
 */
export function readCredentials(env: NodeJS.ProcessEnv = process.env): Credentials {
  const variables = loginVariables(env);
  const auth: Record<string, string | undefined> = Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name.slice('OS_'.length).toLowerCase(),
      value,
    ]),
  );
  const { OS_REGION_NAME: region, OS_INTERFACE: endpoint } = variables;
  const authUrl = auth.auth_url?.replace(/\/+$/, '').replace(/(\/v3)?$/, '/v3');
  if (authUrl === undefined)
    throw new Error('no cloud: set OS_CLOUD, or OS_AUTH_URL and its companions');
  const common = { authUrl, region, interface: endpoint ?? 'public' };
  const id = auth.application_credential_id;
  if (id !== undefined) {
    const credential = { id, secret: auth.application_credential_secret };
    return {
      ...common,
      identity: { methods: ['application_credential'], application_credential: credential },
      scope: undefined,
    };
  }
  const user = {
    ...(auth.user_id === undefined
      ? { name: auth.username, domain: domain(auth.user_domain_id, auth.user_domain_name) }
      : { id: auth.user_id }),
    password: auth.password,
  };
  const project =
    auth.project_id === undefined
      ? {
          name: auth.project_name,
          domain: domain(auth.project_domain_id, auth.project_domain_name),
        }
      : { id: auth.project_id };
  return { ...common, identity: { methods: ['password'], password: { user } }, scope: { project } };
}
