import * as z from 'zod';
import type { Blocker, ServiceApi } from '../../task/service.ts';
import { pathOfStack, type StackRow } from './rows.ts';

const environmentBody = z.object({ resource_registry: z.unknown() });
export interface Environment {
  /** The types that replace other types in the stack. */
  readonly replacementTypes: readonly string[];
  /** The resources with a pre-delete hook: `resource`, or `nested-stack/resource`. */
  readonly hookedResources: readonly string[];
}

/**
 * Reads the registry of a stack's environment, for example
 * `{"OS::Nova::Server": "custom.yaml", "resources": {"db": {"hooks": "pre-delete"}}}`. In this
 * example, the type `custom.yaml` replaces servers, and the resource `db` has a pre-delete hook.
 */
export async function environmentOf(row: StackRow, api: ServiceApi): Promise<Environment> {
  const answer = await api.request('GET', `${pathOfStack(row)}/environment`);
  const entries = stringsIn(environmentBody.parse(answer.json).resource_registry);
  const isHookEntry = ({ path }: RegistryEntry): boolean => path.includes('hooks');
  return {
    replacementTypes: entries.filter((entry) => !isHookEntry(entry)).map(({ value }) => value),
    hookedResources: entries
      .filter((entry) => isHookEntry(entry) && entry.value === 'pre-delete')
      // The path is resources/RESOURCE/hooks, or resources/NESTED_STACK/RESOURCE/hooks.
      .map(({ path }) => path.slice(1, path.indexOf('hooks')).join('/')),
  };
}

/** A string in the registry, with the keys that lead to it. */
interface RegistryEntry {
  readonly path: readonly string[];
  readonly value: string;
}

/** Returns all strings in a JSON value. */
function stringsIn(value: unknown, path: readonly string[] = []): readonly RegistryEntry[] {
  if (typeof value === 'string') return [{ path, value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => stringsIn(child, [...path, key]));
}

/** Returns a blocker if a pre-delete hook of the owner stops the deletion. */
export async function preDeleteHookBlocker(
  row: StackRow,
  api: ServiceApi,
): Promise<Blocker | undefined> {
  const [resource] = (await environmentOf(row, api)).hookedResources;
  if (resource === undefined) return undefined;
  return {
    message: `the deletion waits for the pre-delete hook on "${resource}"`,
    actor: 'operator',
    advice: `Clear the hook: openstack stack hook clear --pre-delete ${row.id} ${resource}`,
  };
}
