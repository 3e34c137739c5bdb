import { YamlMapping } from './files.ts';

/**
 * The settings of one cloud from variables, clouds.yaml, secure.yaml and profiles, merged like
 * `openstack` does (openstacksdk, `OpenStackConfig.get_one`; osc-lib, `OSC_Config`).
 */
export interface CloudConfig {
  /** Fields under the cloud; keys have underscores. */
  readonly fields: YamlMapping;
  /** Login fields: `auth_url`, `username`, … */
  readonly auth: YamlMapping;
  /** Regions to work in, in the order of the file. Empty: all regions of the catalog. */
  readonly regions: readonly string[];
  /** For messages: `the OS_* variables` or `/etc/openstack/clouds.yaml (lab)`. */
  readonly source: string;
  /**
   * Returns the name of the setting that a field comes from, for messages: `OS_USERNAME` or
   * `…/clouds.yaml: clouds.lab.auth.username`.
   */
  readonly settingName: (field: string) => string;
}

/**
 * The keys of login fields. openstacksdk accepts each key in `auth` and directly under the cloud.
 */
const LOGIN_FIELD_ALIASES: Readonly<Record<string, readonly string[]>> = {
  domain_id: ['domain_id', 'domain-id'],
  domain_name: ['domain_name', 'domain-name'],
  user_domain_id: ['user_domain_id', 'user-domain-id'],
  user_domain_name: ['user_domain_name', 'user-domain-name'],
  project_domain_id: ['project_domain_id', 'project-domain-id'],
  project_domain_name: ['project_domain_name', 'project-domain-name'],
  token: ['auth-token', 'auth_token', 'token'],
  project_id: ['tenant_id', 'tenant-id', 'project_id', 'project-id'],
  project_name: ['tenant_name', 'tenant-name', 'project_name', 'project-name'],
};
/** Returns the mapping with underscores in place of the dashes in its keys, at every level. */
export function withUnderscores(tree: YamlMapping): YamlMapping {
  return Object.fromEntries(
    Object.entries(tree).map(([key, value]) => {
      const nestedTree = YamlMapping.safeParse(value);
      return [
        key.replaceAll('-', '_'),
        nestedTree.success ? withUnderscores(nestedTree.data) : value,
      ];
    }),
  );
}

/** Applies the rules of openstacksdk's `magic_fixes` and osc-lib's `auth_config_hook`, in order. */
export function normalizeConfig(
  cloud: YamlMapping,
  variables: YamlMapping,
  regions: readonly string[],
  source: string,
  settingName: (field: string) => string,
): CloudConfig {
  const { region_name: _region, ...otherVariables } = variables;
  const fields: YamlMapping = { ...cloud, ...otherVariables };
  const auth: YamlMapping = { ...YamlMapping.parse(fields.auth) };
  delete fields.auth;
  if (fields.auth_plugin !== undefined && variables.auth_type === undefined)
    fields.auth_type = fields.auth_plugin;
  moveLoginFields(fields, auth);
  return {
    fields: withInterfaceNames(withUnderscores(fields)),
    auth: withDomains(withUnderscores(auth)),
    regions,
    source,
    settingName,
  };
}

/** Moves each login field from any of its keys, in `fields` or `auth`, to its key in `auth`. */
function moveLoginFields(fields: YamlMapping, auth: YamlMapping): void {
  for (const [loginField, aliases] of Object.entries(LOGIN_FIELD_ALIASES)) {
    // The last value has priority. For one key, this is the value in `fields`, which may come from
    // a variable.
    const value = aliases
      .flatMap((alias) => [...removeKey(auth, alias), ...removeKey(fields, alias)])
      .at(-1);
    if (value !== undefined && value !== null && value !== '') auth[loginField] = value;
  }
}

/** Removes a key from the mapping. Returns an array with its value, or an empty array. */
function removeKey(mapping: YamlMapping, key: string): unknown[] {
  const values = key in mapping ? [mapping[key]] : [];
  delete mapping[key];
  return values;
}

/**
 * Renames the keys with the old name of `interface`: `endpoint_type`, also after the name of a
 * service (`compute_endpoint_type`).
 */
const withInterfaceNames = (fields: YamlMapping): YamlMapping =>
  Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key.endsWith('endpoint_type') ? key.replace('endpoint_type', 'interface') : key,
      value,
    ]),
  );

/**
 * If the login has a project, `domain_id` and `domain_name` fill the missing domain fields of the
 * user and of the project. Without a project, both fields stay, because they are the scope of the
 * login.
 */
function withDomains({ domain_id, domain_name, ...auth }: YamlMapping): YamlMapping {
  const filledFields: YamlMapping = { ...auth };
  if (!auth.project_id && !auth.project_name)
    return {
      ...filledFields,
      ...(domain_id !== undefined && { domain_id }),
      ...(domain_name !== undefined && { domain_name }),
    };
  for (const owner of ['user', 'project']) {
    if (domain_id !== undefined) filledFields[`${owner}_domain_id`] ??= domain_id;
    if (domain_name !== undefined) filledFields[`${owner}_domain_name`] ??= domain_name;
  }
  return filledFields;
}
