import type { Settings } from '../shared/settings.ts';

/** The accounts that the settings protect from every change. */
export const protectedIdsOf = (settings: Settings) => ({
  projects: settings.PROPAGATOR_PROTECTED_PROJECTS,
  domains: settings.PROPAGATOR_PROTECTED_DOMAINS,
});

/** Returns the dependencies of the coordinator that come from the settings. */
export const coordinatorSettings = (settings: Settings) => ({
  mode: settings.PROPAGATOR_MODE,
  gracePeriodMillis: settings.PROPAGATOR_GRACE_PERIOD,
  protectedIds: protectedIdsOf(settings),
  limits: {
    confirmationIntervalMillis: settings.PROPAGATOR_CONFIRMATION_INTERVAL,
    stallTimeoutMillis: settings.PROPAGATOR_STALL_TIMEOUT,
    maxWaitMillis: settings.PROPAGATOR_MAX_WAIT,
    maxAttempts: 5,
    maxResourcesPerOperation: settings.PROPAGATOR_MAX_RESOURCES_PER_OPERATION,
    maxOperationsPerHour: settings.PROPAGATOR_MAX_OPERATIONS_PER_HOUR,
  },
});

/** Returns the dependencies of a service's task that come from the settings. */
export const taskSettings = (settings: Settings) => ({
  confirmationIntervalMillis: settings.PROPAGATOR_CONFIRMATION_INTERVAL,
  tokenCacheMillis: settings.PROPAGATOR_TOKEN_CACHE_TIME,
  stallTimeoutMillis: settings.PROPAGATOR_STALL_TIMEOUT,
  concurrency: settings.PROPAGATOR_CONCURRENCY,
});
