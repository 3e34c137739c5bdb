import type { RelayOptions } from './options.ts';
import { type Relay, type RelayDeps, startRelay } from './relay.ts';
import { type BatchStorerDeps, createBatchStorer } from './store.ts';

export type { Relay, RelayState } from './relay.ts';

/**
 * Starts the relay in a process that has an engine. A notification is acknowledged after the commit
 * of its ingestion, or after it was stored in the ingest queue.
 */
export const startRelayWithEngine = (
  options: RelayOptions,
  deps: BatchStorerDeps & Pick<RelayDeps, 'log'>,
): Relay => startRelay(options, { log: deps.log, now: deps.now, store: createBatchStorer(deps) });
