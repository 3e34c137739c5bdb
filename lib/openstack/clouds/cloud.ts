import { credentialsError } from '../credentials-error.ts';
import {
  type ParsableSources,
  readClouds,
  readPublicProfiles,
  searchedFoldersText,
  YamlMapping,
} from './files.ts';
import { type CloudConfig, normalizeConfig } from './normalize-config.ts';
import { regionsOf } from './regions.ts';
import { VENDOR_PROFILES } from './vendor-profiles.ts';

/** Variables that override clouds.yaml, because `openstack` treats them as options. */
const LOGIN_VARIABLES = [
  'application_credential_id',
  'application_credential_name',
  'application_credential_secret',
  'auth_methods',
  'auth_url',
  'default_domain_id',
  'default_domain_name',
  'domain_id',
  'domain_name',
  'passcode',
  'password',
  'project_domain_id',
  'project_domain_name',
  'project_id',
  'project_name',
  'system_scope',
  'token',
  'trust_id',
  'user_domain_id',
  'user_domain_name',
  'user_id',
  'username',
];
const OTHER_VARIABLES = [
  'auth_type',
  'cacert',
  'cert',
  'default_domain',
  'identity_api_version',
  'interface',
  'key',
  'region_name',
];
const DEFAULTS: YamlMapping = { auth_type: 'password', interface: 'public' };

/**
 * Reads the configuration of one cloud. Throws an error whose message is one line that names the
 * file, variable or field.
 */
export function readCloudConfig(sources: ParsableSources): CloudConfig {
  const { ownFields, source, settingName } = readCloudWithoutProfile(sources);
  const profile = profileOf(ownFields, sources, settingName);
  const profileWithDefaults = mergeFields({ ...DEFAULTS, auth: {} }, profile, settingName);
  const fields = mergeFields(profileWithDefaults, ownFields, settingName);
  const variables = overridingVariables(sources.env);
  // The cloud's own regions override those of its profile, even if the two use different keys.
  const hasRegions = Object.keys(ownFields).some((key) => /^(regions|region[_-]name)$/.test(key));
  const { regions, values } = regionsOf(
    hasRegions ? ownFields : profile,
    variables.region_name,
    settingName,
  );
  return normalizeConfig(mergeFields(fields, values), variables, regions, source, settingName);
}

/** The fields of a cloud without those of its profile, and the names of its settings. */
interface CloudWithoutProfile extends Pick<CloudConfig, 'source' | 'settingName'> {
  readonly ownFields: YamlMapping;
}

/** Reads the cloud of clouds.yaml that `OS_CLOUD` names, or the cloud of the `OS_*` variables. */
function readCloudWithoutProfile(sources: ParsableSources): CloudWithoutProfile {
  const { env } = sources;
  const variablesCloudName = env.OS_CLOUD_NAME || 'envvars';
  const name = env.OS_CLOUD || (env.OS_AUTH_URL ? variablesCloudName : undefined);
  if (name === undefined)
    throw credentialsError(
      'OS_CLOUD: set it to a cloud of clouds.yaml, or set OS_AUTH_URL and the other ' +
        'OS_* variables',
    );
  if (name === variablesCloudName)
    return {
      ownFields: cloudFromVariables(sources, name),
      source: 'the OS_* variables',
      settingName: variableName,
    };
  const { ownFields, path } = cloudFromFile(name, sources);
  return {
    ownFields,
    source: `${path} (${name})`,
    settingName: (key) =>
      isOverridden(key, env) ? variableName(key) : `${path}: clouds.${name}.${key}`,
  };
}

/** Returns the variable of a field: `OS_USERNAME` for `auth.username`. */
const variableName = (field: string): string => `OS_${field.replace(/^auth\./, '').toUpperCase()}`;
const isOverridden = (field: string, env: ParsableSources['env']): boolean => {
  const key = field.replace(/^auth\./, '');
  const isVariable = LOGIN_VARIABLES.includes(key) || OTHER_VARIABLES.includes(key);
  return isVariable && Boolean(env[variableName(key)]);
};

/** Returns the fields that variables set, and that override those of clouds.yaml. */
function overridingVariables(env: ParsableSources['env']): YamlMapping {
  const variableEntries = [...LOGIN_VARIABLES, ...OTHER_VARIABLES].flatMap((name) => {
    const value = env[`OS_${name.toUpperCase()}`];
    return value ? [[name, value]] : [];
  });
  const variables = Object.fromEntries(variableEntries);
  const project = {
    project_id: env.OS_PROJECT_ID || env.OS_TENANT_ID,
    project_name: env.OS_PROJECT_NAME || env.OS_TENANT_NAME,
  };
  return {
    ...variables,
    ...(project.project_id && { project_id: project.project_id }),
    ...(project.project_name && { project_name: project.project_name }),
  };
}

