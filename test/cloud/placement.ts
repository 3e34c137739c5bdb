import { atLeast, microversion } from './compute-fault.ts';
import { type Call, type Front, param, Refusal, Routes } from './http.ts';
import type { CloudState } from './state.ts';
import { ownProject, tokenOf } from './tokens.ts';

/** Placement as of version 8 (Zed): the usage of the servers of a project. */
export function placement(state: CloudState): Front {
  const range = { lowest: '1.0', highest: state.options.microversions.placement };
  const version = (call: Call): string => microversion(call, 'placement', range);
  const routes = new Routes()
    .on('GET', '/usages', (call) => {
      if (!atLeast(version(call), '1.9'))
        throw new Refusal(404, 'The resource could not be found.');
      const project = call.query.get('project_id');
      if (project === null)
        throw new Refusal(
          400,
          "The server could not comply with the request since it is either malformed or otherwise incorrect.\n\n JSON does not validate: 'project_id' is a required property",
        );
      // Nova deletes the allocation of a server that it offloads.
      const servers = state.compute.servers.where(
        (row) => row.project_id === project && row.vm_state !== 'shelved_offloaded',
      );
      if (servers.length === 0) return { status: 200, json: { usages: {} } };
      const sum = { VCPU: servers.length, MEMORY_MB: servers.length * 64 };
      return {
        status: 200,
        json: {
          usages: atLeast(version(call), '1.38')
            ? { unknown: { consumer_count: servers.length, ...sum } }
            : sum,
        },
      };
    })
    .on('GET', '/allocations/:consumer', () => ({ status: 200, json: { allocations: {} } }))
    .on('DELETE', '/allocations/:consumer', (call) => {
      throw new Refusal(
        404,
        `The resource could not be found.\n\n No allocations for consumer '${param(call, 'consumer')}'  `,
      );
    });
  return {
    name: 'placement',
    handle(call) {
      if (call.path === '/')
        return {
          status: 200,
          json: {
            versions: [
              {
                id: 'v1.0',
                max_version: range.highest,
                min_version: range.lowest,
                status: 'CURRENT',
                links: [{ rel: 'self', href: '' }],
              },
            ],
          },
        };
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (!call.token)
        throw new Refusal(
          401,
          'This server could not verify that you are authorized to access the document you requested.',
        );
      ownProject(call.token);
      const handler = routes.find(call, call.path);
      if (!handler) throw new Refusal(404, 'The resource could not be found.\n\n   ');
      return handler(call);
    },
    refuse: ({ status, message, headers }, call) => ({
      status,
      headers,
      json: { errors: [{ status, title: 'Error', detail: message, request_id: call.requestId }] },
    }),
    headers: (call) => ({
      'openstack-api-version': `placement ${version(call)}`,
      vary: 'openstack-api-version',
      'x-openstack-request-id': call.requestId,
    }),
  };
}
