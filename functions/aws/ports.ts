import type { Warm } from '../../lib/engine/aws/function/warm.ts';
import { ownChoices } from '../../lib/own-services.ts';
import { SERVICES } from '../../lib/services/index.ts';
import { commonPorts } from './pass-ports.ts';

/** Of the functions that know all services. */
export function overviewPorts(warm: Warm) {
  const { settings } = warm;
  const { optedIn, remotes } = ownChoices(settings, SERVICES);
  return {
    ...commonPorts(warm),
    services: SERVICES,
    optedIn,
    remotes: remotes.map(({ name }) => name),
    graceMillis: settings.PROPAGATOR_GRACE,
    protectedIds: { projects: settings.PROPAGATOR_PROTECTED_PROJECTS, domains: settings.PROPAGATOR_PROTECTED_DOMAINS },
    limits: {
      apartMillis: settings.PROPAGATOR_CONFIRM_APART,
      patienceMillis: settings.PROPAGATOR_PATIENCE,
      mostAttempts: 5,
      mostThings: settings.PROPAGATOR_MOST_THINGS,
      mostOperationsAnHour: settings.PROPAGATOR_MOST_OPERATIONS_AN_HOUR,
    },
  };
}
