import type { LifecycleService } from '../operation/lifecycle-order.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { chosenOptions, hasOptions } from '../policy/suspend-options.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import type { Service } from '../task/service.ts';
import { chosenTypes } from '../task/suspension.ts';
import type { LifecycleDeps } from './lifecycle.ts';

/** Returns the HTTP plugins that support the action, as the settings declare it. */
export const pluginsFor = (
  action: PluginAction,
  { httpPlugins, pluginActions = {} }: LifecycleDeps,
): LifecycleService[] =>
  httpPlugins
    .filter((name) => pluginActions[name]?.includes(action))
    .map((name) => ({ name, after: [], types: [], skippedBecause: undefined }));

/**
 * Returns the part that a service has in a suspend or resume, or an empty array if it has none.
 * Suspend skips a service that the policy excludes. Resume skips a service if certainly no resource
 * of it was suspended. An unreachable service then does not block the resume.
 */
export function partOfService(
  { name, suspension, leftBySuspend }: Service,
  isSuspend: boolean,
  { suspend }: Policy,
  recorded: ReadonlySet<string>,
): LifecycleService[] {
  const isReported = isSuspend && leftBySuspend.some(({ warns }) => warns);
  if (!suspension)
    return isReported ? [{ name, after: [], types: [], skippedBecause: undefined }] : [];
  const allTypes = suspension.types.map((type) => type(name));
  const chosen = chosenOptions(name, suspend);
  const isChosen = !hasOptions(name) || chosen.length > 0;
  const isDefault = chosenOptions(name, NO_POLICY.suspend).length > 0 || !hasOptions(name);
  const skipped = isSuspend
    ? isChosen
      ? undefined
      : `the policy excludes it (suspend.${name}: none)`
    : isChosen || isDefault || recorded.has(name)
      ? undefined
      : 'no resource of it was suspended';
  const types = isSuspend ? chosenTypes(allTypes, chosen).map(({ type }) => type) : allTypes;
  return [
    {
      name,
      after: suspension.after,
      types: types.map((type) => type.resourceType),
      skippedBecause: skipped,
    },
  ];
}
