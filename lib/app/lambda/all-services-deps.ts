import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import { SERVICES } from '../../services/index.ts';
import { approvalRulesOf } from '../approval-rules.ts';
import { resolvePlugins } from '../plugins.ts';
import { loadPolicy } from '../policy-file.ts';
import { commonDeps } from './task-deps.ts';

/** Returns the dependencies of the functions that know all services. */
export function allServicesDeps(lambda: LambdaContext) {
  const { settings } = lambda;
  const { optedIn, httpPlugins } = resolvePlugins(settings, SERVICES);
  return {
    ...commonDeps(lambda),
    services: SERVICES,
    optedIn,
    approvalRules: approvalRulesOf(settings),
    policy: loadPolicy(settings.PROPAGATOR_POLICY, SERVICES),
    httpPlugins: httpPlugins.map(({ name }) => name),
    gracePeriodMillis: settings.PROPAGATOR_GRACE_PERIOD,
    protectedIds: {
      projects: settings.PROPAGATOR_PROTECTED_PROJECTS,
      domains: settings.PROPAGATOR_PROTECTED_DOMAINS,
    },
    limits: {
      confirmationIntervalMillis: settings.PROPAGATOR_CONFIRMATION_INTERVAL,
      stallTimeoutMillis: settings.PROPAGATOR_STALL_TIMEOUT,
      maxWaitMillis: settings.PROPAGATOR_MAX_WAIT,
      maxAttempts: 5,
      maxResourcesPerOperation: settings.PROPAGATOR_MAX_RESOURCES_PER_OPERATION,
      maxOperationsPerHour: settings.PROPAGATOR_MAX_OPERATIONS_PER_HOUR,
    },
  };
}
