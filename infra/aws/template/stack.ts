import { resolvePlugins } from '../../../lib/app/plugins.ts';
import { loadPolicy } from '../../../lib/app/policy-file.ts';
import { topologyOf } from '../../../lib/engine/aws/topology.ts';
import type { Policy } from '../../../lib/policy/schema.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { readSettings, settingError } from '../../../lib/shared/settings.ts';
import type { Service } from '../../../lib/task/service.ts';
import { type Parameters, readParameters, SETTINGS } from './parameters.ts';

/** The input of the template. */
export interface Stack {
  readonly stage: string;
  readonly prefix: string;
  /** The settings of the functions that have a value, as environment variables. */
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Parameters;
  /**
   * The content of the file that `PROPAGATOR_POLICY` names, which becomes a part of the bundles.
   */
  readonly policy: Policy;
  /** The services with resources. Each has a queue. */
  readonly services: readonly Service[];
  /** The operator's own services, called over HTTP. */
  readonly httpPlugins: readonly { readonly name: string; readonly url: string }[];
  /** The callers that the API accepts. */
  readonly apiCallers: 'iam' | 'keystone';
  readonly topology: ReturnType<typeof topologyOf>;
}

/** Lambda's limit for a function name. All other resources have shorter names or a higher limit. */
const MAX_NAME_LENGTH = 64;

/**
 * Builds the stack of a stage from the parameters `given`, and reads the policy file. Throws
 * `PropagatorError` that names a wrong setting, parameter, stage or line of the policy file.
 */
export function stackOf(
  stage: string,
  given: Readonly<Record<string, string>>,
  known: readonly Service[] = SERVICES,
): Stack {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(stage))
    throw settingError(
      '--stage',
      `${stage}: use a-z, A-Z, 0-9 and hyphens only, because resource names contain the stage`,
    );
  const parameters = readParameters(given);
  const { PROPAGATOR_POLICY: policyFile, ...settings } = Object.fromEntries(
    SETTINGS.flatMap((name) => (given[name] ? [[name, given[name]]] : [])),
  );
  if (settings.PROPAGATOR_API_AUTH === 'token')
    throw settingError(
      'PROPAGATOR_API_AUTH',
      'on AWS write keystone, or omit the setting to accept IAM principals',
    );
  const read = readSettings({ ...settings, PROPAGATOR_POLICY: policyFile });
  const policy = loadPolicy(read.PROPAGATOR_POLICY, known);
  const { httpPlugins } = resolvePlugins(read, known);
  const services = known.filter(
    ({ resourceTypes, userResourceTypes }) =>
      resourceTypes.length > 0 || userResourceTypes.length > 0,
  );
  const prefix = `propagator-${stage}`;
  const topology = topologyOf(
    prefix,
    [...services, ...httpPlugins].map(({ name }) => name),
  );
  const [longest = ''] = topology.queues
    .map(({ name }) => name)
    .sort((a, b) => b.length - a.length);
  const excess = longest.length - MAX_NAME_LENGTH;
  if (excess > 0)
    throw settingError(
      '--stage',
      `shorten it by ${excess}: the name ${longest} may have at most ${MAX_NAME_LENGTH} characters`,
    );
  const apiCallers = read.PROPAGATOR_API_AUTH === 'keystone' ? 'keystone' : 'iam';
  return {
    stage,
    prefix,
    settings,
    parameters,
    policy,
    services,
    httpPlugins,
    apiCallers,
    topology,
  };
}
