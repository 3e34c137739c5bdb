import { credentialsError } from '../credentials-error.ts';
import type { YamlMapping } from './files.ts';
import type { CloudConfig } from './normalize-config.ts';

/** A login. Its secrets are functions, so that printing this object does not print them. */
export interface Login {
  /** Keystone's URL including `/v3`, without a trailing slash. */
  readonly authUrl: string;
  /** The `identity` part of the login request. */
  readonly identity: () => Record<string, unknown>;
  /** The `scope` part; `undefined` for an application credential, which belongs to one project. */
  readonly scope: Record<string, unknown> | undefined;
  /** The password or secret. It is used only to redact it from texts. */
  readonly secret: () => string;
  /**
   * Set if the login can change while the program runs. Called before each login in Keystone, and
   * after Keystone refused a login. Returns true if the login has changed. Does not throw.
   */
  readonly refresh?: (isRefused: boolean) => Promise<boolean>;
}

type Name = CloudConfig['name'];
interface Fields {
  /** Returns a login field as text; `undefined` when missing or empty. */
  get(field: string): string | undefined;
  /**
   * Returns a login field, or throws when it is missing. The error names the field, or the
   * alternative `or`.
   */
  need(field: string, or?: string): string;
}

/**
 * Which scopes a login may have. `project`: only a project, because OpenStack services refuse other
 * tokens. `any`: also the system or a domain.
 */
export type LoginScopes = 'project' | 'any';

/** Builds the login of a cloud. Throws one line that names the field. */
export function loginOf(cloud: CloudConfig, scopes: LoginScopes): Login {
  const fields = fieldsOf(cloud);
  const { name } = cloud;
  refuseTrust(fields, name);
  if (scopes === 'project') refuseOtherScopes(fields, name);
  const url = expandUrl(fields.need('auth_url'), cloud.fields, name);
  return { authUrl: authUrlOf(url, name('auth.auth_url')), ...identityOf(cloud, fields) };
}

/** Like osc-lib, a field directly under the cloud overrides the same field of `auth`. */
function fieldsOf({ fields, auth, name }: CloudConfig): Fields {
  const asText = (value: unknown, field: string): string | undefined => {
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw credentialsError(
      `${name(`auth.${field}`)} is not a string in YAML; put the value in quotes`,
    );
  };
  const get = (field: string): string | undefined =>
    asText(fields[field], field) ?? asText(auth[field], field);
  return {
    get,
    need(field, or) {
      const value = get(field);
      if (value !== undefined) return value;
      const other = or === undefined ? '' : ` (or ${name(`auth.${or}`)})`;
      throw credentialsError(`${name(`auth.${field}`)} is missing${other}`);
    },
  };
}

function refuseTrust({ get }: Fields, name: Name): void {
  if (get('trust_id'))
    throw credentialsError(
      `${name('auth.trust_id')}: trusts are not supported; use a password or an ` +
        'application credential',
    );
}

function refuseOtherScopes({ get }: Fields, name: Name): void {
  if (get('system_scope'))
    throw credentialsError(
      `${name('auth.system_scope')}: Nova, Neutron and Glance refuse a token with ` +
        'system scope; set a project instead',
    );
  const scope = ['domain_id', 'domain_name'].find((field) => get(field));
  if (scope && !get('application_credential_secret'))
    throw credentialsError(
      `${name(`auth.${scope}`)}: Nova, Neutron and Glance refuse a token with domain ` +
        'scope; set a project instead',
    );
}

const APPLICATION_CREDENTIAL = 'v3applicationcredential';

function identityOf(
  { fields, name }: CloudConfig,
  { get, need }: Fields,
): Pick<Login, 'identity' | 'scope' | 'secret'> {
  const isCredential =
    Boolean(get('application_credential_id') ?? get('application_credential_name')) &&
    get('password') === undefined;
  const given = String(fields.auth_type || 'password');
  const type = given === 'password' && isCredential ? APPLICATION_CREDENTIAL : given;
  const user = (): Record<string, unknown> => {
    const id = get('user_id');
    return id ? { id } : { name: need('username', 'user_id'), domain: domainOf('user') };
  };
  const defaultDomain =
    get('default_domain') ?? (fields.identity_api_version === '3' ? 'default' : undefined);
  const domainOf = (of: 'user' | 'project'): Record<string, string> => {
    const id = get(`${of}_domain_id`) ?? defaultDomainUnless(get(`${of}_domain_name`));
    return id
      ? { id }
      : {
          name:
            get(`${of}_domain_name`) ??
            get('default_domain_name') ??
            need(`${of}_domain_name`, `${of}_domain_id`),
        };
  };
  const defaultDomainUnless = (known: string | undefined): string | undefined =>
    known === undefined ? (get('default_domain_id') ?? defaultDomain) : undefined;

  if (type === APPLICATION_CREDENTIAL) {
    const secret = need('application_credential_secret');
    const id = get('application_credential_id');
    const which = id
      ? { id }
      : {
          name:
            get('application_credential_name') ??
            need('application_credential_id', 'application_credential_name'),
          user: user(),
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
  if (type !== 'password' && type !== 'v3password')
    throw credentialsError(
      `${name('auth_type')}=${type} is not supported; supported are password, ` +
        `v3password and ${APPLICATION_CREDENTIAL}`,
    );
  const password = need('password');
  const who = user();
  const scope = (): Record<string, unknown> => {
    // These two fields occur only where any scope is allowed.
    if (get('system_scope')) return { system: { all: true } };
    const id = get('project_id');
    if (id) return { project: { id } };
    const [domainId, domainName] = [get('domain_id'), get('domain_name')];
    if (get('project_name') === undefined && (domainId ?? domainName))
      return { domain: domainId ? { id: domainId } : { name: domainName } };
    return { project: { name: need('project_name', 'project_id'), domain: domainOf('project') } };
  };
  return {
    identity: () => ({ methods: ['password'], password: { user: { ...who, password } } }),
    scope: scope(),
    secret: () => password,
  };
}

/** Fills `{region_name}` and other fields into a URL, like openstacksdk. */
function expandUrl(url: string, fields: YamlMapping, name: Name): string {
  return url.replaceAll(/\{(\w*)\}/g, (_whole, field: string) => {
    const value = fields[field];
    if (typeof value === 'string') return value;
    throw credentialsError(`${name('auth.auth_url')} names the field {${field}}, which is not set`);
  });
}

function authUrlOf(value: string, field: string): string {
  const url = URL.parse(value);
  if (!url || !/^https?:$/.test(url.protocol))
    throw credentialsError(`${field} is not an http or https URL`);
  if (url.username || url.password || url.search || url.hash)
    throw credentialsError(`${field} may contain only scheme, host, port and path`);
  const path = url.pathname.replace(/\/+$/, '');
  if (/\/v2\.0$/.test(path))
    throw credentialsError(`${field}: Keystone has no v2.0 API since Queens; end the URL with /v3`);
  return `${url.origin}${/\/v3$/.test(path) ? path : `${path}/v3`}`;
}
