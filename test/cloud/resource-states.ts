import type { RehearsalCloud } from './cloud.ts';

/** The servers and the Swift account of a project, with the fields that a suspension may change. */
export function resourceStatesOf({ state }: RehearsalCloud, project: string) {
  const servers = state.compute.servers.where((row) => row.project_id === project);
  const account = state.accounts.get(`AUTH_${project}`);
  const places = account ? [account, ...account.containers.values()] : [];
  return {
    servers: servers.map(({ id, vm_state, locked, locked_reason }) => ({
      id,
      vm_state,
      locked,
      locked_reason,
    })),
    swift: places.map(({ name, headers }) => ({ name, headers: { ...headers } })),
  };
}
