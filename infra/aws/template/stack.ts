import { resolvePlugins } from '../../../lib/app/plugins.ts';
import { topologyOf } from '../../../lib/engine/aws/topology.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { readSettings, settingError } from '../../../lib/shared/settings.ts';
import type { Service } from '../../../lib/task/service.ts';
import { type Parameters, readParameters, SETTINGS } from './parameters.ts';

/** All that the template is made from. */
export interface Stack {
  readonly stage: string;
  readonly prefix: string;
  /** What the functions are configured by, unset ones left out. */
  readonly settings: Readonly<Record<string, string>>;
  readonly parameters: Parameters;
  /** Those that hold something, and so have a queue. */
  readonly services: readonly Service[];
  /** Services of the operator's own that are asked over HTTP. */
  readonly httpPlugins: readonly { readonly name: string; readonly url: string }[];
  readonly topology: ReturnType<typeof topologyOf>;
}

/**
 * What AWS lets the name of a function have. All other names of the stack may be longer, or are
 * shorter.
 */
const MOST_OF_A_NAME = 64;

/**
 * Throws `PropagatorError` that names a setting, a parameter or a stage that is wrong: before
 * anything is deployed.
 */
export function stackOf(
  stage: string,
  given: Readonly<Record<string, string>>,
  known: readonly Service[] = SERVICES,
): Stack {
  if (!/^[A-Za-z0-9][A-Za-z0-9-]*$/.test(stage))
    throw settingError(
      '--stage',
      `${stage}: letters, digits and hyphens, for all is called after it`,
    );
  const parameters = readParameters(given);
  const settings = Object.fromEntries(
    SETTINGS.flatMap((name) => (given[name] ? [[name, given[name]]] : [])),
  );
  const { httpPlugins } = resolvePlugins(readSettings(settings), known);
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
  const over = longest.length - MOST_OF_A_NAME;
  if (over > 0)
    throw settingError(
      '--stage',
      `too long by ${over}: the function ${longest} may have ${MOST_OF_A_NAME} characters`,
    );
  return { stage, prefix, settings, parameters, services, httpPlugins, topology };
}
