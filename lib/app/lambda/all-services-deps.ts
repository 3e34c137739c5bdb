import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import type { Policy } from '../../policy/schema.ts';
import { SERVICES } from '../../services/index.ts';
import { approvalRulesOf } from '../approval-rules.ts';
import { resolvePlugins } from '../plugins.ts';
import { coordinatorSettings } from '../settings-deps.ts';
import { commonDeps } from './task-deps.ts';

/**
 * Returns the dependencies of the functions that know all services. `policy` is part of the bundle
 * of these functions. The policy was validated when the stack was packaged.
 */
export function allServicesDeps(lambda: LambdaContext, policy: Policy) {
  const { settings } = lambda;
  const { optedInServices, httpPlugins } = resolvePlugins(settings, SERVICES);
  return {
    ...commonDeps(lambda),
    ...coordinatorSettings(settings),
    services: SERVICES,
    optedInServices,
    approvalRules: approvalRulesOf(settings),
    policy,
    httpPlugins: httpPlugins.map(({ name }) => name),
    pluginActions: Object.fromEntries(httpPlugins.map(({ actions, name }) => [name, actions])),
  };
}
