import { ResourceTypeName } from '../../events/ids.ts';
import type { ProjectContext, UserContext } from './context.ts';
import { typeDependencies } from './dependencies.ts';
import { HELD_BLOCKER } from './held.ts';
import type { Resource, ResourceType, ResourceTypeDefinition } from './resource-type.ts';

/** Creates a resource type for the service with the given name. The type of its rows is hidden. */
export type ResourceTypeFactory<Context = ProjectContext> = (
  service: string,
) => ResourceType<Context>;

/**
 * Defines one resource type of a service file. The row type is inferred from `list` and checked in
 * the other functions. `remove` must be repeatable. With a synchronous API, `remove` returns
 * `gone`. With an asynchronous API, it returns `accepted`.
 *
 * @example
 * const alarm = defineType({
 *   name: 'alarm',
 *   async list({ api, project }) {
 *     const query = { project_id: project };
 *     const options = { collection: 'alarms', row: alarmRow, paging: 'marker', query } as const;
 *     return (await api.list('/v1/alarms', options)).rows;
 *   },
 *   id: (row) => row.id,
 *   owner: (row) => row.project_id ?? undefined,
 *   label: (row) => row.name,
 *   async remove(row, { api }) {
 *     await api.request('DELETE', `/v1/alarms/${encodeURIComponent(row.id)}`);
 *     return { kind: 'gone' };
 *   },
 * });
 */
export function defineType<Row>(definition: ResourceTypeDefinition<Row>): ResourceTypeFactory {
  return hideRowType(definition);
}

/**
 * Defines one resource type of a user. The owner of a row is the user's id. Some resources of a
 * project stop working when a user is deleted, for example a stack that uses a trust of the user.
 * For such a resource, `remove` removes nothing and returns `retained` with advice for the
 * operator.
 *
 * @example
 * const alarmOfUser = defineUserType({
 *   name: 'alarm-of-user',
 *   list: ({ api, user }) => alarmsWithTrustOf(api, user),
 *   id: (row) => row.id,
 *   owner: (row) => row.user_id ?? undefined,
 *   remove: async () => ({
 *     kind: 'retained',
 *     message: 'this alarm uses a trust of the deleted user',
 *     advice: 'Ask another member of the project to recreate the alarm.',
 *   }),
 * });
 */
export function defineUserType<Row>(
  definition: ResourceTypeDefinition<Row, UserContext>,
): ResourceTypeFactory<UserContext> {
  return hideRowType(definition);
}

function hideRowType<Row, Context>(
  definition: ResourceTypeDefinition<Row, Context>,
): ResourceTypeFactory<Context> {
  const { batch } = definition;
  const rowByResource = new WeakMap<Resource, { readonly row: Row }>();
  const rowOf = (resource: Resource): Row => {
    const listedRow = rowByResource.get(resource);
    if (!listedRow)
      throw new TypeError(
        `${definition.name}: ${resource.id} was not listed by this resource type`,
      );
    return listedRow.row;
  };
  return (service) => ({
    name: ResourceTypeName.parse(`${service}.${definition.name}`),
    requiresLiveProject: definition.requiresLiveProject,
    blockers: definition.blockers ?? [],
    dependsOn: typeDependencies(service, definition.dependsOn ?? []),
    independentOf: definition.independentOf ?? [],
    async list(context) {
      const listing = await definition.list(context);
      const { rows, hasMore, total } =
        'rows' in listing ? listing : { rows: listing, hasMore: false, total: undefined };
      // Without `hasMore`, an incomplete listing would count as complete. No compiler checks the
      // module of a plugin.
      if (typeof hasMore !== 'boolean')
        throw new TypeError(
          `${definition.name}: the listing has rows and no boolean hasMore: it may be incomplete`,
        );
      const resources = rows.map((row) => {
        const resource = resourceOf(row, definition, context);
        rowByResource.set(resource, { row });
        return resource;
      });
      return { hasMore, total, resources };
    },
    batch: batch && {
      maxItems: batch.maxItems,
      remove: (resources, context) => batch.remove(resources.map(rowOf), context),
    },
  });
}

const resourceOf = <Row, Context>(
  row: Row,
  definition: ResourceTypeDefinition<Row, Context>,
  context: Context,
): Resource => ({
  id: definition.id(row),
  owner: definition.owner(row),
  label: definition.label?.(row),
  createdAt: definition.createdAt?.(row) || undefined,
  blocked: definition.isHeld?.(row) ? HELD_BLOCKER : definition.blocked?.(row, context),
  idsDeletedTogether:
    definition.idsDeletedTogether &&
    (async (heldTypes) => (await definition.idsDeletedTogether?.(row, context, heldTypes)) ?? []),
  remove: () => definition.remove(row, context),
});
