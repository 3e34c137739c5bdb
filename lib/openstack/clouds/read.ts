import type { Credentials, Interface } from '../credentials.ts';
import { credentialsError } from '../credentials-error.ts';
import type { Proxies } from '../proxies.ts';
import { readCloudConfig } from './cloud.ts';
import type { CredentialSources, ParsableSources } from './files.ts';
import { type LoginScopes, loginOf } from './login.ts';
import type { CloudConfig } from './normalize-config.ts';
import { readTls } from './tls.ts';

/**
 * Reads credentials as `openstack` does: `OS_CLOUD` with clouds.yaml, secure.yaml and
 * clouds-public.yaml, or `OS_*` variables, which override the file. The caller passes the YAML
 * parser. The bundle of a Lambda function, which reads no files, therefore contains no parser.
 * Throws `PropagatorError` (`openstack.credentials`) with one line that names the setting.
 */
export function readCredentialsFrom(
  sources: ParsableSources,
  scopes: LoginScopes = 'project',
): Credentials {
  const cloud = readCloudConfig(sources);
  refuseServiceFields(cloud);
  return {
    ...loginOf(cloud, scopes),
    regions: cloud.regions,
    interfaces: interfacesOf(sources.env, cloud),
    endpointOverrides: endpointOverridesOf(cloud),
    tls: readTls(sources, cloud),
    proxies: proxiesOf(sources.env),
    source: cloud.source,
  };
}

/**
 * Refuses settings for a single service, because they would change which resources are listed and
 * deleted.
 */
function refuseServiceFields({ fields, settingName }: CloudConfig): void {
  const field = Object.keys(fields).find((key) =>
    /._(interface|region_name|service_type|service_name)$/.test(key),
  );
  if (field !== undefined)
    throw credentialsError(
      `${settingName(field)} is not supported: interface and region are the same for all services`,
    );
}

function interfacesOf(
  env: CredentialSources['env'],
  { fields, settingName }: CloudConfig,
): Interface[] {
  // OS_ENDPOINT_TYPE is the old name of OS_INTERFACE.
  const oldVariable = env.OS_INTERFACE ? undefined : env.OS_ENDPOINT_TYPE;
  const value = env.OS_INTERFACE || oldVariable || fields.interface || 'public';
  const requestedInterfaces = (Array.isArray(value) ? value : [value]).map((one) =>
    String(one).replace(/URL$/, ''),
  );
  const validInterfaces = requestedInterfaces.filter(
    (one) => one === 'public' || one === 'internal' || one === 'admin',
  );
  if (validInterfaces.length === requestedInterfaces.length && validInterfaces.length > 0)
    return validInterfaces;
  throw credentialsError(
    `${oldVariable ? 'OS_ENDPOINT_TYPE' : settingName('interface')} must be public, internal or ` +
      'admin',
  );
}

function endpointOverridesOf({
  fields,
  regions,
  settingName,
}: CloudConfig): Record<string, string> {
  const overrides: Record<string, string> = {};
  for (const [key, value] of Object.entries(fields)) {
    const type = /^(.+)_endpoint_override$/.exec(key)?.[1];
    if (type === undefined || value === null || value === '') continue;
    if (!isHttpUrl(value))
      throw credentialsError(`${settingName(key)} is not an http or https URL`);
    // The URL of an override serves only one region. The resources of a second region would never
    // be listed, and would remain.
    if (regions.length !== 1)
      throw credentialsError(
        `${settingName(key)} needs one region: set ${settingName('region_name')} as well`,
      );
    if (type === 'identity')
      throw credentialsError(
        `${settingName(key)} is not supported: Keystone is called at auth_url`,
      );
    overrides[type.replaceAll('_', '-')] = value.replace(/\/+$/, '');
  }
  return overrides;
}

const isHttpUrl = (value: unknown): value is string =>
  typeof value === 'string' && /^https?:$/.test(URL.parse(value)?.protocol ?? '');

/**
 * Reads the variables of proxies like Python's `requests`. A variable in lower case has priority
 * over the same variable in upper case. `all_proxy` is used if the scheme has no own variable.
 */
function proxiesOf(env: CredentialSources['env']): Proxies {
  const variableOf = (key: string): { name: string; value: string } | undefined => {
    const name = [key, key.toUpperCase()].find((one) => env[one]);
    return name === undefined ? undefined : { name, value: env[name] ?? '' };
  };
  const proxyUrlOf = (key: string): string | undefined => {
    const setting = variableOf(key) ?? variableOf('all_proxy');
    if (!setting) return undefined;
    const { name, value } = setting;
    const url = URL.parse(value.includes('://') ? value : `http://${value}`);
    if (url && /^https?:$/.test(url.protocol)) return url.href;
    throw credentialsError(
      `${name} must be the URL of an HTTP proxy: http://proxy.example.org:3128`,
    );
  };
  const [http, https] = [proxyUrlOf('http_proxy'), proxyUrlOf('https_proxy')];
  return { http: () => http, https: () => https, noProxy: variableOf('no_proxy')?.value ?? '' };
}
