import { createService, type Documented } from '../documented.ts';
import { type Call, Refusal, Routes } from '../http.ts';
import { type Row, type Table, uuid } from '../resource-store.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';

export interface AcceleratorRequest extends Row {
  /** Null until the request is bound, before 15.0.1 and 16.0.1. */
  readonly project_id: string | null;
  readonly device_profile_name: string;
  readonly instance_uuid: string | null;
}
const made = new WeakMap<CloudState, Table<AcceleratorRequest>>();
export const requestsOf = (state: CloudState): Table<AcceleratorRequest> => {
  const known = made.get(state);
  if (!known) throw new TypeError('this cloud has no Cyborg');
  return known;
};
/** From 15.0.1 and 16.0.1 on only Nova can delete a bound request. */
export const release = { guardsBound: false };

/** Cyborg, API v2. An administrator sees the requests of the whole cloud, all in one answer. */
export const cyborg: Documented = {
  name: 'cyborg',
  endpoint: { type: 'accelerator', path: '/v2' },
  open(state) {
    const requests = state.store.table<AcceleratorRequest>('cyborg.accelerator-request', {
      owner: ({ project_id }) => project_id ?? undefined,
      label: (row) => row.device_profile_name,
    });
    made.set(state, requests);
    const isTheirs = (call: Call, row: AcceleratorRequest): boolean =>
      isAdmin(call.token) || row.project_id === ownProject(call.token);
    const routes = new Routes()
      .on('GET', '/v2/accelerator_requests', (call) => ({
        status: 200,
        json: {
          arqs: requests
            .where((row) => isTheirs(call, row))
            .map(({ id, ...row }) => ({ ...row, uuid: id, state: 'Bound' })),
        },
      }))
      .on('DELETE', '/v2/accelerator_requests', (call) => {
        const row = requests.get(call.query.get('arqs') ?? '');
        if (!row || !isTheirs(call, row)) throw new Refusal(404, 'ARQ not found with uuids');
        if (row.instance_uuid !== null && release.guardsBound)
          throw new Refusal(
            403,
            `ARQ ${row.id} is bound to instance ${row.instance_uuid}. Use the Compute API to manage instance accelerators.`,
          );
        if (!call.endless) requests.delete(row.id);
        return { status: 204 };
      });
    return {
      ...createService(state, {
        name: 'cyborg',
        routes,
        refuse: ({ status, message, headers }) => ({
          status,
          headers,
          json: { error_message: message },
        }),
      }),
      seed({ id: project_id }) {
        requests.add({ id: uuid(), project_id, device_profile_name: 'gpu', instance_uuid: uuid() });
        requests.add({ id: uuid(), project_id, device_profile_name: 'fpga', instance_uuid: null });
      },
    };
  },
};
