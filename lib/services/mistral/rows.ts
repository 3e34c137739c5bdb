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
});
export type Row = z.infer<typeof row>;

/**
 * Before 2026.1 an administrator elsewhere sees some resource types and removes none of them: the
 * project's own token is better as long as there is one.
 */
export const apiOf = ({ api, projectApi }: ProjectContext): ServiceApi => projectApi ?? api;

/**
 * All rows of a collection. No `limit`: without one Mistral answers with everything, and with one
 * it finds the row after which a page begins only for a token on that row's project. From 2026.2 on
 * it cuts at [api] max_limit all the same, and links on.
 */
export async function all(
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
 * Where Mistral has no filter by project. `null` is the owner of what comes with Mistral; a row
 * that does not name one at all is let through.
 */
export const ofProject = (rows: readonly Row[], project: string): Row[] =>
  rows.filter((one) => one.project_id === project || one.project_id === undefined);

/** Their filter by project is broken (15.0 answers 500): those of all projects are listed. */
export const eventTriggers = async (context: ProjectContext): Promise<Row[]> =>
  ofProject(await all(apiOf(context), 'event_triggers', { all_projects: true }), context.project);

/** Once more in the same round, for what is left of them. */
export const eventTriggersAgain = (context: ProjectContext): Promise<Row[]> =>
  context.memoize('mistral.event_triggers.again', () => eventTriggers(context));

/** A collection that came with a later release. */
export function lacking(error: unknown, resourceType: string, release: string): unknown {
  if (!(error instanceof PropagatorError) || error.class !== 'Gone') return error;
  return new PropagatorError({
    ...error.report,
    code: `mistral.${resourceType}.unsupported`,
    class: 'Unsupported',
    message: `this Mistral (before ${release}) has none`,
    advice: 'Nothing to do.',
  });
}

/** Only an administrator can publish, and other projects may have built on it since. */
export const publicOne = (one: Row): Blocker | undefined =>
  one.scope === 'public'
    ? {
        message: 'it is public: other projects may use it',
        actor: 'operator',
        advice:
          'Make it private (update it with --private or scope=private), or remove it, or keep it in a project of your own.',
      }
    : undefined;

export const requiresLiveProject: RequiresLiveProject = {
  class: 'C',
  leftover:
    'workbooks, environments and ad-hoc actions (definitions and variables, which may hold passwords)',
  advice:
    "They run nothing by themselves; remove the project's rows from workbooks_v2, environments_v2 and action_definitions_v2 in Mistral's database.",
};
