import type { CredentialSources } from './clouds/files.ts';
import type { Login, LoginScopes } from './clouds/login.ts';
import { readCredentialsFrom } from './clouds/read.ts';
import { parseYaml } from './clouds/yaml.ts';
import type { Proxies } from './proxies.ts';
import type { Tls } from './transport.ts';

export type Interface = 'public' | 'internal' | 'admin';

/**
 * The propagator's login and where to use it. Secrets are functions, so that printing this object
 * does not print them.
 */
export interface Credentials extends Login {
  /** Regions to work in. Empty: all regions of the catalog. */
  readonly regions: readonly string[];
  /** Endpoint interfaces in order of preference. */
  readonly interfaces: readonly Interface[];
  /** URLs by service type that replace those of the catalog (`compute_endpoint_override`). */
  readonly endpointOverrides: Readonly<Record<string, string>>;
  readonly tls: Tls;
  readonly proxies: Proxies;
  /** The source of the login, for messages: `the OS_* variables`, or the file and its cloud. */
  readonly source: string;
}

/**
 * Reads credentials like `openstack`: `OS_CLOUD` with clouds.yaml, secure.yaml and
 * clouds-public.yaml, or `OS_*` variables, which override the file. Throws `PropagatorError`
 * (`openstack.credentials`) with one line that names the setting. `scopes`: the scopes that the
 * login may have; by default only a project, which the propagator itself needs.
 */
export const readCredentials = (sources: CredentialSources, scopes?: LoginScopes): Credentials =>
  readCredentialsFrom({ ...sources, parseYaml }, scopes);
