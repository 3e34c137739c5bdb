import type { Reply, Routes } from './http.ts';
import { agrees, collection } from './keystone-shape.ts';
import type { CloudState } from './state.ts';

/** Identity providers and the configuration of domains, of which this cloud has none. */
export function federation({ identity }: CloudState, routes: Routes): void {
  routes
    .on('GET', '/v3/OS-FEDERATION/identity_providers', (call) =>
      collection(
        call,
        'identity_providers',
        identity.providers.where((row) => agrees(call, 'domain_id', row.domain_id)),
      ),
    )
    .on('GET', '/v3/OS-FEDERATION/identity_providers/:id/protocols', (call) =>
      collection(call, 'protocols', []),
    )
    .on(
      'GET',
      '/v3/domains/:id/config',
      (): Reply => ({
        status: 404,
        json: { error: { code: 404, message: 'Could not find any options', title: 'Not Found' } },
      }),
    );
}
