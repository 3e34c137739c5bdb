import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { parse } from 'yaml';
import * as z from 'zod';

/** How to log in, in the shape of Keystone v3's `POST /auth/tokens`. */
export interface Credentials {
  readonly authUrl: string;
  readonly region: string | undefined;
  readonly interface: string;
  readonly identity: object;
  /** Absent for an application credential: it carries its own scope. */
  readonly scope: object | undefined;
}

const Auth = z.record(z.string(), z.union([z.string(), z.number()]).transform(String));
const Clouds = z.object({
  clouds: z.record(z.string(), z.looseObject({ auth: Auth, region_name: z.string().optional(), interface: z.string().optional() })),
});

/** Where every OpenStack tool looks for clouds.yaml, first one wins. */
function cloudsFile(env: NodeJS.ProcessEnv): string {
  const places = [env.OS_CLIENT_CONFIG_FILE, 'clouds.yaml', `${homedir()}/.config/openstack/clouds.yaml`, '/etc/openstack/clouds.yaml'];
  const found = places.find((place) => place !== undefined && place !== '' && existsSync(place));
  if (found === undefined) throw new Error(`OS_CLOUD=${env.OS_CLOUD}, but no clouds.yaml was found`);
  return found;
}

function domain(id: string | undefined, name: string | undefined): object {
  return id === undefined ? { name: name ?? 'Default' } : { id };
}

/** Credentials of `OS_CLOUD` or of the `OS_*` variables. Throws with the name of what is missing. */
export function credentials(env: NodeJS.ProcessEnv = process.env): Credentials {
  let auth: Record<string, string | undefined>;
  let region = env.OS_REGION_NAME;
  let endpoint = env.OS_INTERFACE;
  if (env.OS_CLOUD) {
    const file = cloudsFile(env);
    const cloud = Clouds.parse(parse(readFileSync(file, 'utf8'))).clouds[env.OS_CLOUD];
    if (cloud === undefined) throw new Error(`${file} has no cloud named ${env.OS_CLOUD}`);
    auth = cloud.auth;
    region ??= cloud.region_name;
    endpoint ??= cloud.interface;
  } else {
    auth = {};
    for (const [key, value] of Object.entries(env)) if (key.startsWith('OS_') && value) auth[key.slice(3).toLowerCase()] = value;
  }
  const authUrl = auth.auth_url?.replace(/\/+$/, '').replace(/(\/v3)?$/, '/v3');
  if (authUrl === undefined) throw new Error('no cloud: set OS_CLOUD, or OS_AUTH_URL and its companions');
  const common = { authUrl, region, interface: endpoint ?? 'public' };
  const id = auth.application_credential_id;
  if (id !== undefined) {
    const credential = { id, secret: auth.application_credential_secret };
    return { ...common, identity: { methods: ['application_credential'], application_credential: credential }, scope: undefined };
  }
  const user = {
    ...(auth.user_id === undefined
      ? { name: auth.username, domain: domain(auth.user_domain_id, auth.user_domain_name) }
      : { id: auth.user_id }),
    password: auth.password,
  };
  const project =
    auth.project_id === undefined
      ? { name: auth.project_name, domain: domain(auth.project_domain_id, auth.project_domain_name) }
      : { id: auth.project_id };
  return { ...common, identity: { methods: ['password'], password: { user } }, scope: { project } };
}
