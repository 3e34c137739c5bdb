import type { Routes } from '../documented.ts';
import { Refusal } from '../http.ts';
import type { CloudState } from '../state.ts';
import { isAdmin, ownProject } from '../tokens.ts';
import { byId, found, ofToken } from './trove-call.ts';
import type { Tables } from './trove-rows.ts';

/**
 * Modules, configuration groups and limits. An administrator gets the modules and groups of all
 * projects, and only modules name their owner.
 */
export function settingRoutes(state: CloudState, tables: Tables, routes: Routes): void {
  const { configurations, instances, modules } = tables;
  const isThere = (id: string | undefined): boolean =>
    instances.some((row) => row.id === id && !row.deleted && row.task !== 'DELETING');
  routes
    .on(
      'GET',
      '/v1.0/:tenant/modules',
      ofToken((call) => {
        const own = ownProject(call.token);
        if (isAdmin(call.token) && tables.moduleListing === 'broken')
          throw new Refusal(500, 'Internal Server Error. Please keep this ID to help us.');
        const seen = modules.where(
          (row) => isAdmin(call.token) || row.tenant_id === null || row.tenant_id === own,
        );
        const show = ({ id, name, tenant_id }: (typeof seen)[number]) => ({
          id,
          name,
          tenant_id,
          tenant: tenant_id ?? 'all',
        });
        return { status: 200, json: { modules: seen.map(show) } };
      }),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/modules/:id',
      ofToken((call) => {
        const row = found(call, modules, 'Module');
        if (isThere(row.applied_to))
          throw new Refusal(
            403,
            'A module cannot be deleted or its contents modified if it has been applied to a non-terminated instance, unless the module has been marked as live_update.',
          );
        if (!call.endless) modules.delete(row.id);
        return { status: 200 };
      }),
    )
    .on(
      'GET',
      '/v1.0/:tenant/configurations',
      ofToken((call) => {
        const seen = configurations.where(
          (row) => isAdmin(call.token) || row.tenant_id === ownProject(call.token),
        );
        return byId(call, seen, 'configurations', ({ id, name }) => ({
          id,
          name,
          description: null,
        }));
      }),
    )
    .on(
      'DELETE',
      '/v1.0/:tenant/configurations/:id',
      ofToken((call) => {
        const row = found(call, configurations, 'Configuration group with ID');
        const own = ownProject(call.token);
        if (
          instances.some(
            (one) => one.tenant_id === own && one.configuration_id === row.id && isThere(one.id),
          )
        )
          throw new Refusal(
            400,
            'A configuration group cannot be deleted if it is associated with one or more non-terminated instances. Detach the configuration group from all non-terminated instances and please try again.',
          );
        if (!call.endless) configurations.delete(row.id);
        return { status: 202 };
      }),
    )
    .on(
      'GET',
      '/v1.0/:tenant/mgmt/quotas/:id',
      ofToken(() => {
        state.sideEffects.push('rows of usage were made by looking at limits');
        return { status: 200, json: { quotas: [] } };
      }),
    );
}
