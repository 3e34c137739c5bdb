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
  /** The password or secret, which is redacted from texts. */
  readonly secret: () => string;
  /**
   * Reads the user and the password again from AWS Secrets Manager. Returns true if they may have
   * changed.
   * Does not throw. Set only if the login can change while the program runs. The session calls
   * `refresh` before each login in Keystone, and after a login that Keystone refused (`isRefused`).
   */
  readonly refresh?: (login: { readonly isRefused: boolean }) => Promise<boolean>;
}

type SettingName = CloudConfig['settingName'];
/** The login fields of a cloud. */
interface LoginFields {
  /** Returns a login field as text; `undefined` when missing or empty. */
  get(field: string): string | undefined;
  /**
   * Returns a login field, or throws when it is missing. The error names the field and, if given,
   * the alternative field `alternativeField`.
   */
  getRequired(field: string, alternativeField?: string): string;
}

/**
 * The scopes that a login may have. `project`: only a project, because OpenStack services refuse
 * other tokens. `any`: the system or a domain too.
 */
export type LoginScopes = 'project' | 'any';

/** Builds the login of a cloud. Throws an error that names the field. */
export function loginOf(cloud: CloudConfig, scopes: LoginScopes): Login {
  const fields = loginFieldsOf(cloud);
  const { settingName } = cloud;
  refuseTrust(fields, settingName);
  if (scopes === 'project') refuseOtherScopes(fields, settingName);
  const url = expandUrl(fields.getRequired('auth_url'), cloud.fields, settingName);
  return { authUrl: authUrlOf(url, settingName('auth.auth_url')), ...loginPartsOf(cloud, fields) };
}

/** Returns the login fields. As in osc-lib, a field directly under the cloud overrides `auth`. */
function loginFieldsOf({ fields, auth, settingName }: CloudConfig): LoginFields {
  const asText = (value: unknown, field: string): string | undefined => {
    if (value === undefined || value === null || value === '') return undefined;
    if (typeof value === 'string') return value;
    throw credentialsError(
      `${settingName(`auth.${field}`)} is not a string in YAML; put the value in quotes`,
    );
  };
  const get = (field: string): string | undefined =>
    asText(fields[field], field) ?? asText(auth[field], field);
  return {
    get,
    getRequired(field, alternativeField) {
      const value = get(field);
      if (value !== undefined) return value;
      const alternative =
        alternativeField === undefined ? '' : ` (or ${settingName(`auth.${alternativeField}`)})`;
      throw credentialsError(`${settingName(`auth.${field}`)} is missing${alternative}`);
    },
  };
}

function refuseTrust({ get }: LoginFields, settingName: SettingName): void {
  if (get('trust_id'))
    throw credentialsError(
      `${settingName('auth.trust_id')}: trusts are not supported; use a password or an ` +
        'application credential',
    );
}

function refuseOtherScopes({ get }: LoginFields, settingName: SettingName): void {
  if (get('system_scope'))
    throw credentialsError(
      `${settingName('auth.system_scope')}: Nova, Neutron and Glance refuse a token with ` +
        'system scope; set a project instead',
    );
  const scopeField = ['domain_id', 'domain_name'].find((field) => get(field));
  if (scopeField && !get('application_credential_secret'))
    throw credentialsError(
      `${settingName(`auth.${scopeField}`)}: Nova, Neutron and Glance refuse a token with domain ` +
        'scope; set a project instead',
    );
}

const APPLICATION_CREDENTIAL = 'v3applicationcredential';

type LoginParts = Pick<Login, 'identity' | 'scope' | 'secret'>;

function loginPartsOf(cloud: CloudConfig, fields: LoginFields): LoginParts {
  const type = loginType(cloud, fields);
  if (type === APPLICATION_CREDENTIAL) return applicationCredentialLogin(cloud, fields);
  if (type === 'password' || type === 'v3password') return passwordLogin(cloud, fields);
  throw credentialsError(
    `${cloud.settingName('auth_type')}=${type} is not supported; supported are password, ` +
      `v3password and ${APPLICATION_CREDENTIAL}`,
  );
}

