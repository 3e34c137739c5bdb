import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type {
  Blocker,
  ProjectContext,
  RequiresLiveProject,
  ServiceApi,
} from '../../task/service.ts';

export const row = z.object({
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
export type Row = z.infer<typeof row>;

/**
 * Prefers a token on the project, because before 2026.1 an administrator on another project can see
 * some resource types but cannot remove them.
 */
export const apiOf = ({ api, projectApi }: ProjectContext): ServiceApi => projectApi ?? api;

/**
 * Returns all rows of a collection. The request has no `limit`, because with a limit the paging
 * fails at rows of other projects. Since 2026.2, Mistral limits each answer to [api] max_limit and
 * returns a link to the next page.
 */
export async function listAll(
  api: ServiceApi,
  collection: string,
  query: Readonly<Record<string, string | boolean>> = {},
): Promise<Row[]> {
  const { rows } = await api.list(`/v2/${collection}`, {
    collection,
    row,
    paging: 'next',
    query: { limit: undefined, ...query },
  });
  return rows;
}

/**
 * Filters by project where Mistral has no such filter. Built-in resources have the owner `null`.
 * Rows without the field remain, so that the owner check reports them.
 */
export const ofProject = (rows: readonly Row[], project: string): Row[] =>
  rows.filter((one) => one.project_id === project || one.project_id === undefined);

/**
 * Lists the event triggers of all projects, because Mistral 15.0 answers 500 to the filter by
 * project.
 */
export const eventTriggers = async (context: ProjectContext): Promise<Row[]> =>
  ofProject(
    await listAll(apiOf(context), 'event_triggers', { all_projects: true }),
    context.project,
  );

/** Lists the event triggers again within the same iteration. */
export const eventTriggersAgain = (context: ProjectContext): Promise<Row[]> =>
  context.memoize('mistral.event_triggers.again', () => eventTriggers(context));

/** Converts a 404 to class `Unsupported`: only later releases have the collection. */
export function toUnsupported(error: unknown, resourceType: string, release: string): unknown {
  if (!(error instanceof PropagatorError) || error.class !== 'Gone') return error;
  return new PropagatorError({
    ...error.report,
    code: `mistral.${resourceType}.unsupported`,
    class: 'Unsupported',
    message: `this Mistral (before ${release}) does not have this resource type`,
    advice: 'No action is necessary.',
  });
}

/** Blocks a public resource, because other projects may use it. */
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
  leftover: 'workbooks, environments and ad-hoc actions (their variables may hold passwords)',
  advice:
    'They run nothing. Delete the rows of the project from workbooks_v2, ' +
    'environments_v2 and action_definitions_v2 in the Mistral database.',
};
