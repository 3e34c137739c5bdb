import type { LifecycleService } from '../operation/lifecycle-order.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { chosenOptionNames, hasSuspendOptions } from '../policy/suspend-options.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { Service } from '../task/service.ts';
import { chosenTypes } from '../task/suspension.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';

/** Returns the entries of the HTTP plugins for which the settings declare this action. */
export const pluginEntriesFor = (
  action: PluginAction,
  { httpPlugins, pluginActions = {} }: LifecycleDeps,
): LifecycleService[] =>
  httpPlugins
    .filter((name) => pluginActions[name]?.includes(action))
    .map((name) => ({ name, suspendAfter: [], types: [], skippedBecause: undefined }));

/**
 * Returns an array with the entry of a service for the order of a suspend or resume. The array is
 * empty if the service has no part in it. `recordedServices`: the services with suspension records
 * of the project.
 */
export function lifecycleEntriesOf(
  { name, suspension, leftBySuspend }: Service,
  isSuspend: boolean,
  { suspend }: Policy,
  recordedServices: ReadonlySet<string>,
): LifecycleService[] {
  if (!suspension) {
    const hasWarnings = isSuspend && leftBySuspend.some(({ warns }) => warns);
    return hasWarnings ? [{ name, suspendAfter: [], types: [], skippedBecause: undefined }] : [];
  }
  const allTypes = suspension.types.map((type) => type(name));
  const types = isSuspend
    ? chosenTypes(allTypes, chosenOptionNames(name, suspend)).map(({ type }) => type)
    : allTypes;
  const skippedBecause = isSuspend
    ? suspendSkipReason(name, suspend)
    : resumeSkipReason(name, suspend, recordedServices);
  return [
    {
      name,
      suspendAfter: suspension.suspendAfter,
      types: types.map((type) => type.resourceType),
      skippedBecause,
    },
  ];
}

/** True if the section `suspend` of a policy suspends at least one resource type of the service. */
const suspendsService = (name: string, suspend: Policy['suspend']): boolean =>
  !hasSuspendOptions(name) || chosenOptionNames(name, suspend).length > 0;

const suspendSkipReason = (name: string, suspend: Policy['suspend']): string | undefined =>
  suspendsService(name, suspend) ? undefined : `the policy excludes it (suspend.${name}: none)`;

/**
 * Returns the reason why a resume skips the service, or `undefined` if the service takes part. A
 * service without suspended resources is skipped, because it would block the resume if it were
 * unreachable. Nothing was suspended if neither the present policy nor the default policy suspends
 * the service, and no suspension records exist. The present policy alone proves nothing, because it
 * may have changed since the suspension.
 */
const resumeSkipReason = (
  name: string,
  suspend: Policy['suspend'],
  recordedServices: ReadonlySet<string>,
): string | undefined =>
  suspendsService(name, suspend) ||
  suspendsService(name, NO_POLICY.suspend) ||
  recordedServices.has(name)
    ? undefined
    : 'no resource of it was suspended';
