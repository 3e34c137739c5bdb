import { resolvePlugins } from '../../../lib/app/plugins.ts';
import { loadPolicy } from '../../../lib/app/policy-file.ts';
import { topologyOf } from '../../../lib/engine/aws/topology.ts';
import type { Policy } from '../../../lib/policy/schema.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { readSettings, settingError } from '../../../lib/shared/settings.ts';
import type { Service } from '../../../lib/task/service.ts';
import { type Parameters, readParameters, SETTING_PARAMETERS } from './parameters.ts';

/** The stack of one stage: the input from which the template is built. */
export interface Stack {
  readonly stage: string;
  readonly prefix: string;
  /** The settings that have a value, as environment variables of the functions. */
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Parameters;
  /** The content of the file that `PROPAGATOR_POLICY` names. The bundles contain it. */
  readonly policy: Policy;
  /** The services that have resource types. Each has a queue. */
  readonly services: readonly Service[];
  /** The services of the operator that the propagator calls over HTTP. Each has a queue. */
  readonly httpPlugins: readonly { readonly name: string; readonly url: string }[];
  /** The callers that the API accepts. */
  readonly apiCallers: 'iam' | 'keystone';
  readonly topology: ReturnType<typeof topologyOf>;
}

/** Lambda's limit for a function name. All other resources have shorter names or a higher limit. */
const MAX_NAME_LENGTH = 64;

/**
 * Builds the stack of a stage. `values`: the values of the parameters of the deployment, by name.
 * Reads the policy file. Throws `PropagatorError` that names a wrong setting, parameter, stage or
 * line of the policy file.
 */
export function stackOf(
  stage: string,
  values: Readonly<Record<string, string>>,
  knownServices: readonly Service[] = SERVICES,
): Stack {
  checkStage(stage);
  const parameters = readParameters(values);
  const { PROPAGATOR_POLICY: policyFile, ...settings } = Object.fromEntries(
    SETTING_PARAMETERS.flatMap((name) => (values[name] ? [[name, values[name]]] : [])),
  );
  if (settings.PROPAGATOR_API_AUTH === 'token')
    throw settingError(
      'PROPAGATOR_API_AUTH',
      'on AWS, set it to `keystone`, or omit it to accept IAM principals',
    );
  const parsedSettings = readSettings({ ...settings, PROPAGATOR_POLICY: policyFile });
  const policy = loadPolicy(parsedSettings.PROPAGATOR_POLICY, knownServices);
  const { httpPlugins } = resolvePlugins(parsedSettings, knownServices);
  const services = knownServices.filter(
    ({ resourceTypes, userResourceTypes }) =>
      resourceTypes.length > 0 || userResourceTypes.length > 0,
  );
  const prefix = `propagator-${stage}`;
  const topology = topologyOf(
    prefix,
    [...services, ...httpPlugins].map(({ name }) => name),
  );
  checkNames(topology);
  return {
    stage,
    prefix,
    settings,
    parameters,
    policy,
    services,
    httpPlugins,
    apiCallers: parsedSettings.PROPAGATOR_API_AUTH === 'keystone' ? 'keystone' : 'iam',
    topology,
  };
}

function checkStage(stage: string): void {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(stage))
    throw settingError(
      '--stage',
      `${stage}: use a-z, A-Z, 0-9 and hyphens only, because resource names contain the stage`,
    );
}

/**
 * Throws if a function would have a longer name than Lambda permits. A function has the name of its
 * queue.
 */
function checkNames({ queues }: Stack['topology']): void {
  const [longest = ''] = queues.map(({ name }) => name).sort((a, b) => b.length - a.length);
  const excess = longest.length - MAX_NAME_LENGTH;
  if (excess > 0)
    throw settingError(
      '--stage',
      `shorten it by ${excess}: the name ${longest} may have at most ${MAX_NAME_LENGTH} characters`,
    );
}
