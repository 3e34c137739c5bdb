import {
  AUTH_FIELDS,
  type Auth,
  type AuthField,
  type CloudSection,
  readCloud,
  type Surroundings,
} from './clouds-file.ts';
import { credentialsError } from './credentials-error.ts';
import type { Tls } from './transport.ts';

export type { Surroundings } from './clouds-file.ts';
export type Interface = 'public' | 'internal' | 'admin';

/**
 * Who the propagator is in Keystone, and where. Secrets are behind functions, so that nothing that
 * prints this can print them.
 */
export interface Credentials {
  /** Keystone's URL up to and with `/v3`, without a trailing slash. */
  readonly authUrl: string;
  /** The `identity` part of a login. */
  readonly identity: () => Record<string, unknown>;
  /**
   * The `scope` part; `undefined` for an application credential, which has its project in itself.
   */
  readonly scope: Record<string, unknown> | undefined;
  /** The password or the secret: only to cut it out of texts. */
  readonly secret: () => string;
  /** The regions to work in; empty: all that the catalog has. */
  readonly regions: readonly string[];
  readonly interface: Interface;
  readonly tls: Tls;
  /** For messages: `OS_* variables` or `/etc/openstack/clouds.yaml (lab)`. */
  readonly source: string;
}

/**
 * Credentials as every OpenStack tool reads them: `OS_CLOUD` with clouds.yaml and secure.yaml, or
 * `OS_*` variables. Beside `OS_CLOUD`, `OS_REGION_NAME`, `OS_INTERFACE` (`OS_ENDPOINT_TYPE`),
 * `OS_CACERT` and `OS_INSECURE` win over the file, and `OS_PASSWORD` and
 * `OS_APPLICATION_CREDENTIAL_SECRET` fill in what it leaves out. Throws a `PropagatorError`
 * (`openstack.credentials`) of one line that names the setting.
 */
export function readCredentials(from: Surroundings): Credentials {
  const { env } = from;
  if (env.OS_CLOUD) {
    const { section, path } = readCloud(env.OS_CLOUD, from);
    const name = env.OS_CLOUD;
    if ((section.profile ?? section.cloud) && !section.auth?.auth_url)
      throw credentialsError(
        `${path}: clouds.${name}.profile is not supported; write auth.auth_url itself`,
      );
    const auth: Auth = { ...section.auth };
    auth.password ??= env.OS_PASSWORD || undefined;
    auth.application_credential_secret ??= env.OS_APPLICATION_CREDENTIAL_SECRET || undefined;
    return build(
      section,
      auth,
      from,
      `${path} (${name})`,
      (field) => `${path}: clouds.${name}.${field}`,
    );
  }
  if (!env.OS_AUTH_URL)
    throw credentialsError(
      'OS_CLOUD: name a cloud of clouds.yaml, or set OS_AUTH_URL and the other OS_* variables',
    );
  const variable = (field: string): string => `OS_${field.replace(/^auth\./, '').toUpperCase()}`;
  const auth = Object.fromEntries(
    AUTH_FIELDS.map((field) => [field, env[variable(field)] || undefined]),
  );
  return build(
    { auth_type: env.OS_AUTH_TYPE || undefined },
    auth,
    from,
    'the OS_* variables',
    variable,
  );
}

function build(
  section: CloudSection,
  auth: Auth,
  from: Surroundings,
  source: string,
  name: (field: string) => string,
): Credentials {
  const { env } = from;
  const need = (field: AuthField, or?: AuthField): never => {
    throw credentialsError(
      `${name(`auth.${field}`)} is missing${or ? ` (or ${name(`auth.${or}`)})` : ''}`,
    );
  };
  if (auth.system_scope)
    throw credentialsError(
      `${name('auth.system_scope')}: nova, neutron and glance refuse a system-scoped token; name a project instead`,
    );
  const identity = identityOf(section.auth_type, auth, need, name);
  return {
    authUrl: authUrlOf(auth.auth_url ?? need('auth_url'), name('auth.auth_url')),
    ...identity,
    regions: regionsOf(env, section),
    interface: interfaceOf(env, section, name),
    tls: tlsOf(from, section, name),
    source,
  };
}

type Need = (field: AuthField, or?: AuthField) => never;