/**
 * Returns the fields of the cloud that the `OS_*` variables define. This cloud is used if
 * `OS_CLOUD` is not set or is `envvars`.
 */
function cloudFromVariables(sources: ParsableSources, name: string): YamlMapping {
  if (sources.env.OS_CLOUD) {
    const { clouds, path } = readClouds(sources);
    if (name in clouds)
      throw credentialsError(
        `${path}: the name of clouds.${name} is reserved for the OS_* variables; rename the ` +
          'cloud, or set OS_CLOUD_NAME',
      );
  }
  const fieldEntries = Object.entries(sources.env).flatMap(([key, value]) =>
    key.startsWith('OS_') && value ? [[key.slice(3).toLowerCase(), value]] : [],
  );
  const {
    cloud: _cloud,
    cloud_name: _name,
    profile: _profile,
    ...ownFields
  } = Object.fromEntries(fieldEntries);
  return ownFields;
}

function cloudFromFile(
  name: string,
  sources: ParsableSources,
): { ownFields: YamlMapping; path: string } {
  const { clouds, path } = readClouds(sources);
  if (path === undefined)
    throw credentialsError(
      `OS_CLOUD=${name}: there is no clouds.yaml in ${searchedFoldersText(sources)}`,
    );
  if (!(name in clouds)) {
    const names = Object.keys(clouds).join(', ');
    throw credentialsError(
      `OS_CLOUD=${name}: ${path} has ${names === '' ? 'no clouds' : `only ${names}`}`,
    );
  }
  const cloud = YamlMapping.safeParse(clouds[name]);
  if (cloud.success) return { ownFields: cloud.data, path };
  throw credentialsError(`${path}: clouds.${name} is not a mapping of fields`);
}

/**
 * Returns the fields of the cloud's profile; none without a profile. `cloud` is the old key for
 * `profile`.
 */
function profileOf(
  ownFields: YamlMapping,
  sources: ParsableSources,
  settingName: (key: string) => string,
): YamlMapping {
  const profileName = ownFields.profile ?? ownFields.cloud;
  if (profileName === undefined || profileName === null || profileName === '') return {};
  const setting = settingName(ownFields.profile === undefined ? 'cloud' : 'profile');
  if (typeof profileName !== 'string') throw credentialsError(`${setting} is not a string`);
  const publicProfiles = readPublicProfiles(sources);
  if (Object.hasOwn(publicProfiles, profileName)) {
    const publicProfile = YamlMapping.safeParse(publicProfiles[profileName]);
    if (publicProfile.success) return withoutStatus(publicProfile.data);
    throw credentialsError(
      `${setting}: profile ${profileName} of clouds-public.yaml is not a mapping of fields`,
    );
  }
  // An unknown profile is ignored, as in openstacksdk.
  return vendorFields(vendorProfile(profileName) ?? {}, profileName, setting);
}

/** A name such as `constructor` is no profile. */
const vendorProfile = (name: string): YamlMapping | undefined =>
  Object.hasOwn(VENDOR_PROFILES, name) ? VENDOR_PROFILES[name] : undefined;

/**
 * Returns the fields of a vendor profile, or of the vendor profile that this profile names. Throws
 * for a profile at a URL, and for a cloud that no longer exists.
 */
function vendorFields(vendor: YamlMapping, profileName: string, setting: string): YamlMapping {
  const { profile: nestedName } = vendor;
  if ([profileName, nestedName].some((name) => /^\w+:\/\//.test(String(name))))
    throw credentialsError(
      `${setting}: a profile at a URL is not supported; set auth.auth_url and regions instead`,
    );
  const nested = typeof nestedName === 'string' ? vendorProfile(nestedName) : undefined;
  const fields = nested ?? vendor;
  if (fields.status === 'shutdown')
    throw credentialsError(`${setting}: the cloud of profile ${profileName} no longer exists`);
  return withoutStatus(fields);
}

const withoutStatus = ({ status: _status, message: _message, ...fields }: YamlMapping) => fields;

/**
 * Returns `base` with the fields of `overrides`, like Python's `dict.update`. Only the mapping
 * `auth` is merged field by field.
 */
function mergeFields(
  base: YamlMapping,
  overrides: YamlMapping,
  settingName: (key: string) => string = variableName,
): YamlMapping {
  const mergedFields: YamlMapping = { ...base };
  for (const [key, value] of Object.entries(overrides)) {
    if (key !== 'auth') {
      mergedFields[key] = value;
      continue;
    }
    const login = YamlMapping.safeParse(value);
    if (!login.success) throw credentialsError(`${settingName('auth')} is not a mapping of fields`);
    mergedFields.auth = { ...YamlMapping.parse(base.auth ?? {}), ...login.data };
  }
  return mergedFields;
}
