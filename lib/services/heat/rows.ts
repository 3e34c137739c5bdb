import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { CommonContext, ListOptions, ProjectContext, ServiceApi } from '../../task/service.ts';

export const stackRow = z.object({
  id: z.string(),
  stack_name: z.string(),
  /** Action and status in one word: `DELETE_FAILED`. */
  stack_status: z.string(),
  stack_status_reason: z.string().nullish(),
  /** The owner; only administrators are shown it. */
  project: z.string().nullish(),
  /** The stack that this one is nested in. */
  parent: z.string().nullish(),
  /** The name of the user whose trust it runs with; no row tells the id. */
  stack_owner: z.string().nullish(),
  creation_time: z.string().nullish(),
  updated_time: z.string().nullish(),
});
export type StackRow = z.infer<typeof stackRow>;

/**
 * With the project of the token before it: Heat takes any other for the caller's own, or refuses
 * it.
 */
export const pathOfStack = (row: Pick<StackRow, 'id' | 'stack_name'>): string =>
  `/stacks/${encodeURIComponent(row.stack_name)}/${encodeURIComponent(row.id)}`;

/**
 * A listing of Heat as its administrator sees it. To anybody else Heat shows the own project only,
 * without a word: an empty list. So the path names the foreign project, to which it lets only an
 * administrator (403). 19 to 21 with `enforce_new_defaults` don't let him in either; there another
 * answer must prove that all is seen.
 */
export async function listAsAdministrator<S extends z.ZodType>(
  context: Pick<CommonContext, 'api' | 'memoize'>,
  project: string,
  path: string,
  options: ListOptions<S>,
): Promise<z.infer<S>[]> {
  const { api } = context;
  try {
    return (
      await api.list(path, {
        ...options,
        endpoint: api.endpoint.replace(api.ownProject, encodeURIComponent(project)),
      })
    ).rows;
  } catch (error) {
    if (!(error instanceof PropagatorError) || error.class !== 'Denied') throw error;
    await context.memoize('heat.administrator', () => assertAdministrator(api, error));
    return (await api.list(path, options)).rows;
  }
}

/**
 * Rows that name a project are shown to administrators only; any stack of the cloud will do, a
 * deleted one, too.
 */
async function assertAdministrator(api: ServiceApi, refused: PropagatorError): Promise<void> {
  const query = { show_deleted: true, show_hidden: true, show_nested: true };
  const { rows } = await api.list('/stacks', {
    collection: 'stacks',
    row: stackRow,
    paging: 'marker',
    query,
    atMost: 1,
  });
  if (!rows.some((row) => row.project))
    throw new PropagatorError({
      ...refused.report,
      advice:
        'Heat takes the cleaner for no administrator: give it the role admin, on the project that Keystone names as admin_project_name where it names one.',
    });
}

/**
 * What Heat deletes at one order: stacks that are in no other. A nested stack whose parent kept it
 * (`deletion_policy: Retain`) shows neither among the roots nor below a living stack, so all are
 * read.
 */
export async function rootsOf(context: ProjectContext): Promise<StackRow[]> {
  const query = { tenant: context.project, show_hidden: true, show_nested: true };
  const rows = await listAsAdministrator(context, context.project, '/stacks', {
    collection: 'stacks',
    row: stackRow,
    paging: 'marker',
    query,
  });
  const ids = new Set(rows.map((row) => row.id));
  return rows.filter((row) => !row.parent || !ids.has(row.parent));
}

export const configRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  project: z.string().nullish(),
});

/**
 * Heat has no filter and shows the configurations of the whole cloud; those of others are dropped
 * here.
 */
export const configsOf = (context: ProjectContext): Promise<z.infer<typeof configRow>[]> =>
  context.memoize('heat.software-configs', async () => {
    const listing = { collection: 'software_configs', row: configRow, paging: 'none' } as const;
    const rows = await listAsAdministrator(context, context.project, '/software_configs', listing);
    return rows.filter((row) => row.project === context.project || !row.project);
  });