/**
 * Returns the value of `auth_type`. The default type `password` becomes the type of an application
 * credential if the settings name a credential and no password.
 */
function loginType({ fields }: CloudConfig, { get }: LoginFields): string {
  const type = String(fields.auth_type || 'password');
  const hasCredential =
    Boolean(get('application_credential_id') ?? get('application_credential_name')) &&
    get('password') === undefined;
  return type === 'password' && hasCredential ? APPLICATION_CREDENTIAL : type;
}

function applicationCredentialLogin(cloud: CloudConfig, fields: LoginFields): LoginParts {
  const { get, getRequired } = fields;
  const secret = getRequired('application_credential_secret');
  const id = get('application_credential_id');
  const credential = id
    ? { id }
    : {
        name:
          get('application_credential_name') ??
          getRequired('application_credential_id', 'application_credential_name'),
        user: userOf(cloud, fields),
      };
  return {
    identity: () => ({
      methods: ['application_credential'],
      application_credential: { ...credential, secret },
    }),
    scope: undefined,
    secret: () => secret,
  };
}

function passwordLogin(cloud: CloudConfig, fields: LoginFields): LoginParts {
  const password = fields.getRequired('password');
  const user = userOf(cloud, fields);
  return {
    identity: () => ({ methods: ['password'], password: { user: { ...user, password } } }),
    scope: scopeOf(cloud, fields),
    secret: () => password,
  };
}

function userOf(cloud: CloudConfig, fields: LoginFields): Record<string, unknown> {
  const id = fields.get('user_id');
  if (id) return { id };
  return {
    name: fields.getRequired('username', 'user_id'),
    domain: domainOf('user', cloud, fields),
  };
}

function scopeOf(cloud: CloudConfig, fields: LoginFields): Record<string, unknown> {
  const { get, getRequired } = fields;
  // If only a project is allowed, `refuseOtherScopes` has already refused `system_scope` and
  // domains.
  if (get('system_scope')) return { system: { all: true } };
  const id = get('project_id');
  if (id) return { project: { id } };
  const [domainId, domainName] = [get('domain_id'), get('domain_name')];
  if (get('project_name') === undefined && (domainId ?? domainName))
    return { domain: domainId ? { id: domainId } : { name: domainName } };
  const name = getRequired('project_name', 'project_id');
  return { project: { name, domain: domainOf('project', cloud, fields) } };
}

/**
 * Returns the domain of the user or the project. The domain fields of the user or project override
 * the default domain.
 */
function domainOf(
  accountType: 'user' | 'project',
  cloud: CloudConfig,
  { get, getRequired }: LoginFields,
): Record<string, string> {
  const ownName = get(`${accountType}_domain_name`);
  const defaultId =
    get('default_domain_id') ??
    get('default_domain') ??
    (cloud.fields.identity_api_version === '3' ? 'default' : undefined);
  const ownId = get(`${accountType}_domain_id`);
  if (ownId) return { id: ownId };
  if (ownName) return { name: ownName };
  if (defaultId) return { id: defaultId };
  const defaultName = get('default_domain_name');
  if (defaultName) return { name: defaultName };
  return { name: getRequired(`${accountType}_domain_name`, `${accountType}_domain_id`) };
}

/** Fills `{region_name}` and other fields into a URL, like openstacksdk. */
function expandUrl(url: string, fields: YamlMapping, settingName: SettingName): string {
  return url.replaceAll(/\{(\w*)\}/g, (_whole, field: string) => {
    const value = fields[field];
    if (typeof value === 'string') return value;
    throw credentialsError(
      `${settingName('auth.auth_url')} names the field {${field}}, which is not set`,
    );
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
