import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type {
  Blocker,
  ProjectContext,
  RequiresLiveProject,
  ServiceApi,
} from '../../task/service.ts';

export const mistralRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
  scope: z.string().nullish(),
  state: z.string().nullish(),
  namespace: z.string().nullish(),
  task_execution_id: z.string().nullish(),
  workflow_id: z.string().nullish(),
  /** Only dynamic actions have this field. */
  code_source_id: z.string().nullish(),
});
export type Row = z.infer<typeof mistralRow>;

/**
 * Returns the API with a token on the project if there is one. Before 2026.1, Mistral lists some
 * resource types to an administrator on another project, but refuses to remove them.
 */
export const preferredApi = ({ api, projectApi }: ProjectContext): ServiceApi => projectApi ?? api;

/**
 * Returns all rows of a collection. The request has no `limit`, because with a limit Mistral's
 * paging fails at rows of other projects. Since 2026.2, Mistral nevertheless limits each answer to
 * [api] max_limit and returns a link to the next page.
 */
export async function listAll(
  api: ServiceApi,
  collection: string,
  query: Readonly<Record<string, string | boolean>> = {},
): Promise<Row[]> {
  const { rows } = await api.list(`/v2/${collection}`, {
    collection,
    row: mistralRow,
    paging: 'next',
    query: { limit: undefined, ...query },
  });
  return rows;
}

/**
 * Returns the rows of the project and the rows without the field `project_id`, so that the owner
 * check reports the latter. Built-in resources have the owner `null` and are dropped.
 */
export const rowsOfProject = (rows: readonly Row[], project: string): Row[] =>
  rows.filter((one) => one.project_id === project || one.project_id === undefined);

/**
 * Returns the event triggers of the project from a listing of all projects, because Mistral 15.0
 * answers 500 to the filter by project.
 */
export const listEventTriggers = async (context: ProjectContext): Promise<Row[]> =>
  rowsOfProject(
    await listAll(preferredApi(context), 'event_triggers', { all_projects: true }),
    context.project,
  );

/** Lists the event triggers again, at most once per iteration. */
export const listEventTriggersAgain = (context: ProjectContext): Promise<Row[]> =>
  context.memoize('mistral.event_triggers.again', () => listEventTriggers(context));

/** Converts a 404 to class `Unsupported`. The 404 means that this release lacks the collection. */
export function asUnsupportedError(error: unknown, resourceType: string, release: string): unknown {
  if (!(error instanceof PropagatorError) || error.class !== 'Gone') return error;
  return new PropagatorError({
    ...error.report,
    code: `mistral.${resourceType}.unsupported`,
    class: 'Unsupported',
    message: `this Mistral (before ${release}) does not have this resource type`,
    advice: 'No action is necessary.',
  });
}

/** Returns the blocker of a public resource, because other projects may use it. */
export const publicBlocker = (one: Row): Blocker | undefined =>
  one.scope === 'public'
    ? {
        message: 'the resource is public: other projects may use it',
        actor: 'operator',
        advice:
          'Delete the resource, or make it private (update it with --private or scope=private), ' +
          'so that the propagator deletes it. If other projects need the resource, first create ' +
          'it in another project.',
      }
    : undefined;

export const requiresLiveProject: RequiresLiveProject = {
  class: 'C',
  leftover: 'workbooks, ad-hoc actions, and environments, whose variables may hold passwords',
  advice:
    'They run nothing. Delete the rows of the project from workbooks_v2, ' +
    'environments_v2 and action_definitions_v2 in the Mistral database.',
};
