import { createService, type Documented, maySee, Routes } from '../documented.ts';
import { param, Refusal } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin } from '../tokens.ts';

export interface Lease extends Row {
  readonly name: string;
  readonly project_id: string;
  user_id: string;
  status: string;
  /**
   * A deletion failed half-way. The end of the lease is marked as begun, so Blazar refuses every
   * later deletion.
   */
  halfEnded: boolean;
  readonly created_at: number;
  updated_at: number;
}

const opened = new WeakMap<CloudState, Table<Lease>>();
/** Returns the leases of a cloud that was started with Blazar. */
export function leasesOf(state: CloudState): Table<Lease> {
  const table = opened.get(state);
  if (!table) throw new TypeError('this cloud has no Blazar');
  return table;
}

/** `2026-11-23 05:42:05`. */
const time = (at: number): string => new Date(at).toISOString().slice(0, 19).replace('T', ' ');
const show = (row: Lease) => ({
  id: row.id,
  name: row.name,
  project_id: row.project_id,
  user_id: row.user_id,
  trust_id: 'a-trust',
  status: row.status,
  degraded: false,
  created_at: time(row.created_at),
  updated_at: time(row.updated_at),
  reservations: [],
  events: [],
});
const DELETABLE = ['PENDING', 'ACTIVE', 'TERMINATED', 'ERROR'];

/** Blazar v1 as of 2026.1. An error in its manager is a 500. */
export const blazar: Documented = {
  name: 'blazar',
  endpoint: { type: 'reservation', path: '/v1' },
  open(state) {
    const leases = state.store.table<Lease>('blazar.lease', {
      owner: (row) => row.project_id,
      label: (row) => row.name,
    });
    opened.set(state, leases);
    const become = (row: Lease, status: string): void => {
      row.status = status;
      row.updated_at = state.clock.now();
    };
    const routes = new Routes()
      .on('GET', '/v1/leases', (call) => ({
        status: 200,
        json: { leases: leases.where((row) => maySee(call.token, row.project_id)).map(show) },
      }))
      .on('GET', '/v1/os-hosts/:id', (call) => {
        if (!isAdmin(call.token))
          throw new Refusal(403, "Policy doesn't allow blazar:oshosts:get to be performed");
        throw new Refusal(404, "Object with {'host_id': '0'} not found");
      })
      .on('DELETE', '/v1/leases/:id', (call) => {
        const row = leases.get(param(call, 'id'));
        if (!row)
          throw new Refusal(404, `Object with {'lease_id': '${param(call, 'id')}'} not found`);
        if (!maySee(call.token, row.project_id))
          throw new Refusal(403, "Policy doesn't allow blazar:leases:get to be performed");
        if (!DELETABLE.includes(row.status) || row.halfEnded)
          throw new Refusal(500, 'Invalid lease status.');
        // Blazar uses the trust of the creator, for every caller.
        const canLogIn =
          state.identity.users.get(row.user_id)?.enabled &&
          state.identity.projects.get(row.project_id)?.enabled;
        if (!canLogIn) {
          row.halfEnded = row.status === 'ACTIVE';
          become(row, 'ERROR');
          throw new Refusal(500, 'Internal Server Error');
        }
        leases.delete(row.id);
        return { status: 204 };
      });
    const front = createService(state, {
      name: 'blazar',
      routes,
      refuse: ({ status, message, headers }) => ({
        status,
        headers,
        json: { error_code: status, error_message: message, error_name: status },
      }),
    });
    return {
      ...front,
      seed(project, user) {
        const old = state.clock.now() - 7_200_000;
        for (const status of DELETABLE)
          leases.add({
            id: uuid(),
            name: status.toLowerCase(),
            project_id: project.id,
            user_id: user.id,
            status,
            halfEnded: false,
            created_at: old,
            updated_at: old,
          });
      },
    };
  },
};
