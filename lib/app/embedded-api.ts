import { createApi } from '../api/api.ts';
import type { Authentication } from '../api/authentication.ts';
import { withConsole } from '../api/console.ts';
import type { Relay } from '../relay/start.ts';
import { approvalRulesOf } from './approval-rules.ts';
import type { WorkerDeps } from './embedded-workers.ts';
import type { InventorySync } from './inventory-sync.ts';

/** The running parts whose state `/healthz` shows. */
export interface RunningParts {
  readonly relay: Relay | undefined;
  readonly inventorySync: InventorySync;
  readonly callCounts: Readonly<Record<string, number>>;
  readonly startedAt: number;
}

/** Creates the API and the web console of the embedded process. */
export function createApiWithConsole(
  deps: WorkerDeps,
  authentication: Authentication,
  parts: RunningParts,
) {
  const app = createApi({
    ...deps,
    approvalRules: approvalRulesOf(deps.settings),
    authentication,
    httpPlugins: deps.httpPlugins.map(({ name }) => name),
    health: () => healthOf(deps, parts),
  });
  return withConsole(app, { isLoopbackOnly: authentication.by === 'tokens' });
}

function healthOf(
  { mode, services, httpPlugins }: WorkerDeps,
  { relay, inventorySync, callCounts, startedAt }: RunningParts,
) {
  const relayState = relay?.state();
  return {
    ok: relayState === undefined || (relayState.connected && !relayState.storeFailing),
    mode,
    relay: relayState ?? 'not configured',
    // Ingest and the coordinator have one worker each.
    workers: services.length + httpPlugins.length + 2,
    inventory: inventorySync.state(),
    calls: callCounts,
    startedAt,
  };
}