function identityOf(
  type: string | undefined,
  auth: Auth,
  need: Need,
  name: (field: string) => string,
): Pick<Credentials, 'identity' | 'scope' | 'secret'> {
  const resourceType =
    type ??
    (auth.application_credential_id || auth.application_credential_name
      ? 'v3applicationcredential'
      : 'password');
  if (resourceType === 'v3applicationcredential') {
    const secret = auth.application_credential_secret ?? need('application_credential_secret');
    const which = auth.application_credential_id
      ? { id: auth.application_credential_id }
      : {
          name:
            auth.application_credential_name ??
            need('application_credential_id', 'application_credential_name'),
          user: userOf(auth, need),
        };
    return {
      identity: () => ({
        methods: ['application_credential'],
        application_credential: { ...which, secret },
      }),
      scope: undefined,
      secret: () => secret,
    };
  }
  if (resourceType !== 'password' && resourceType !== 'v3password')
    throw credentialsError(
      `${name('auth_type')}=${resourceType} is not supported: password or v3applicationcredential`,
    );
  const password = auth.password ?? need('password');
  const user = userOf(auth, need);
  const id = auth.project_id ?? auth.tenant_id;
  const projectName = auth.project_name ?? auth.tenant_name;
  if (!id && !projectName) need('project_name', 'project_id');
  const scope = {
    project: id ? { id } : { name: projectName, domain: domainOf(auth, 'project', need) },
  };
  return {
    identity: () => ({ methods: ['password'], password: { user: { ...user, password } } }),
    scope,
    secret: () => password,
  };
}

const userOf = (auth: Auth, need: Need): Record<string, unknown> =>
  auth.user_id
    ? { id: auth.user_id }
    : { name: auth.username ?? need('username', 'user_id'), domain: domainOf(auth, 'user', need) };

/**
 * `domain_*` and `default_domain` stand in where the user's or project's own domain is not named,
 * as in openstacksdk.
 */
function domainOf(auth: Auth, of: 'user' | 'project', need: Need): Record<string, string> {
  const id = auth[`${of}_domain_id`];
  const name = auth[`${of}_domain_name`];
  if (id) return { id };
  if (name) return { name };
  if (auth.domain_id) return { id: auth.domain_id };
  if (auth.domain_name) return { name: auth.domain_name };
  const fallback = auth.default_domain_id ?? auth.default_domain;
  if (fallback) return { id: fallback };
  if (auth.default_domain_name) return { name: auth.default_domain_name };
  return need(`${of}_domain_name`, `${of}_domain_id`);
}

function authUrlOf(value: string, field: string): string {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw credentialsError(`${field} is not an http or https URL`);
  const url = new URL(value);
  if (url.username || url.password || url.search || url.hash)
    throw credentialsError(`${field}: only scheme, host, port and path belong in it`);
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v2\.0$/.test(path))
    throw credentialsError(`${field}: Keystone's v2.0 API is gone since Queens; end it with /v3`);
  return `${url.origin}${/\/v3$/.test(path) ? path : `${path}/v3`}`;
}

function regionsOf(env: Surroundings['env'], section: CloudSection): string[] {
  const named = env.OS_REGION_NAME || section.region_name;
  const all = named === undefined ? (section.regions ?? []) : named.split(',');
  return [...new Set(all.map((region) => region.trim()).filter((region) => region !== ''))];
}

function interfaceOf(
  env: Surroundings['env'],
  section: CloudSection,
  name: (field: string) => string,
): Interface {
  const fromEnvironment = env.OS_INTERFACE || env.OS_ENDPOINT_TYPE;
  const value = (fromEnvironment || section.interface || section.endpoint_type || 'public').replace(
    /URL$/,
    '',
  );
  if (value === 'public' || value === 'internal' || value === 'admin') return value;
  const field = fromEnvironment
    ? env.OS_INTERFACE
      ? 'OS_INTERFACE'
      : 'OS_ENDPOINT_TYPE'
    : name(section.interface ? 'interface' : 'endpoint_type');
  throw credentialsError(`${field} must be public, internal or admin`);
}

function tlsOf(from: Surroundings, section: CloudSection, name: (field: string) => string): Tls {
  const { env } = from;
  const flag = (value: unknown): boolean | undefined => {
    const word = String(value ?? '').toLowerCase();
    return /^(true|yes|1|on)$/.test(word)
      ? true
      : /^(false|no|0|off)$/.test(word)
        ? false
        : undefined;
  };
  const insecure = flag(env.OS_INSECURE) ?? flag(section.insecure);
  const verify = insecure === undefined ? (flag(section.verify) ?? true) : !insecure;
  const path = env.OS_CACERT || section.cacert;
  if (!path) return { ca: undefined, verify };
  const ca = from.readFile(path.replace(/^~(?=\/)/, from.home));
  const field = env.OS_CACERT ? 'OS_CACERT' : name('cacert');
  if (ca === undefined) throw credentialsError(`${field}: there is no readable file ${path}`);
  if (!ca.includes('-----BEGIN'))
    throw credentialsError(`${field}: ${path} holds no certificate in PEM form`);
  return { ca, verify };
}
