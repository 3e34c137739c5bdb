import { atLeast } from './compute-fault.ts';
import type { Call, Reply } from './http.ts';
import type { Server } from './rows.ts';
import type { CloudState } from './state.ts';

interface DownCell {
  /** The hosts of its host mappings. */
  readonly hosts: readonly string[];
  readonly servers: ReadonlySet<string>;
}
const downCells = new WeakMap<CloudState, DownCell>();

/** Takes a cell with these servers down until `undefined` is set. */
export function setDownCell(state: CloudState, cell: DownCell | undefined): void {
  if (cell) downCells.set(state, cell);
  else downCells.delete(state);
}

/** Nova omits the servers of a cell that is down from a filtered list. */
export const isInDownCell = (state: CloudState, { id }: Server): boolean =>
  downCells.get(state)?.servers.has(id) === true;

/** Since 2.69 the hosts of a cell that is down have only a binary, a host and a status. */
export function listComputeServices(state: CloudState, call: Call, version: string): Reply {
  const up = {
    id: 'b5a9d2a4-9f04-4d8b-8a02-0f7b2f3e6c11',
    binary: 'nova-compute',
    host: 'compute-1',
    zone: 'nova',
    status: 'enabled',
    state: 'up',
    updated_at: '2026-01-01T00:00:00.000000',
    disabled_reason: null,
    forced_down: false,
  };
  const hosts = atLeast(version, '2.69') ? (downCells.get(state)?.hosts ?? []) : [];
  const down = hosts.map((host) => ({ binary: 'nova-compute', host, status: 'UNKNOWN' }));
  const wanted = call.query.get('host');
  const services = [up, ...down].filter(({ host }) => wanted === null || host === wanted);
  return { status: 200, json: { services } };
}
