import { finishLater } from '../documented.ts';
import { type Call, Refusal, type Reply } from '../http.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, type Token } from '../tokens.ts';
import type { Resource, Stack, Tables } from './heat-rows.ts';

const noContent: Reply = { status: 204 };

/**
 * The class of a type by the registry of the environment. No call returns the operator's own
 * environment.
 */
const classOf = (resource: Resource, registry: Record<string, unknown>): string => {
  const mapped = registry[resource.type];
  if (typeof mapped === 'string' && !mapped.includes('/')) return mapped;
  const stars = Object.entries(registry).find(
    ([key]) => key.endsWith('*') && resource.type.startsWith(key.slice(0, -1)),
  );
  if (stars && typeof stars[1] === 'string')
    return stars[1].slice(0, -1) + resource.type.slice(stars[0].length - 1);
  return resource.type
    .replace(/^Operator::/, 'OS::Nova::')
    .replace(/^OS::Quantum::/, 'OS::Neutron::');
};

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase();

/**
 * Heat removes with the token of the caller, and finds some resources by their name (seen on
 * 19).
 */
function carryOut(state: CloudState, stack: Stack, token: Token | undefined): void {
  for (const resource of stack.resources) {
    const { physical, properties } = resource;
    const resourceType = classOf(resource, stack.registry);
    if (resourceType === 'OS::Nova::KeyPair')
      for (const key of state.compute.keypairs.where(
        (row) => row.user_id === token?.userId && same(row.name, physical),
      ))
        state.compute.keypairs.delete(key.id);
    if (resourceType === 'OS::Swift::Container')
      state.accounts.get(`AUTH_${token?.projectId}`)?.containers.delete(physical);
    const polled =
      properties?.metadata_url && new URL(properties.metadata_url).pathname.split('/')[3];
    if (polled)
      state.accounts.get(`AUTH_${token?.projectId}`)?.containers.delete(decodeURIComponent(polled));
    if (resourceType === 'OS::Nova::Quota' && isAdmin(token))
      state.compute.quotas.delete(properties?.project ?? '');
    if (resourceType === 'OS::Neutron::FloatingIPAssociation' && isAdmin(token)) {
      const address = state.network.floatingips.get(properties?.floatingip ?? '');
      if (address) address.port_id = null;
    }
  }
}

const hasHook = (stack: Stack): boolean => JSON.stringify(stack.registry).includes('pre-delete');

/**
 * Heat accepts the request at once. The deletion then fails, waits for a hook, or ends. Nested
 * stacks are deleted, too, unless they are retained.
 */
export function removeStack(state: CloudState, tables: Tables, call: Call, stack: Stack): Reply {
  const { stacks, configs } = tables;
  if (call.token && !isAdmin(call.token) && call.token.projectId !== stack.project_id)
    throw new Refusal(404, 'The Stack could not be found.');
  stack.status = 'DELETE_IN_PROGRESS';
  stack.reason = 'Stack DELETE started';
  stack.updated = state.clock.now();
  const end = (one: Stack): void => {
    for (const below of stacks.where((row) => row.parent === one.id && !row.retained)) end(below);
    carryOut(state, one, call.token);
    for (const { physical } of one.resources) configs.delete(physical);
    stacks.delete(one.id);
  };
  finishLater(state, call, state.options.durations.documented, () => {
    if (stack.fails === undefined && hasHook(stack)) return;
    if (stack.fails === undefined) return end(stack);
    stack.status = 'DELETE_FAILED';
    stack.reason = stack.fails;
  });
  return noContent;
}
